import type { Numbers } from '../base/numbers.ts';
import { parseAge } from '../http/age.ts';
import type { CacheControl } from '../http/cache-control.ts';
import { fieldValue } from '../http/fields.ts';
import { parseHttpDate } from '../http/http-date.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { FLAG_INVALID, FLAG_STALE, N_FRESH_UNTIL, N_INITIAL_AGE, N_RESPONSE_TIME } from './numbers.ts';
import { type CachePolicy, rangeOf } from './policy.ts';
import { isHeuristicallyCacheable } from './statuses.ts';
import type { StoredView } from './stored.ts';

/** When the exchange with the origin took place. */
export type ExchangeTimes = {
  /** Host time at which the request was sent. */
  readonly requestMs: number;
  /** Host time at which the head of the response was there. */
  readonly responseMs: number;
  /** Wall time of the same moment, ms since 1970. */
  readonly responseEpochMs: number;
};

/** Dates of a response in ms since 1970. */
export type ResponseDates = {
  /** When it arrived, where `Date` is missing or none. */
  readonly dateMs: number;
  /** `Date` is missing or none. */
  readonly isDateOurs: boolean;
  /** NaN = none. */
  readonly lastModifiedMs: number;
};

/** Where a lifetime comes from. */
export type LifetimeSource = 'stated' | 'route' | 'heuristic';
export type Lifetime = { readonly sec: number; readonly source: LifetimeSource };

/** Current age in seconds, whole and rounded down (RFC 9111 section 4.2.3). */
export function currentAgeSec(numbers: Numbers, hostNowMs: number): number {
  return Math.floor(exactAgeSec(numbers, hostNowMs));
}

export function exactAgeSec(numbers: Numbers, hostNowMs: number): number {
  return Math.max(0, (numbers[N_INITIAL_AGE] ?? 0) + (hostNowMs - (numbers[N_RESPONSE_TIME] ?? 0)) / 1000);
}

/** Whether it may be served without asking, as far as the response itself and those who invalidate say. */
export function isFresh(stored: StoredView, hostNowMs: number): boolean {
  return hostNowMs < (stored.numbers[N_FRESH_UNTIL] ?? 0) && (stored.flags & (FLAG_STALE | FLAG_INVALID)) === 0;
}

export function readDates(response: ResponseHead, { responseEpochMs }: ExchangeTimes): ResponseDates {
  const date = dateField(response, 'date', responseEpochMs);
  return {
    dateMs: Number.isNaN(date) ? responseEpochMs : date,
    isDateOurs: Number.isNaN(date),
    lastModifiedMs: dateField(response, 'last-modified', responseEpochMs),
  };
}

function dateField(response: ResponseHead, lowerName: string, nowMs: number): number {
  const text = fieldValue(response, lowerName);
  return text === undefined ? Number.NaN : (parseHttpDate(text, nowMs) ?? Number.NaN);
}

/**
 * Corrected initial age in seconds (RFC 9111 section 4.2.3). The apparent age is taken in whole seconds, as `Date` is: else a
 * response would seem up to a second old that was made just now.
 */
export function initialAgeSec(response: ResponseHead, { dateMs, isDateOurs }: ResponseDates, times: ExchangeTimes): number {
  const apparent = isDateOurs ? 0 : Math.max(0, Math.floor(times.responseEpochMs / 1000) - dateMs / 1000);
  const corrected = Math.max(0, parseAge(fieldValue(response, 'age'))) + Math.max(0, times.responseMs - times.requestMs) / 1000;
  return Math.max(apparent, corrected);
}

/** What freshness is reckoned from. */
export type FreshnessInput = {
  readonly policy: CachePolicy;
  readonly response: ResponseHead;
  readonly control: CacheControl;
  /** `control` is of a targeted field: then Expires does not count (RFC 9213 section 2.2). */
  readonly isTargeted: boolean;
  readonly dates: ResponseDates;
};

/** The freshness lifetime (RFC 9111 section 4.2.1) as the route corrects it; `undefined` where the response has none. */
export function lifetimeOf(input: FreshnessInput): Lifetime | undefined {
  const { policy, response } = input;
  const override = rangeOf(policy.config.ttl, response.status);
  if (override?.forceTtlMs !== undefined) return { sec: override.forceTtlMs / 1000, source: 'route' };
  const lifetime = statedLifetime(input) ?? routeLifetime(input) ?? heuristicLifetime(input);
  if (lifetime === undefined || override === undefined) return lifetime;
  const atLeast = Math.max(lifetime.sec, override.minTtlMs / 1000);
  const sec = override.maxTtlMs === undefined ? atLeast : Math.min(atLeast, override.maxTtlMs / 1000);
  return { sec, source: lifetime.source };
}

/** Expires less Date; what is no date, or more than one, is in the past (section 5.3). */
function statedLifetime({ control, response, isTargeted, dates }: FreshnessInput): Lifetime | undefined {
  if (control.sMaxAgeSec >= 0) return { sec: control.sMaxAgeSec, source: 'stated' };
  if (control.maxAgeSec >= 0) return { sec: control.maxAgeSec, source: 'stated' };
  const expires = isTargeted ? undefined : fieldValue(response, 'expires');
  if (expires === undefined) return undefined;
  const expiresMs = parseHttpDate(expires, dates.dateMs);
  return { sec: expiresMs === undefined ? 0 : Math.max(0, expiresMs - dates.dateMs) / 1000, source: 'stated' };
}

function routeLifetime({ policy, response, control }: FreshnessInput): Lifetime | undefined {
  const negative = rangeOf(policy.config.negativeTtl, response.status);
  if (negative !== undefined) return { sec: negative.ttlMs / 1000, source: 'route' };
  if (policy.config.defaultTtlMs === 0 || !mayGuess(response.status, control)) return undefined;
  return { sec: policy.config.defaultTtlMs / 1000, source: 'route' };
}

/** Section 4.2.2: a fraction of how long it had not changed. */
function heuristicLifetime({ policy, response, control, dates }: FreshnessInput): Lifetime | undefined {
  const { fraction, maxMs } = policy.config.heuristic;
  const unchangedMs = dates.dateMs - dates.lastModifiedMs;
  if (fraction === 0 || !(unchangedMs >= 0) || !mayGuess(response.status, control)) return undefined;
  return { sec: Math.min(unchangedMs * fraction, maxMs) / 1000, source: 'heuristic' };
}

/** Statuses that may be kept without being told to, and any that is marked `public`. */
function mayGuess(status: number, control: CacheControl): boolean {
  return control.isPublic || isHeuristicallyCacheable(status);
}
