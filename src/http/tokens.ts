/**
 * Character classes of RFC 9110 and 9112 as tables over one byte, for latin1 text read by `charCodeAt`. A code of 256 or more
 * cannot come from a socket read as latin1; reading such an index gives `undefined`, which no test below takes for a yes.
 */

/** Bit set in `CHAR_CLASS`: tchar, RFC 9110 5.6.2. */
export const TCHAR = 1;
/** Bit: may stand in a field value: HTAB, SP, VCHAR, obs-text (RFC 9110 5.5). */
export const VALUE_CHAR = 2;
/** Bit: may stand in a request target: visible ASCII but `#`, which begins a fragment that is never sent (RFC 9112 3.2). */
export const TARGET_CHAR = 4;
/** Bit: DIGIT. */
export const DIGIT = 8;
/** Bit: the underscore, which some origins read as a hyphen in names. */
export const UNDERSCORE = 16;
/** Bit: HEXDIG. */
export const HEX_DIGIT = 32;
/** Bit: unreserved, RFC 3986 2.3: what a host name consists of, beside percent-encoding. */
export const UNRESERVED = 64;

/** Classes of each latin1 character. */
export const CHAR_CLASS = charClasses();

function charClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  const add = (characters: string, bit: number): void => {
    for (const character of characters) classes[character.charCodeAt(0)] = (classes[character.charCodeAt(0)] ?? 0) | bit;
  };
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  add(`${letters}0123456789!#$%&'*+-.^_\`|~`, TCHAR);
  add('0123456789', DIGIT);
  add('0123456789abcdefABCDEF', HEX_DIGIT);
  add('_', UNDERSCORE);
  add(`${letters}0123456789-._~`, UNRESERVED);
  for (let code = 0; code < 256; code++) {
    if (code === 9 || (code >= 0x20 && code !== 0x7f)) add(String.fromCharCode(code), VALUE_CHAR);
    if (code > 0x20 && code < 0x7f && code !== 0x23) add(String.fromCharCode(code), TARGET_CHAR);
  }
  return classes;
}

/** Whether `text` is a token, RFC 9110 5.6.2. */
export function isToken(text: string): boolean {
  return text.length > 0 && isAll(text, TCHAR);
}

/** Whether `text` may be a field value as it stands: no control but HTAB, no white space at its ends. Empty is allowed. */
export function isFieldValue(text: string): boolean {
  if (text.length === 0) return true;
  return isAll(text, VALUE_CHAR) && !isBlank(text.charCodeAt(0)) && !isBlank(text.charCodeAt(text.length - 1));
}

/** Whether every character of `text` is of the class `bit`. */
export function isAll(text: string, bit: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (((CHAR_CLASS[text.charCodeAt(i)] ?? 0) & bit) === 0) return false;
  }
  return true;
}

/**
 * Whether the characters from `start` on are `lowerName`, ASCII letters of any case. The characters must have been vetted as
 * tchars or value characters: folding by one bit would take CR for a hyphen otherwise.
 */
export function isNameAt(text: string, start: number, lowerName: string): boolean {
  for (let i = 0; i < lowerName.length; i++) {
    if ((text.charCodeAt(start + i) | 0x20) !== lowerName.charCodeAt(i)) return false;
  }
  return true;
}

/** SP or HTAB. */
export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Whether `text[start, end)`, vetted as value characters, is the token `lower` in any case of its ASCII letters. */
export function isWordAt(text: string, start: number, end: number, lower: string): boolean {
  return end - start === lower.length && isNameAt(text, start, lower);
}
