import { isStrongMatch } from '../http/entity-tag.ts';
import { fieldValue, fieldValueOfKind } from '../http/fields.ts';
import { FIELD_SET_COOKIE } from '../http/known-fields.ts';
import { parseContentRange } from '../http/range.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { describe, type Place, refusalOf, type Storable } from './admit.ts';
import type { CacheRequest } from './cache-request.ts';
import { isPartial } from './coverage.ts';
import { mergeInto } from './freshen.ts';
import type { ExchangeTimes } from './freshness.ts';
import { N_COMPLETE_LENGTH, N_FIRST_BYTE } from './numbers.ts';
import type { StoredView } from './stored.ts';
import { withStatus } from './stored-head.ts';

/** A run of bytes of one of the two bodies, `start` to before `end`, in the order in which they make the new one. */
export type CombinedPiece = { readonly from: 'stored' | 'new'; readonly start: number; readonly end: number };

export type Combination =
  | { readonly kind: 'combined'; readonly admission: Storable; readonly pieces: readonly CombinedPiece[]; readonly isWhole: boolean }
  /** They do not belong together or leave a gap: the new one is stored by itself, if `admit` says so. */
  | { readonly kind: 'apart' };

const APART: Combination = Object.freeze({ kind: 'apart' });

/** A run of the representation, `start` to before `end`. */
type Run = { readonly start: number; readonly end: number };

/**
 * A 206 that arrived beside a stored partial or whole response: together they may make one that holds more (RFC 9111 section
 * 3.4). Only under the same strong entity tag, and where the two touch.
 */
export function combine(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Combination {
  const part = parseContentRange(fieldValue(response, 'content-range') ?? '');
  if (part === undefined || !isStrongMatch(fieldValue(response, 'etag') ?? '', stored.meta.entityTag)) return APART;
  const fresh: Run = { start: part.first, end: part.last + 1 };
  const held = heldBy(stored);
  const complete = Math.max(completeLengthOf(stored), part.completeLength);
  const isContradicting = completeLengthOf(stored) >= 0 && part.completeLength >= 0 && completeLengthOf(stored) !== part.completeLength;
  const isTooLong = complete >= 0 && Math.max(held.end, fresh.end) > complete;
  if (isContradicting || isTooLong || response.contentLength !== fresh.end - fresh.start) return APART;
  if (fresh.start > held.end || held.start > fresh.end) return APART;
  // What would not be stored by itself is not stored in parts.
  const setsCookie = fieldValueOfKind(response, FIELD_SET_COOKIE) !== undefined;
  if (setsCookie && request.policy?.config.storeSetCookie !== true) return APART;
  return joined(request, { stored, held, fresh, complete, response, times });
}

type Parts = {
  readonly stored: StoredView;
  readonly held: Run;
  readonly fresh: Run;
  readonly complete: number;
  readonly response: ResponseHead;
  readonly times: ExchangeTimes;
};

function joined(request: CacheRequest, { stored, held, fresh, complete, response, times }: Parts): Combination {
  const start = Math.min(held.start, fresh.start);
  const end = Math.max(held.end, fresh.end);
  const isWhole = start === 0 && end === complete;
  const merged = mergeInto(request, stored, response, times);
  if (merged === undefined || end - start > (request.policy?.config.maxObjectBytes ?? 0)) return APART;
  if (refusalOf(request, merged.reading) !== undefined) return APART;
  const statusText = isWhole ? '200 OK' : '206 Partial Content';
  const place: Place = { status: isWhole ? 200 : 206, statusText, isPartial: !isWhole, firstByte: start, completeLength: complete };
  const described = describe(request, merged.reading, { ...place, head: withStatus(merged.head, statusText) });
  return { kind: 'combined', admission: { ...described, bodyBytes: end - start }, pieces: piecesOf(held, fresh), isWhole };
}

function heldBy(stored: StoredView): Run {
  const start = isPartial(stored) ? (stored.numbers[N_FIRST_BYTE] ?? 0) : 0;
  return { start, end: start + stored.bodyLength };
}

function completeLengthOf(stored: StoredView): number {
  return isPartial(stored) ? (stored.numbers[N_COMPLETE_LENGTH] ?? -1) : stored.bodyLength;
}

/** What is stored stays where both have it; the new bytes are those before and behind. */
function piecesOf(held: Run, fresh: Run): readonly CombinedPiece[] {
  const pieces: CombinedPiece[] = [];
  if (fresh.start < held.start) pieces.push({ from: 'new', start: 0, end: held.start - fresh.start });
  pieces.push({ from: 'stored', start: 0, end: held.end - held.start });
  if (fresh.end > held.end) pieces.push({ from: 'new', start: held.end - fresh.start, end: fresh.end - fresh.start });
  return pieces;
}
