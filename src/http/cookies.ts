import { isBlank } from './tokens.ts';

const SEMICOLON = 0x3b;
/** Between two Cookie lines that were joined; no cookie's value has one (RFC 6265 section 4.1.1). */
const COMMA = 0x2c;

/** The value of a cookie in a Cookie field, the first of its name; `undefined` if it is not there. Case counts. */
export function cookieIn(cookies: string, name: string): string | undefined {
  for (let at = 0; at < cookies.length; ) {
    while (isBlank(cookies.charCodeAt(at))) at++;
    let end = at;
    while (end < cookies.length && cookies.charCodeAt(end) !== SEMICOLON && cookies.charCodeAt(end) !== COMMA) end++;
    const valueAt = at + name.length + 1;
    if (valueAt <= end && cookies.charAt(valueAt - 1) === '=' && cookies.startsWith(name, at)) return trimmedEnd(cookies, valueAt, end);
    at = end + 1;
  }
  return undefined;
}

function trimmedEnd(text: string, start: number, end: number): string {
  let last = end;
  while (last > start && isBlank(text.charCodeAt(last - 1))) last--;
  return text.slice(start, last);
}
