import type { ConcurrencyLimitConfig, LimitConfig, QuotaConfig, RateLimitConfig } from '../config/limit-types.ts';
import type { LimitKey } from './limit-key.ts';

/**
 * Limits and quotas as a request meets them. `identity`, with the text of the key, says what is counted:
 * rules with the same one count together. `told`: the place in the readings for the RateLimit fields; -1 = the client is not told.
 */
export type RateRule<R> = {
  readonly kind: 'rate';
  readonly config: RateLimitConfig;
  readonly identity: string;
  readonly key: LimitKey;
  readonly told: number;
  /** As `LimitServices.rate` made it. */
  readonly rate: R;
};

export type ConcurrencyRule = {
  readonly kind: 'concurrency';
  readonly config: ConcurrencyLimitConfig;
  readonly identity: string;
  readonly key: LimitKey;
  readonly told: number;
};

export type QuotaRule<Q> = {
  readonly kind: 'quota';
  readonly config: QuotaConfig;
  readonly identity: string;
  readonly key: LimitKey;
  readonly told: number;
  /** As `LimitServices.quota` made it. */
  readonly quota: Q;
};

export type LimitRule<R, Q> = RateRule<R> | ConcurrencyRule | QuotaRule<Q>;

/** Of a limit on a route. Limits that have a name count over all routes that have one of that name. */
export function identityOnRoute(limit: LimitConfig, route: string): string {
  return limit.isNamed ? `n:${limit.name}:${manner(limit)}` : `r:${route}:${limit.name}:${manner(limit)}`;
}

/**
 * Of a limit of a tier or a consumer: without the tier's name, so that who comes into a tier with the same limit keeps what was
 * used. `nth`: which of several that are alike in one tier.
 */
export function identityOfAllowance(limit: LimitConfig, nth: number): string {
  return `t:${limit.isNamed ? limit.name : ''}:${manner(limit)}${nth === 0 ? '' : `:${nth}`}`;
}

/** Neither the tier nor the amount is in it: who changes tiers keeps what was used. */
export function identityOfQuota({ name, per, timeZone }: QuotaConfig): string {
  return `q:${name}:${per}:${timeZone}`;
}

/**
 * All that decides what a cell of the limiter means: one that was written for another rate cannot be read. What is under way is
 * counted alike whatever the limit.
 */
function manner(limit: LimitConfig): string {
  const parts = limit.key.map((part) => {
    if (part.kind === 'header') return `header=${part.name}`;
    return part.kind === 'ip' ? `ip=${part.ipv4Bits}/${part.ipv6Bits}` : part.kind;
  });
  const key = parts.join('+');
  if (limit.kind === 'concurrency') return `c:${key}`;
  return `${limit.algorithm === 'sliding-window' ? 's' : 'b'}:${limit.amount}/${limit.windowMs}/${limit.burst}:${key}`;
}
