import { CHAR_CLASS, DIGIT, HEX_DIGIT, isAll } from './tokens.ts';

/** An IPv4 address `1.2.3.4` as a number 0 … 2^32-1; -1 if it is none. No leading zeros: some read them as octal. */
export function parseIpv4(text: string): number {
  let address = 0;
  let octet = -1;
  let octets = 0;
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x2e;
    if (code === 0x2e) {
      if (octet < 0 || ++octets > 4) return -1;
      address = address * 256 + octet;
      octet = -1;
      continue;
    }
    if (((CHAR_CLASS[code] ?? 0) & DIGIT) === 0 || octet === 0) return -1;
    octet = (octet < 0 ? 0 : octet * 10) + code - 0x30;
    if (octet > 255) return -1;
  }
  return octets === 4 ? address : -1;
}

/** An IPv6 address (RFC 4291 2.2, without brackets or zone) as a number of 128 bits; `undefined` if it is none. */
export function parseIpv6(text: string): bigint | undefined {
  if (text.length < 2 || text.length > 45) return undefined;
  const gap = text.indexOf('::');
  if (gap < 0) {
    const all = parseGroups(text, true);
    return all !== undefined && all.count === 8 ? all.value : undefined;
  }
  const left = parseGroups(text.slice(0, gap), false);
  const right = parseGroups(text.slice(gap + 2), true);
  if (left === undefined || right === undefined || left.count + right.count > 7) return undefined;
  return (left.value << BigInt(16 * (8 - left.count))) | right.value;
}

type Groups = { readonly value: bigint; readonly count: number };

/** Groups with single colons between them. An IPv4 address may stand for the last two, but only at the end of the whole. */
function parseGroups(text: string, isEnd: boolean): Groups | undefined {
  let value = 0n;
  let count = 0;
  if (text === '') return { value, count };
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (isEnd && i === groups.length - 1 && group.includes('.')) {
      const ipv4 = parseIpv4(group);
      if (ipv4 < 0) return undefined;
      return { value: (value << 32n) | BigInt(ipv4), count: count + 2 };
    }
    if (group.length < 1 || group.length > 4 || !isAll(group, HEX_DIGIT)) return undefined;
    value = (value << 16n) | BigInt(Number.parseInt(group, 16));
    count++;
  }
  return { value, count };
}

const MAPPED_PREFIX = 0xffffn;

/** The IPv4 address in an IPv4-mapped IPv6 one (`::ffff:1.2.3.4`) as a number; -1 if it is not of that kind. */
export function mappedIpv4(address: bigint): number {
  return address >> 32n === MAPPED_PREFIX ? Number(address & 0xffffffffn) : -1;
}

/** A socket's address as people write it: an IPv4-mapped one becomes plain IPv4, a zone is cut off, all else stays. */
export function plainAddress(address: string): string {
  if (!address.includes(':')) return address;
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  const parsed = parseIpv6(bare);
  const ipv4 = parsed === undefined ? -1 : mappedIpv4(parsed);
  return ipv4 < 0 ? bare : `${ipv4 >>> 24}.${(ipv4 >>> 16) & 255}.${(ipv4 >>> 8) & 255}.${ipv4 & 255}`;
}
