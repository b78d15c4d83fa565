import { CacheControl, parseCacheControl } from '../http/cache-control.ts';
import { fieldValue } from '../http/fields.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { parseTargetedCacheControl } from '../http/targeted-cache-control.ts';
import { BY_ADDRESS, parseVary, VARY_ANY } from '../http/vary.ts';
import { type ExchangeTimes, initialAgeSec, type Lifetime, lifetimeOf, type ResponseDates, readDates } from './freshness.ts';
import type { CachePolicy } from './policy.ts';
import { isHeuristicallyCacheable } from './statuses.ts';

/** What a response says to a cache, worked out. */
export type Reading = {
  readonly policy: CachePolicy;
  readonly response: ResponseHead;
  readonly times: ExchangeTimes;
  readonly control: CacheControl;
  readonly dates: ResponseDates;
  /** `undefined`: none, and none may be guessed. */
  readonly lifetime: Lifetime | undefined;
  readonly initialAgeSec: number;
  /** Fields that it varies by; `VARY_ANY`: no other request is answered by it. */
  readonly vary: readonly string[];
  /** As sent; `''` = none. */
  readonly entityTag: string;
  /** As sent, where it is a date; `''` = none. */
  readonly lastModified: string;
  /** It can be asked about: it is a success and has a validator. */
  readonly hasValidator: boolean;
};

/** `aged`: the head whose `Age` counts; another one than `response` where that was put together of two. */
export type ReadingInput = {
  readonly policy: CachePolicy;
  readonly response: ResponseHead;
  readonly aged: ResponseHead;
  readonly times: ExchangeTimes;
};

export function readResponse({ policy, response, aged, times }: ReadingInput): Reading {
  const control = new CacheControl();
  const isTargeted = readControl(policy, response, control);
  const dates = readDates(response, times);
  const entityTag = fieldValue(response, 'etag') ?? '';
  const lastModified = Number.isNaN(dates.lastModifiedMs) ? '' : (fieldValue(response, 'last-modified') ?? '');
  const isSuccess = response.status >= 200 && response.status <= 299;
  return {
    policy,
    response,
    times,
    control,
    dates,
    lifetime: lifetimeOf({ policy, response, control, isTargeted, dates }),
    initialAgeSec: initialAgeSec(aged, dates, times),
    vary: varyOf(response),
    entityTag,
    lastModified,
    hasValidator: isSuccess && (entityTag !== '' || lastModified !== ''),
  };
}

/** What varies by the client's address is for no other client: the field by which the origin knows it is not in the request that we are asked. */
function varyOf(response: ResponseHead): readonly string[] {
  const names = parseVary(fieldValue(response, 'vary'));
  return names.some((name) => BY_ADDRESS.has(name)) ? VARY_ANY : names;
}

/** The most specific targeted field that is valid stands in the place of Cache-Control (RFC 9213 section 2.2). */
export function readControl(policy: CachePolicy, response: ResponseHead, into: CacheControl): boolean {
  for (const name of policy.config.targeted) {
    const value = fieldValue(response, name);
    if (value !== undefined && parseTargetedCacheControl(value, into)) return true;
  }
  parseCacheControl(fieldValue(response, 'cache-control'), into);
  return false;
}

/** Whether it may be kept for the sake of its validator alone, to be asked about each time (RFC 9111 section 3). */
export function isWorthValidating({ hasValidator, control, response }: Reading): boolean {
  return hasValidator && (control.isPublic || isHeuristicallyCacheable(response.status));
}

/** Whether it says nothing of how long it may be used unasked: either that is guessed, or it is kept to be asked about. */
export function isSilent({ lifetime, control }: Reading): boolean {
  return (lifetime === undefined || lifetime.source === 'heuristic') && !control.isNoCache;
}

/** Whether it may be used unasked at any time, were it only for a moment. */
export function isEverFresh({ lifetime, control, initialAgeSec: ageSec }: Reading): boolean {
  return lifetime !== undefined && lifetime.sec > ageSec && !control.isNoCache;
}

/** Whether nothing but a success of the origin may follow when it is stale: 5.2.2.2, 5.2.2.8, 5.2.2.10, 5.2.2.4. */
export function mustRevalidate({ control }: Reading): boolean {
  return control.isMustRevalidate || control.isProxyRevalidate || control.isNoCache || control.sMaxAgeSec >= 0;
}

/**
 * Seconds for which it may be served stale. `stated` is what the response says, -1 = nothing; then the route's word counts, unless the response forbids
 * serving stale at all. `s-maxage` forbids it too, but not to a response that allows it in the same breath (RFC 5861 is the more specific).
 */
export function staleAllowanceSec({ control }: Reading, statedSec: number, routeMs: number): number {
  if (control.isMustRevalidate || control.isProxyRevalidate || control.isNoCache) return 0;
  if (statedSec >= 0) return statedSec;
  return control.sMaxAgeSec >= 0 ? 0 : routeMs / 1000;
}
