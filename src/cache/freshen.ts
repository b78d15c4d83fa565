import type { Numbers } from '../base/numbers.ts';
import { CacheControl } from '../http/cache-control.ts';
import { isStrongTag, isWeakMatch } from '../http/entity-tag.ts';
import { fieldValue } from '../http/fields.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { describe, type Place, refusalOf } from './admit.ts';
import type { CacheRequest } from './cache-request.ts';
import { isPartial } from './coverage.ts';
import { type ExchangeTimes, readDates } from './freshness.ts';
import {
  BIT_HEADERS_ONLY,
  BIT_MUST_REVALIDATE,
  BIT_NO_CACHE,
  N_BITS,
  N_COMPLETE_LENGTH,
  N_EPOCH,
  N_FIRST_BYTE,
  N_FRESH_UNTIL,
  N_STALE_IF_ERROR,
  N_STALE_WHILE_REVALIDATE,
  N_STATUS,
} from './numbers.ts';
import { type Reading, readControl, readResponse } from './reading.ts';
import { reread } from './scratch-head.ts';
import { encodeMeta, type StoredView } from './stored.ts';
import { keptFields, unkeptNames, updatedHead } from './stored-head.ts';

export type Freshening =
  | {
      readonly kind: 'updated';
      readonly meta: string;
      /** N_EPOCH as it was stored; who sent the request knows the newer one. */
      readonly numbers: Numbers;
      /** False: answers this request and is not kept (what came said no-store, private and the like). */
      readonly mayKeep: boolean;
    }
  /** The answer is not about this entry: the client's request must be sent again without validators, the entry goes. */
  | { readonly kind: 'mismatch' };

const MISMATCH: Freshening = Object.freeze({ kind: 'mismatch' });

/** A 304 to `decision.addedLines` (RFC 9111 sections 3.2, 4.3.4). */
export function freshen(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Freshening {
  return isAbout(stored, response) ? updated(request, stored, response, times) : MISMATCH;
}

/**
 * An answer to HEAD, over a stored answer to GET (section 4.3.5). `mismatch`: the stored one is to be marked FLAG_INVALID. The
 * validator that is stored must come back: it went out as a condition, and a 200 without it says that it no longer holds.
 */
export function freshenByHead(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Freshening {
  const { entityTag, lastModified } = stored.meta;
  const [tag, modified] = [fieldValue(response, 'etag') ?? '', fieldValue(response, 'last-modified') ?? ''];
  const length = isPartial(stored) ? (stored.numbers[N_COMPLETE_LENGTH] ?? -1) : stored.bodyLength;
  const isLengthSame = response.contentLength < 0 || length < 0 || response.contentLength === length;
  const isDateSame = modified === lastModified || (modified === '' && entityTag !== '');
  return tag === entityTag && isDateSame && isLengthSame ? updated(request, stored, response, times) : MISMATCH;
}

/** RFC 9111 4.3.4: by a strong validator, else a weak one; without any it is about the one that was asked for. */
function isAbout({ meta }: StoredView, response: ResponseHead): boolean {
  const tag = fieldValue(response, 'etag');
  if (tag !== undefined) return isStrongTag(tag) && isStrongTag(meta.entityTag) ? tag === meta.entityTag : isWeakMatch(tag, meta.entityTag);
  const lastModified = fieldValue(response, 'last-modified');
  return lastModified === undefined || lastModified === meta.lastModified;
}

function updated(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Freshening {
  const merged = mergeInto(request, stored, response, times);
  if (merged === undefined) return MISMATCH;
  const { reading, head } = merged;
  const place = placeOfStored(stored, reading.response.statusText);
  // A HEAD that updates what GET got makes no answer to HEAD of it.
  const asStored: CacheRequest = request.method === 'head' && !isHeadersOnly(stored) ? { ...request, method: 'get' } : request;
  const refusal = refusalOf(asStored, reading);
  if (refusal === 'authorization') return unchanged(stored, times);
  const { meta, numbers } = describe(asStored, reading, { ...place, head });
  numbers[N_EPOCH] = stored.numbers[N_EPOCH] ?? 0;
  if (refusal !== undefined) forbidReuse(numbers);
  return { kind: 'updated', meta, numbers, mayKeep: refusal === undefined };
}

/**
 * What the origin says to somebody who has shown credentials holds for them (RFC 9111 3.5). They are answered from what is
 * stored, which stays as it was for everybody else: stale.
 */
function unchanged({ meta, numbers }: StoredView, { responseMs }: ExchangeTimes): Freshening {
  const same = numbers.slice();
  same[N_FRESH_UNTIL] = Math.min(numbers[N_FRESH_UNTIL] ?? 0, responseMs);
  return { kind: 'updated', meta: encodeMeta(meta), numbers: same, mayKeep: true };
}

/** For the answer at hand alone: whoever meets it in the store before it goes must ask. */
function forbidReuse(numbers: Numbers): void {
  numbers[N_FRESH_UNTIL] = Number.NEGATIVE_INFINITY;
  numbers[N_STALE_WHILE_REVALIDATE] = 0;
  numbers[N_STALE_IF_ERROR] = 0;
  numbers[N_BITS] = (numbers[N_BITS] ?? 0) | BIT_NO_CACHE | BIT_MUST_REVALIDATE;
}

export type Merged = { readonly head: string; readonly reading: Reading };

/** The stored head with the fields of a later answer, and what that says; a stored `Age` and an old `Date` play no part any more. */
export function mergeInto(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Merged | undefined {
  const { policy } = request;
  if (policy === null) return undefined;
  const control = new CacheControl();
  readControl(policy, response, control);
  const dates = readDates(response, times);
  const dropped = unkeptNames(control, policy.config.storeSetCookie ? '' : 'set-cookie');
  const head = updatedHead(stored.meta.head, keptFields({ response, dropped, addedDateMs: dates.isDateOurs ? dates.dateMs : Number.NaN }));
  const merged = reread(head);
  return merged === undefined ? undefined : { head, reading: readResponse({ policy, response: merged, aged: response, times }) };
}

function placeOfStored(stored: StoredView, statusText: string): Place {
  return {
    status: stored.numbers[N_STATUS] ?? 0,
    statusText,
    isPartial: isPartial(stored),
    firstByte: stored.numbers[N_FIRST_BYTE] ?? 0,
    completeLength: stored.numbers[N_COMPLETE_LENGTH] ?? -1,
  };
}

function isHeadersOnly({ numbers }: StoredView): boolean {
  return ((numbers[N_BITS] ?? 0) & BIT_HEADERS_ONLY) !== 0;
}
