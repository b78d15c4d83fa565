import { parseIpv4 } from '../http/ip-address.ts';

const GROUPS = 8;
const COLON = 0x3a;
const POINT = 0x2e;
/** The first 80 bits of an IPv4-mapped address are zero, the next 16 are one (RFC 4291 2.5.5.2). */
const MAPPED_GROUP = 5;

/** Before the bytes of an IPv6 block; no address as text has it. */
const IPV6_MARK = '\x02';

/** Cuts addresses to the block that one client is taken to have, and gives each block one text, which is for keys and not for people. */
export class AddressPrefix {
  readonly #ipv4Bits: number;
  readonly #ipv6Bits: number;
  readonly #groups = new Uint16Array(GROUPS);

  constructor(ipv4Bits: number, ipv6Bits: number) {
    this.#ipv4Bits = ipv4Bits;
    this.#ipv6Bits = ipv6Bits;
  }

  /**
   * IPv4 as `192.0.2.7` or `192.0.2.0/24`; IPv6 as a mark and the bytes that count, since hexadecimal text takes 200 ns more. An
   * IPv4-mapped address counts as IPv4; what is no address stays as it is.
   */
  of(address: string): string {
    const ipv4 = parseIpv4(address);
    if (ipv4 >= 0) return this.#ipv4Bits === 32 ? address : this.#ipv4Block(ipv4);
    const groups = this.#groups;
    if (!readGroups(address, groups)) return address;
    if (isMapped(groups)) return this.#ipv4Block((groups[6] ?? 0) * 65_536 + (groups[7] ?? 0));
    return IPV6_MARK + this.#ipv6Block();
  }

  #ipv4Block(address: number): string {
    const bits = this.#ipv4Bits;
    const first = address - (address % 2 ** (32 - bits));
    const text = `${first >>> 24}.${(first >>> 16) & 255}.${(first >>> 8) & 255}.${first & 255}`;
    return bits === 32 ? text : `${text}/${bits}`;
  }

  #ipv6Block(): string {
    const bits = this.#ipv6Bits;
    if (bits === 64) return firstHalf(this.#groups);
    let text = '';
    for (let at = 0; at * 8 < bits; at++) {
      const group = this.#groups[at >> 1] ?? 0;
      const byte = at % 2 === 0 ? group >> 8 : group & 255;
      text += String.fromCharCode(byte & (0xff << Math.max(0, at * 8 + 8 - bits)));
    }
    return text;
  }
}

/** The usual block, in one call: a third of the time. */
function firstHalf(groups: Uint16Array): string {
  const a = groups[0] ?? 0;
  const b = groups[1] ?? 0;
  const c = groups[2] ?? 0;
  const d = groups[3] ?? 0;
  return String.fromCharCode(a >> 8, a & 255, b >> 8, b & 255, c >> 8, c & 255, d >> 8, d & 255);
}

function isMapped(groups: Uint16Array): boolean {
  for (let i = 0; i < MAPPED_GROUP; i++) if (groups[i] !== 0) return false;
  return groups[MAPPED_GROUP] === 0xffff;
}

/**
 * Reads an IPv6 address without brackets or zone (RFC 4291 2.2) into eight groups; false if it is none. In place of `parseIpv6`,
 * which makes a BigInt of it, since this is done for each request.
 */
function readGroups(text: string, groups: Uint16Array): boolean {
  const { length } = text;
  if (length < 2 || length > 45) return false;
  let count = 0;
  let gap = -1;
  let at = 0;
  while (at < length) {
    const colons = colonsAt(text, at, { isFirst: count === 0, hasGap: gap >= 0 });
    if (colons < 0) return false;
    if (colons === 2) gap = count;
    at += colons;
    if (at === length) break;
    const end = groupEnd(text, at);
    if (end === at || count === GROUPS) return false;
    if (text.charCodeAt(end) === POINT) return readIpv4Tail(text, at, { groups, count, gap });
    groups[count++] = valueOfGroup(text, at, end);
    at = end;
  }
  return spread(groups, count, gap);
}

/** How many colons are before the next group; -1 if that is not allowed there. */
function colonsAt(text: string, at: number, { isFirst, hasGap }: { readonly isFirst: boolean; readonly hasGap: boolean }): number {
  if (text.charCodeAt(at) !== COLON) return isFirst ? 0 : -1;
  if (text.charCodeAt(at + 1) === COLON) return hasGap ? -1 : 2;
  return isFirst || at + 1 === text.length ? -1 : 1;
}

/** Behind the hexadecimal digits that begin at `at`, four at most. */
function groupEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length && end - at < 4 && hexDigit(text.charCodeAt(end)) >= 0) end += 1;
  return end;
}

function valueOfGroup(text: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 16 + hexDigit(text.charCodeAt(at));
  return value;
}

type Read = { readonly groups: Uint16Array; readonly count: number; readonly gap: number };

/** The last two groups may be written as an IPv4 address. */
function readIpv4Tail(text: string, start: number, { groups, count, gap }: Read): boolean {
  const ipv4 = parseIpv4(text.slice(start));
  if (ipv4 < 0 || count > GROUPS - 2) return false;
  groups[count] = ipv4 >>> 16;
  groups[count + 1] = ipv4 & 0xffff;
  return spread(groups, count + 2, gap);
}

/** Moves what stands behind `::` to the end; the gap stands for one group at least. */
function spread(groups: Uint16Array, count: number, gap: number): boolean {
  if (gap < 0) return count === GROUPS;
  if (count === GROUPS) return false;
  const behind = count - gap;
  groups.copyWithin(GROUPS - behind, gap, count);
  groups.fill(0, gap, GROUPS - behind);
  return true;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
