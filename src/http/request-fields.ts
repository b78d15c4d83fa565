import { parseAuthority } from './authority.ts';
import { CONNECTION_CLOSE, CONNECTION_NOMINATES, connectionOptions } from './connection-options.ts';
import { fieldValueOfKind } from './fields.ts';
import {
  FIELD_CONNECTION,
  FIELD_CONTENT_LENGTH,
  FIELD_EXPECT,
  FIELD_HOST,
  FIELD_TRANSFER_ENCODING,
  knownRequestField,
} from './known-fields.ts';
import type { Refusal, RequestHead } from './request-head.ts';
import { CHAR_CLASS, DIGIT, isToken, isWordAt } from './tokens.ts';

/**
 * What the marked fields of a request mean for the proxy itself: framing (RFC 9112 6), host (3.2), persistence (9.3), Expect
 * (RFC 9110 10.1.1). Anything that two readers could take differently is refused.
 */
export function interpretRequestFields(head: RequestHead): Refusal | undefined {
  const { kinds, count } = head.marks;
  let host = -1;
  let length = -1;
  let coding = -1;
  let options = 0;
  let hasExpect = false;
  for (let i = 0; i < count; i++) {
    switch (kinds[i]) {
      case FIELD_HOST:
        if (host >= 0) return 'bad-host';
        host = i;
        break;
      case FIELD_CONTENT_LENGTH:
        if (length >= 0) return 'bad-length';
        length = i;
        break;
      case FIELD_TRANSFER_ENCODING:
        if (coding >= 0) return refusedCoding(fieldValueOfKind(head, FIELD_TRANSFER_ENCODING) ?? '');
        coding = i;
        break;
      case FIELD_CONNECTION:
        options |= connectionOptions(head, i, knownRequestField);
        break;
      case FIELD_EXPECT:
        hasExpect = true;
        break;
    }
  }
  // RFC 9112 9.3: a proxy must not keep a connection to an HTTP/1.0 client, `keep-alive` or not (see its appendix C.2.2).
  head.keepAlive = head.minor > 0 && (options & CONNECTION_CLOSE) === 0;
  head.hasNominated = (options & CONNECTION_NOMINATES) !== 0;
  return takeFraming(head, length, coding) ?? takeHost(head, host) ?? takeContent(head) ?? (hasExpect ? takeExpect(head) : undefined);
}

function takeFraming(head: RequestHead, length: number, coding: number): Refusal | undefined {
  if (length >= 0) {
    head.contentLength = parseLength(head.text, head.marks.valueStarts[length] ?? 0, head.marks.valueEnds[length] ?? 0);
    if (head.contentLength < 0) return 'bad-length';
  }
  if (coding < 0) return undefined;
  if (!isValue(head, coding, 'chunked')) return refusedCoding(valueAt(head, coding));
  if (length >= 0) return 'length-and-coding';
  if (head.minor === 0) return 'coding-in-http-1.0';
  head.isChunked = true;
  return undefined;
}

/** 1*DIGIT up to 2^53-1 (RFC 9110 8.6); -1 for anything else, a list of equal ones too. */
export function parseLength(text: string, start: number, end: number): number {
  if (start === end) return -1;
  let length = 0;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (((CHAR_CLASS[code] ?? 0) & DIGIT) === 0) return -1;
    // The digit first: a sum above 2^53 on the way would be rounded.
    length = length * 10 + (code - 0x30);
    if (length > Number.MAX_SAFE_INTEGER) return -1;
  }
  return length;
}

/** Other codings under a final `chunked` are understandable but not understood (501); all else leaves the end of the body unknown (400). RFC 9112 6.1, 6.3. */
function refusedCoding(value: string): Refusal {
  const codings = value.split(',').map((coding) => coding.trim().toLowerCase());
  const last = codings.pop();
  const names = codings.map((coding) => coding.split(';', 1)[0]?.trim() ?? '');
  const isLayered = last === 'chunked' && names.length > 0 && names.every((name) => isToken(name) && name !== 'chunked');
  return isLayered ? 'unsupported-transfer-encoding' : 'bad-transfer-encoding';
}

/** RFC 9112 3.2: exactly one valid Host in HTTP/1.1, checked even where an absolute-form target overrides it. An HTTP/1.0 request may have an empty one or none. */
function takeHost(head: RequestHead, host: number): Refusal | undefined {
  if (host < 0) return head.minor > 0 ? 'missing-host' : undefined;
  const value = valueAt(head, host);
  if (value === '' && head.minor === 0) return undefined;
  const authority = parseAuthority(value);
  if (authority === undefined) return 'bad-host';
  if (head.authority === '') head.authority = authority;
  return undefined;
}

/** RFC 9110 9.3.8: TRACE has no content, and we would be the client that sends it on. */
function takeContent(head: RequestHead): Refusal | undefined {
  return head.method === 'TRACE' && (head.contentLength > 0 || head.isChunked) ? 'content-in-trace' : undefined;
}

/** RFC 9110 10.1.1: a list. An HTTP/1.0 expectation is ignored; so is one without a body to wait for. */
function takeExpect(head: RequestHead): Refusal | undefined {
  if (head.minor === 0) return undefined;
  const members = (fieldValueOfKind(head, FIELD_EXPECT) ?? '').split(',').map((member) => member.trim().toLowerCase());
  if (members.some((member) => member !== '' && member !== '100-continue')) return 'bad-expect';
  head.expectsContinue = members.includes('100-continue') && (head.contentLength > 0 || head.isChunked);
  return undefined;
}

function isValue(head: RequestHead, index: number, lower: string): boolean {
  return isWordAt(head.text, head.marks.valueStarts[index] ?? 0, head.marks.valueEnds[index] ?? 0, lower);
}

function valueAt(head: RequestHead, index: number): string {
  return head.text.slice(head.marks.valueStarts[index] ?? 0, head.marks.valueEnds[index] ?? 0);
}
