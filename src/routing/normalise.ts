/**
 * One spelling for every path, so that no other spelling of the same path slips past a route. Percent-escapes of unreserved
 * characters are decoded, the others get upper-case digits, bytes above 127 are escaped (RFC 3986 6.2.2), dot segments are
 * resolved (5.2.4). Slashes that follow one another are kept.
 */

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const SEMICOLON = 0x3b;

/** 1 = cannot make a path differ from its normal form. */
const PLAIN = new Uint8Array(256).fill(1, 0, 128);
for (const special of '.%\\') PLAIN[special.charCodeAt(0)] = 0;

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const HEX = '0123456789ABCDEF';

/**
 * A segment that some origins resolve as a dot segment and others do not: dots beside an escaped slash or a backslash, or
 * before a path parameter (`..;x`). Nobody who means well sends it.
 */
const HIDDEN_DOTS = /(?:^|\\|%5C|%2F)\.\.?(?:$|\\|%5C|%2F|;)/;

/**
 * A segment that is none or several to some origins: they decode slashes, take a backslash for one, or leave parameters out, and merge
 * what then follows one another. To climb out of it leads them elsewhere than us: of `/public/%2F/../admin` they make `/admin`.
 */
const UNCLEAR_DEPTH = /%2F|%5C|\\|^;/;

/**
 * The normal form; the very same string where nothing is to do. `*` (asterisk-form) stays. `undefined`: not a path, a bad
 * escape or `%00`, a climb above the root, or dots that two parsers could read differently, or that lead out of a segment which they could;
 * the caller answers 400.
 */
export function normalisePath(path: string): string | undefined {
  if (path.charCodeAt(0) !== SLASH) return path === '*' ? path : undefined;
  for (let i = 1; i < path.length; i++) {
    const code = path.charCodeAt(i);
    if (PLAIN[code] === 1) continue;
    if (code !== DOT) return normaliseSlowly(path);
    if (path.charCodeAt(i - 1) === SLASH && mayEndDots(path.charCodeAt(i + 1))) return normaliseSlowly(path);
  }
  return path;
}

/** `next` follows a segment's first dot; NaN = the end of the path. */
function mayEndDots(next: number): boolean {
  return next === SLASH || next === DOT || next === SEMICOLON || Number.isNaN(next);
}

function normaliseSlowly(path: string): string | undefined {
  const text = normaliseEscapes(path);
  return text === undefined ? undefined : resolveDots(text);
}

/** Escapes in their one spelling; `undefined` for a bad one and for `%00`. `text` is latin1. */
export function normaliseEscapes(text: string): string | undefined {
  let normal = '';
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === PERCENT) {
      const value = hexValue(text.charCodeAt(i + 1)) * 16 + hexValue(text.charCodeAt(i + 2));
      // Not a number where a digit is none.
      if (!(value > 0)) return undefined;
      normal += spell(value);
      i += 2;
    } else normal += code < 128 ? text.charAt(i) : escapeOf(code);
  }
  return normal;
}

function spell(value: number): string {
  const character = String.fromCharCode(value);
  return UNRESERVED.test(character) ? character : escapeOf(value);
}

function escapeOf(value: number): string {
  return `%${HEX.charAt(value >> 4)}${HEX.charAt(value & 15)}`;
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : Number.NaN;
}

function resolveDots(path: string): string | undefined {
  const segments = path.split('/').slice(1);
  const kept: string[] = [];
  for (const [i, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..';
    if (!isDots) {
      if (HIDDEN_DOTS.test(segment)) return undefined;
      kept.push(segment);
      continue;
    }
    if (segment === '..' && !canLeave(kept.pop())) return undefined;
    // Dots at the end name the folder itself: `/a/.` is `/a/`.
    if (i === segments.length - 1) kept.push('');
  }
  return `/${kept.join('/')}`;
}

/** To climb out of an empty segment (`/a//..`), too, means different things to those who merge slashes and those who do not. */
function canLeave(segment: string | undefined): boolean {
  return segment !== undefined && segment !== '' && !UNCLEAR_DEPTH.test(segment);
}
