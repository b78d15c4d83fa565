import { makeNumbers, type Numbers } from '../base/numbers.ts';
import { isStrongTag } from '../http/entity-tag.ts';
import {
  BIT_HEADERS_ONLY,
  BIT_HEURISTIC,
  BIT_MUST_REVALIDATE,
  BIT_NEGATIVE,
  BIT_NO_CACHE,
  BIT_NO_VARY_SEARCH,
  BIT_PARTIAL,
  BIT_SET_COOKIE,
  BIT_STRONG_VALIDATOR,
  BIT_VALIDATOR,
  BIT_VARY,
  BIT_WITH_CREDENTIALS,
  N_BITS,
  N_COMPLETE_LENGTH,
  N_DATE,
  N_FIRST_BYTE,
  N_FRESH_UNTIL,
  N_INITIAL_AGE,
  N_LAST_MODIFIED,
  N_LIFETIME,
  N_RESPONSE_EPOCH,
  N_RESPONSE_TIME,
  N_STALE_IF_ERROR,
  N_STALE_WHILE_REVALIDATE,
  N_STATUS,
  N_USELESS_AFTER,
} from './numbers.ts';
import { mustRevalidate, type Reading, staleAllowanceSec } from './reading.ts';

/** What can be asked about is kept so long after it is stale. */
const VALIDATOR_KEEP_MS = 24 * 3600 * 1000;

/** What a reading does not tell. */
export type EntryShape = {
  readonly status: number;
  readonly hasVary: boolean;
  readonly hasNoVarySearch: boolean;
  readonly isHeadersOnly: boolean;
  readonly isPartial: boolean;
  readonly firstByte: number;
  /** -1 = not known. */
  readonly completeLength: number;
  /** Never fresh, and asked for by somebody who has shown who he is. */
  readonly isPersonal: boolean;
  readonly setsCookie: boolean;
};

export function entryNumbers(reading: Reading, shape: EntryShape): Numbers {
  const { control, dates, times, policy } = reading;
  const numbers = makeNumbers();
  const lifetimeSec = reading.lifetime?.sec ?? 0;
  const freshUntil = control.isNoCache ? Number.NEGATIVE_INFINITY : times.responseMs + (lifetimeSec - reading.initialAgeSec) * 1000;
  // The route's word is not the origin's: nobody else gets a page unasked that may have been made for one user.
  const { staleWhileRevalidateMs, staleIfErrorMs } = policy.config;
  const whileRevalidate = staleAllowanceSec(reading, control.staleWhileRevalidateSec, shape.isPersonal ? 0 : staleWhileRevalidateMs);
  const ifError = staleAllowanceSec(reading, control.staleIfErrorSec, shape.isPersonal ? 0 : staleIfErrorMs);
  const stalestMs = Math.max(freshUntil, times.responseMs) + Math.max(whileRevalidate, ifError, 0) * 1000;
  numbers[N_USELESS_AFTER] = reading.hasValidator
    ? Math.max(stalestMs, freshUntil + VALIDATOR_KEEP_MS, times.responseMs + VALIDATOR_KEEP_MS)
    : stalestMs;
  numbers[N_RESPONSE_TIME] = times.responseMs;
  numbers[N_INITIAL_AGE] = reading.initialAgeSec;
  numbers[N_LIFETIME] = lifetimeSec;
  numbers[N_STALE_WHILE_REVALIDATE] = whileRevalidate;
  numbers[N_STALE_IF_ERROR] = ifError;
  numbers[N_BITS] = bitsOf(reading, shape);
  numbers[N_STATUS] = shape.status;
  numbers[N_DATE] = dates.dateMs;
  numbers[N_LAST_MODIFIED] = dates.lastModifiedMs;
  numbers[N_FIRST_BYTE] = shape.firstByte;
  numbers[N_COMPLETE_LENGTH] = shape.completeLength;
  numbers[N_FRESH_UNTIL] = freshUntil;
  numbers[N_RESPONSE_EPOCH] = times.responseEpochMs;
  return numbers;
}

function bitsOf(reading: Reading, shape: EntryShape): number {
  const bit = (isSet: boolean, value: number): number => (isSet ? value : 0);
  const isRoutes = reading.lifetime?.source === 'route';
  return (
    bit(mustRevalidate(reading) || shape.isPersonal, BIT_MUST_REVALIDATE) |
    bit(reading.control.isNoCache, BIT_NO_CACHE) |
    bit(reading.hasValidator, BIT_VALIDATOR) |
    bit(isStrongTag(reading.entityTag), BIT_STRONG_VALIDATOR) |
    bit(reading.lifetime?.source === 'heuristic', BIT_HEURISTIC) |
    bit(isRoutes && shape.status >= 400, BIT_NEGATIVE) |
    bit(shape.isPartial, BIT_PARTIAL) |
    bit(shape.hasVary, BIT_VARY) |
    bit(shape.isHeadersOnly, BIT_HEADERS_ONLY) |
    bit(shape.hasNoVarySearch, BIT_NO_VARY_SEARCH) |
    bit(shape.isPersonal, BIT_WITH_CREDENTIALS) |
    bit(shape.setsCookie, BIT_SET_COOKIE)
  );
}
