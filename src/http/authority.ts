import { parseIpv6 } from './ip-address.ts';
import { CHAR_CLASS, DIGIT, HEX_DIGIT, UNRESERVED } from './tokens.ts';

/**
 * `uri-host [":" port]` (RFC 9110 7.2, RFC 3986 3.2.2) in lower case; `undefined` if it is not of that form or the host is
 * empty. An empty port is dropped. Stricter than the grammar in one point: sub-delims (`,` `;` `=` …) are refused, which no
 * host name has and which two readers could split differently.
 */
export function parseAuthority(text: string): string | undefined {
  const hostEnd = endOfHost(text);
  if (hostEnd <= 0) return undefined;
  if (hostEnd === text.length) return text.toLowerCase();
  if (text.charCodeAt(hostEnd) !== 0x3a) return undefined;
  let port = 0;
  for (let i = hostEnd + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (((CHAR_CLASS[code] ?? 0) & DIGIT) === 0) return undefined;
    port = port * 10 + code - 0x30;
    if (port > 65535) return undefined;
  }
  return text.length === hostEnd + 1 ? text.slice(0, hostEnd).toLowerCase() : text.toLowerCase();
}

/** The port of an authority that `parseAuthority` gave; -1 if it names none. */
export function portOf(authority: string): number {
  const colon = authority.lastIndexOf(':');
  return colon < 0 || authority.endsWith(']') ? -1 : Number(authority.slice(colon + 1));
}

/** Index after the host; -1 if it is malformed. */
function endOfHost(text: string): number {
  if (text.charCodeAt(0) === 0x5b) {
    const close = text.indexOf(']');
    return close > 0 && parseIpv6(text.slice(1, close)) !== undefined ? close + 1 : -1;
  }
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (((CHAR_CLASS[code] ?? 0) & UNRESERVED) !== 0) at++;
    else if (code === 0x25 && isHexAt(text, at + 1) && isHexAt(text, at + 2)) at += 3;
    else break;
  }
  return at;
}

function isHexAt(text: string, at: number): boolean {
  return at < text.length && ((CHAR_CLASS[text.charCodeAt(at)] ?? 0) & HEX_DIGIT) !== 0;
}
