import type { CidrSet } from './cidr.ts';
import type { MarkedHead } from './connection-options.ts';
import { fieldValueOfKind } from './fields.ts';
import { parseIpv4, parseIpv6, plainAddress } from './ip-address.ts';
import { FIELD_FORWARDED, FIELD_X_FORWARDED_FOR } from './known-fields.ts';
import { isToken } from './tokens.ts';

/** One element of `Forwarded` (RFC 7239 4). `host` may be empty: then it is left out. */
export function forwardedElement(address: string, host: string, proto: string): string {
  const hostPair = host === '' ? '' : `;host=${isToken(host) ? host : `"${host}"`}`;
  return `for=${address.includes(':') ? `"[${address}]"` : address}${hostPair};proto=${proto}`;
}

/**
 * Who the client is: the peer itself unless it is trusted; else the right-most address of `X-Forwarded-For` (or, where there is
 * none, of `Forwarded`) that is not a trusted proxy's, each hop being believed only because the one after it is trusted. What
 * is not an address (`unknown`, an obfuscated name, rubbish) ends the walk at the hop that reported it.
 */
export function clientAddress(head: MarkedHead, peerAddress: string, trusted: CidrSet): string {
  if (!trusted.has(peerAddress)) return peerAddress;
  const chain = reportedChain(head);
  let believed = peerAddress;
  for (let i = chain.length - 1; i >= 0; i--) {
    const address = addressOf(chain[i] ?? '');
    if (address === undefined) return believed;
    believed = address;
    if (!trusted.has(address)) return address;
  }
  return believed;
}

function reportedChain(head: MarkedHead): readonly string[] {
  const list = fieldValueOfKind(head, FIELD_X_FORWARDED_FOR);
  if (list !== undefined) return list.split(',').map((node) => node.trim());
  const forwarded = fieldValueOfKind(head, FIELD_FORWARDED);
  return forwarded === undefined ? [] : forwardedFor(forwarded);
}

/** The `for` of each element of a `Forwarded` value, unquoted; `''` where an element has none. */
export function forwardedFor(value: string): readonly string[] {
  return splitOutsideQuotes(value, ',').map((element) => {
    for (const pair of splitOutsideQuotes(element, ';')) {
      const equals = pair.indexOf('=');
      if (pair.slice(0, equals).trim().toLowerCase() === 'for') return unquote(pair.slice(equals + 1).trim());
    }
    return '';
  });
}

/** The address of a node, `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1`, `[2001:db8::1]:80`; `undefined` if it is none. */
function addressOf(node: string): string | undefined {
  if (node.startsWith('[')) {
    const inner = node.slice(1, node.indexOf(']'));
    return parseIpv6(inner) === undefined ? undefined : plainAddress(inner);
  }
  if (parseIpv6(node) !== undefined) return plainAddress(node);
  const colon = node.indexOf(':');
  const host = colon < 0 ? node : node.slice(0, colon);
  return parseIpv4(host) < 0 ? undefined : host;
}

function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isQuoted && character === '\\') i++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text;
}
