/** At most this many bytes come out of one character: `\u00e9`. */
export const MAX_ESCAPED_BYTES = 6;
/** The longest whole number with its sign, and a point and three decimals. */
export const MAX_NUMBER_BYTES = 24;

/** What may stand in a JSON string as it is: printable ASCII but quote and backslash. Two expressions, since `g` makes `test` remember. */
const UNSAFE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/;
const EACH_UNSAFE = /[^\x20\x21\x23-\x5b\x5d-\x7e]/g;

/**
 * The first `maxChars` of a text as the inside of a JSON string. All that is not plain becomes `\u00xx`, bytes above 0x7e
 * too: a client's bytes are not known to be UTF-8, and so a line is ASCII whatever he sends.
 */
export function escapeText(text: string, maxChars: number): string {
  const kept = text.length > maxChars ? text.slice(0, maxChars) : text;
  return UNSAFE.test(kept) ? kept.replace(EACH_UNSAFE, escapeCode) : kept;
}

function escapeCode(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** `.000` to `.999`: printing a fraction as a number costs five times as much. */
const FRACTIONS: readonly string[] = Array.from({ length: 1000 }, (_, at) => `.${String(at).padStart(3, '0')}`);

/** The fraction of 0..999 thousandths. */
export function formatThousandths(thousandths: number): string {
  return FRACTIONS[thousandths] ?? '.000';
}

/** A whole number; anything else is 0. */
export function formatInteger(value: number): number {
  return Number.isSafeInteger(value) ? value : 0;
}

/** A time in ms with three decimals, which is microseconds; 0 for what is no time. */
export function formatMillis(ms: number): string {
  const micros = Math.round(ms * 1000);
  if (!Number.isSafeInteger(micros) || micros < 0) return '0';
  const whole = Math.floor(micros / 1000);
  return whole + formatThousandths(micros - whole * 1000);
}
