import { type ByteRange, clamped, parseRange } from '../http/range.ts';
import type { CacheRequest } from './cache-request.ts';
import { BIT_PARTIAL, N_BITS, N_COMPLETE_LENGTH, N_FIRST_BYTE } from './numbers.ts';
import type { StoredView } from './stored.ts';

export function isPartial({ numbers }: StoredView): boolean {
  return ((numbers[N_BITS] ?? 0) & BIT_PARTIAL) !== 0;
}

/** Whether all that is asked for is there: a whole always; a part only for one range within it (RFC 9111 section 3.3). */
export function isCovered(request: CacheRequest, stored: StoredView): boolean {
  return !isPartial(stored) || partAskedFor(request, stored) !== undefined;
}

/** The one range of the representation that the request asks for, if the stored part holds all of it. */
export function partAskedFor({ range }: CacheRequest, { numbers, bodyLength }: StoredView): ByteRange | undefined {
  const specs = range === '' ? undefined : parseRange(range);
  const [spec] = specs ?? [];
  if (spec === undefined || specs?.length !== 1) return undefined;
  const first = numbers[N_FIRST_BYTE] ?? 0;
  const complete = numbers[N_COMPLETE_LENGTH] ?? -1;
  // Where the whole is of unknown length, only what names both of its ends can be told to be there.
  if (complete < 0 && (spec.first < 0 || spec.last === Number.POSITIVE_INFINITY)) return undefined;
  const asked = clamped(spec, complete < 0 ? spec.last + 1 : complete);
  return asked !== undefined && asked.first >= first && asked.last < first + bodyLength ? asked : undefined;
}

/** The range that is missing to make a part the whole; `undefined` where that is not one range, or not known. */
export function missingRange({ numbers, bodyLength }: StoredView): ByteRange | undefined {
  const first = numbers[N_FIRST_BYTE] ?? 0;
  const end = first + bodyLength;
  const complete = numbers[N_COMPLETE_LENGTH] ?? -1;
  if (first === 0 && (complete < 0 || end < complete)) return { first: end, last: Number.POSITIVE_INFINITY };
  return first > 0 && end === complete ? { first: 0, last: first - 1 } : undefined;
}
