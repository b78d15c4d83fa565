import { assert } from '../base/assert.ts';
import { mappedIpv4, parseIpv4, parseIpv6 } from './ip-address.ts';
import { DIGIT, isAll } from './tokens.ts';

/** A block of addresses, both ends included. IPv4-mapped IPv6 blocks count as IPv4. */
export type CidrBlock =
  | { readonly kind: 'ipv4'; readonly first: number; readonly last: number }
  | { readonly kind: 'ipv6'; readonly first: bigint; readonly last: bigint };

/** A compiled list of blocks. */
export interface CidrSet {
  /** Whether the address (IPv4, or IPv6 without brackets) is in one of the blocks; false for what is no address. */
  has(address: string): boolean;
}

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; bits after the prefix are ignored. `undefined` if it is none of these. */
export function parseCidr(text: string): CidrBlock | undefined {
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const ipv4 = parseIpv4(address);
  const prefix = slash < 0 ? (ipv4 < 0 ? 128 : 32) : parsePrefix(text.slice(slash + 1));
  if (ipv4 >= 0) return prefix < 0 || prefix > 32 ? undefined : ipv4Block(ipv4, prefix);
  const ipv6 = parseIpv6(address);
  if (ipv6 === undefined || prefix < 0 || prefix > 128) return undefined;
  const mapped = mappedIpv4(ipv6);
  if (mapped >= 0 && prefix >= 96) return ipv4Block(mapped, prefix - 96);
  const hostBits = BigInt(128 - prefix);
  const first = (ipv6 >> hostBits) << hostBits;
  return { kind: 'ipv6', first, last: first | ((1n << hostBits) - 1n) };
}

/** Compiles blocks that have been vetted with `parseCidr`. `::/0` holds every IPv6 address, but no IPv4-mapped one. */
export function compileCidrs(list: readonly string[]): CidrSet {
  const ipv4: { first: number; last: number }[] = [];
  const ipv6: { first: bigint; last: bigint }[] = [];
  for (const text of list) {
    const block = parseCidr(text);
    assert(block !== undefined, `"${text}" is an address block`);
    if (block.kind === 'ipv4') ipv4.push(block);
    else ipv6.push(block);
  }
  const ipv4Ranges = mergeRanges(ipv4);
  const ipv6Ranges = mergeRanges(ipv6);
  return {
    has(address: string): boolean {
      const plain = parseIpv4(address);
      if (plain >= 0) return isInRanges(ipv4Ranges, plain);
      const wide = parseIpv6(address);
      if (wide === undefined) return false;
      const mapped = mappedIpv4(wide);
      return mapped >= 0 ? isInRanges(ipv4Ranges, mapped) : isInRanges(ipv6Ranges, wide);
    },
  };
}

type Range<T> = { first: T; last: T };

function parsePrefix(text: string): number {
  return text.length >= 1 && text.length <= 3 && isAll(text, DIGIT) && (text.length === 1 || text[0] !== '0') ? Number(text) : -1;
}

function ipv4Block(address: number, prefix: number): CidrBlock {
  const size = 2 ** (32 - prefix);
  const first = address - (address % size);
  return { kind: 'ipv4', first, last: first + size - 1 };
}

/** Sorted and free of overlap, so that a binary search by `first` finds the only candidate. */
function mergeRanges<T extends number | bigint>(ranges: readonly Range<T>[]): readonly Range<T>[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Range<T>[] = [];
  for (const range of sorted) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last) merged.push({ first: range.first, last: range.last });
    else if (range.last > previous.last) previous.last = range.last;
  }
  return merged;
}

function isInRanges<T extends number | bigint>(ranges: readonly Range<T>[], address: T): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined) return false;
    if (address < range.first) high = middle;
    else if (address > range.last) low = middle + 1;
    else return true;
  }
  return false;
}
