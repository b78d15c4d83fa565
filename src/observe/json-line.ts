/** At most this many bytes come out of one character: `\u00e9`. */
export const MAX_ESCAPED_BYTES = 6;
/** Bytes of the longest number: 16 digits, a sign, and a fraction of three. */
export const MAX_NUMBER_BYTES = 24;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const MINUS = 0x2d;
const DOT = 0x2e;
const LOWER_U = 0x75;
const HEX = [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66];

/**
 * 1 where a latin1 byte may stand in a JSON string as it is: printable ASCII but quote and backslash. All others are written
 * as `\u00xx`, bytes above 0x7e too: they are not known to be UTF-8, and so a line is ASCII whatever a client sends.
 */
const IS_PLAIN = new Uint8Array(256);
for (let code = 0x20; code < 0x7f; code += 1) IS_PLAIN[code] = code === QUOTE || code === BACKSLASH ? 0 : 1;

/**
 * Writers into a byte buffer, for lines of JSON: each writes at `at` and returns the place after what it wrote. The caller
 * has made sure of the room. They loop over characters, which for texts of this length costs less than a call out of JavaScript.
 */
export function writeAscii(bytes: Uint8Array, start: number, text: string): number {
  let at = start;
  for (let index = 0; index < text.length; index += 1) {
    bytes[at] = text.charCodeAt(index);
    at += 1;
  }
  return at;
}

/** Writes the first `maxChars` of a latin1 text as the inside of a JSON string. */
export function writeEscaped(bytes: Uint8Array, start: number, text: string, maxChars: number): number {
  const length = text.length < maxChars ? text.length : maxChars;
  let at = start;
  for (let index = 0; index < length; index += 1) {
    const code = text.charCodeAt(index);
    if (IS_PLAIN[code] === 1) {
      bytes[at] = code;
      at += 1;
    } else {
      at = writeUnicodeEscape(bytes, at, code);
    }
  }
  return at;
}

function writeUnicodeEscape(bytes: Uint8Array, at: number, code: number): number {
  bytes[at] = BACKSLASH;
  bytes[at + 1] = LOWER_U;
  bytes[at + 2] = HEX[(code >> 12) & 15] ?? 0;
  bytes[at + 3] = HEX[(code >> 8) & 15] ?? 0;
  bytes[at + 4] = HEX[(code >> 4) & 15] ?? 0;
  bytes[at + 5] = HEX[code & 15] ?? 0;
  return at + MAX_ESCAPED_BYTES;
}

/** Writes a whole number, |value| < 2^53; anything else is written as 0. */
export function writeInteger(bytes: Uint8Array, start: number, value: number): number {
  if (!Number.isSafeInteger(value)) return writeInteger(bytes, start, 0);
  if (value >= 0) return writeDigits(bytes, start, value);
  bytes[start] = MINUS;
  return writeDigits(bytes, start + 1, -value);
}

function writeDigits(bytes: Uint8Array, start: number, value: number): number {
  let length = 1;
  for (let bound = 10; value >= bound; bound *= 10) length += 1;
  let rest = value;
  for (let at = start + length - 1; at >= start; at -= 1) {
    const next = Math.floor(rest / 10);
    bytes[at] = ZERO + (rest - next * 10);
    rest = next;
  }
  return start + length;
}

/** Writes a time in ms with three decimals, which is microseconds. */
export function writeMillis(bytes: Uint8Array, start: number, ms: number): number {
  const micros = Math.round(ms * 1000);
  if (!Number.isSafeInteger(micros) || micros < 0) return writeInteger(bytes, start, 0);
  const whole = Math.floor(micros / 1000);
  const part = micros - whole * 1000;
  const at = writeDigits(bytes, start, whole);
  bytes[at] = DOT;
  bytes[at + 1] = ZERO + Math.floor(part / 100);
  bytes[at + 2] = ZERO + (Math.floor(part / 10) % 10);
  bytes[at + 3] = ZERO + (part % 10);
  return at + 4;
}
