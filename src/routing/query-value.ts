/** Query parameters as forms write them: `a=b&c=d`, `+` for a blank, percent-escapes; a malformed escape stands for itself. */

const PERCENT = 0x25;
const PLUS = 0x2b;
const NEEDS_DECODING = /[%+]/;
const ESCAPE = /%([0-9A-Fa-f]{2})/g;

/**
 * The first value of a parameter, `''` where it has no `=`, `undefined` where it is not there. `queryText` is `''` or begins
 * with `?`. Names and values are bytes as latin1.
 */
export function queryValue(queryText: string, name: string): string | undefined {
  for (let at = 1; at < queryText.length; ) {
    const ampersand = queryText.indexOf('&', at);
    const end = ampersand === -1 ? queryText.length : ampersand;
    const equals = queryText.indexOf('=', at);
    const nameEnd = equals === -1 || equals > end ? end : equals;
    if (isNamed(queryText, at, nameEnd, name)) return decode(queryText.substring(Math.min(nameEnd + 1, end), end));
    at = end + 1;
  }
  return undefined;
}

function isNamed(queryText: string, start: number, end: number, name: string): boolean {
  if (end - start === name.length && queryText.startsWith(name, start) && !NEEDS_DECODING.test(name)) return start < end;
  for (let i = start; i < end; i++) {
    const code = queryText.charCodeAt(i);
    if (code === PERCENT || code === PLUS) return decode(queryText.substring(start, end)) === name;
  }
  return false;
}

function decode(text: string): string {
  if (!NEEDS_DECODING.test(text)) return text;
  return text.replaceAll('+', ' ').replace(ESCAPE, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
