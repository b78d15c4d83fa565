import { parseAuthority } from './authority.ts';
import type { Refusal, RequestHead } from './request-head.ts';
import { CHAR_CLASS, DIGIT, TARGET_CHAR, TCHAR } from './tokens.ts';

/**
 * `method SP request-target SP HTTP-version CRLF` (RFC 9112 3), one space each and nothing else. Fills method, target, path,
 * query, minor, fieldsStart, and authority if the target is in absolute-form.
 */
export function parseRequestLine(text: string, head: RequestHead, maxTargetBytes: number): Refusal | undefined {
  let at = 0;
  while (((CHAR_CLASS[text.charCodeAt(at)] ?? 0) & TCHAR) !== 0) at++;
  if (text.charCodeAt(at) !== 0x20) return isLineEnd(text, at) ? 'malformed-request-line' : 'bad-method';
  if (at === 0) return 'malformed-request-line';
  head.method = methodName(text, at);
  const targetStart = ++at;
  while (((CHAR_CLASS[text.charCodeAt(at)] ?? 0) & TARGET_CHAR) !== 0) at++;
  if (at - targetStart > maxTargetBytes) return 'target-too-long';
  if (text.charCodeAt(at) !== 0x20) return isLineEnd(text, at) ? 'malformed-request-line' : 'bad-target';
  if (at === targetStart) return 'malformed-request-line';
  head.target = text.slice(targetStart, at);
  return parseVersion(text, at + 1, head) ?? parseTarget(head);
}

function isLineEnd(text: string, at: number): boolean {
  return at >= text.length || text.charCodeAt(at) === 0x0d || text.charCodeAt(at) === 0x0a;
}

/** The usual methods as constants, so that comparing them later is comparing pointers. */
function methodName(text: string, length: number): string {
  if (length === 3 && text.charCodeAt(0) === 0x47 && text.charCodeAt(1) === 0x45 && text.charCodeAt(2) === 0x54) return 'GET';
  if (length === 4 && text.startsWith('POST')) return 'POST';
  if (length === 4 && text.startsWith('HEAD')) return 'HEAD';
  return text.slice(0, length);
}

/** `HTTP/` DIGIT `.` DIGIT CRLF (RFC 9112 2.3); the name is case-sensitive. */
function parseVersion(text: string, start: number, head: RequestHead): Refusal | undefined {
  const major = text.charCodeAt(start + 5);
  const minor = text.charCodeAt(start + 7);
  if (!text.startsWith('HTTP/', start) || !isDigit(major) || text.charCodeAt(start + 6) !== 0x2e || !isDigit(minor)) return 'bad-version';
  if (text.charCodeAt(start + 8) !== 0x0d || text.charCodeAt(start + 9) !== 0x0a) return 'malformed-request-line';
  if (major !== 0x31) return 'unsupported-version';
  head.minor = minor - 0x30;
  head.fieldsStart = start + 10;
  return undefined;
}

function isDigit(code: number): boolean {
  return ((CHAR_CLASS[code] ?? 0) & DIGIT) !== 0;
}

/** The forms of RFC 9112 3.2. */
function parseTarget(head: RequestHead): Refusal | undefined {
  const target = head.target;
  if (head.method === 'CONNECT') return 'connect-refused';
  if (target.charCodeAt(0) === 0x2f) {
    splitPath(target, head);
    return undefined;
  }
  if (target === '*') {
    head.path = '*';
    head.query = '';
    return head.method === 'OPTIONS' ? undefined : 'bad-target';
  }
  return parseAbsoluteForm(target, head);
}

function splitPath(pathAndQuery: string, head: RequestHead): void {
  const mark = pathAndQuery.indexOf('?');
  head.path = mark < 0 ? pathAndQuery : pathAndQuery.slice(0, mark);
  head.query = mark < 0 ? '' : pathAndQuery.slice(mark);
}

/** RFC 9112 3.2.2. User information is refused (RFC 9110 4.2.4); `OPTIONS http://host` means `*` (RFC 9112 3.2.4). */
function parseAbsoluteForm(target: string, head: RequestHead): Refusal | undefined {
  const authorityStart = schemeLength(target);
  if (authorityStart === 0) return 'bad-target';
  let authorityEnd = authorityStart;
  while (authorityEnd < target.length && target.charCodeAt(authorityEnd) !== 0x2f && target.charCodeAt(authorityEnd) !== 0x3f)
    authorityEnd++;
  const authority = parseAuthority(target.slice(authorityStart, authorityEnd));
  if (authority === undefined) return 'bad-target';
  head.authority = authority;
  const rest = target.slice(authorityEnd);
  if (rest === '' && head.method === 'OPTIONS') splitPath('*', head);
  else splitPath(rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`, head);
  return undefined;
}

function schemeLength(target: string): number {
  const scheme = target.slice(0, 8).toLowerCase();
  if (scheme.startsWith('http://')) return 7;
  return scheme === 'https://' ? 8 : 0;
}
