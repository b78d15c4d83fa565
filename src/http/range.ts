import { parseLength } from './request-fields.ts';

/** Bytes `first` to `last` of a representation, both included. */
export type ByteRange = { readonly first: number; readonly last: number };

/** `ignored`: as if there were no Range. `unsatisfiable`: 416. `ranges`: at least one, within the representation, none touching another. */
export type RangeVerdict =
  | { readonly kind: 'ignored' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] };

/** More than so many ranges are not honoured: they cost more than the whole (RFC 9110 17.15). */
export const MAX_RANGES = 16;

const IGNORED: RangeVerdict = Object.freeze({ kind: 'ignored' });
const UNSATISFIABLE: RangeVerdict = Object.freeze({ kind: 'unsatisfiable' });
const UNIT = /^bytes=/i;
const SPEC = /^(\d*)-(\d*)$/;

/** Ranges as they are asked for: `first` -1 for a suffix of `last` bytes, `last` Infinity for all from `first` on. */
export type RangeSpec = { readonly first: number; readonly last: number };

/** The members of a Range field (RFC 9110 14.1.2, 14.2); `undefined` where it is to be ignored: another unit, malformed, too many. */
export function parseRange(value: string): readonly RangeSpec[] | undefined {
  if (!UNIT.test(value)) return undefined;
  const specs: RangeSpec[] = [];
  for (const member of value.slice(6).split(',')) {
    const text = member.trim();
    if (text === '') continue;
    const spec = parseSpec(text);
    if (spec === undefined || specs.length === MAX_RANGES) return undefined;
    specs.push(spec);
  }
  return specs.length === 0 ? undefined : specs;
}

function parseSpec(text: string): RangeSpec | undefined {
  const [whole, first = '', last = ''] = SPEC.exec(text) ?? [];
  if (whole === undefined || (first === '' && last === '')) return undefined;
  const to = last === '' ? Number.POSITIVE_INFINITY : numberOf(last);
  const from = first === '' ? -1 : numberOf(first);
  if (to < 0 || (first !== '' && from < 0) || (first !== '' && from > to)) return undefined;
  return { first: from, last: to };
}

function numberOf(digits: string): number {
  return parseLength(digits, 0, digits.length);
}

/** What a Range field asks of a representation of `length` bytes. */
export function judgeRange(value: string, length: number): RangeVerdict {
  const specs = parseRange(value);
  // Of nothing there is no part that Content-Range could name.
  if (specs === undefined || length === 0) return IGNORED;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = clamped(spec, length);
    if (range !== undefined) ranges.push(range);
  }
  if (ranges.length === 0) return UNSATISFIABLE;
  return { kind: 'ranges', ranges: coalesced(ranges) };
}

/** The part of the representation that is meant; `undefined` if it has none. */
export function clamped(spec: RangeSpec, length: number): ByteRange | undefined {
  if (spec.first < 0) return spec.last === 0 ? undefined : { first: Math.max(0, length - spec.last), last: length - 1 };
  return spec.first >= length ? undefined : { first: spec.first, last: Math.min(spec.last, length - 1) };
}

/** Ranges that overlap or touch become one (RFC 9110 15.3.7.2); otherwise they stay in the order that was asked for. */
function coalesced(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const merged: ByteRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1) merged.push(range);
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
  }
  return merged.length === ranges.length ? ranges : merged;
}

/** `Content-Range` of a 206 (RFC 9110 14.4). */
export type ContentRange = ByteRange & {
  /** -1: `*`, not known. */
  readonly completeLength: number;
};

const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i;

/** `undefined` where it is not one valid range of bytes. */
export function parseContentRange(value: string): ContentRange | undefined {
  const [whole, from = '', to = '', of = ''] = CONTENT_RANGE.exec(value) ?? [];
  if (whole === undefined) return undefined;
  const [first, last, completeLength] = [numberOf(from), numberOf(to), of === '*' ? -1 : numberOf(of)];
  if (first < 0 || last < first || (of !== '*' && completeLength <= last)) return undefined;
  return { first, last, completeLength };
}

/** Value of Content-Range; `completeLength` -1 = not known. */
export function formatContentRange(range: ByteRange, completeLength: number): string {
  return `bytes ${range.first}-${range.last}/${completeLength < 0 ? '*' : completeLength}`;
}
