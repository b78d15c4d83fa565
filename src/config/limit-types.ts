/** Consumers, tiers, limits and quotas of the configuration; part of what `types.ts` says. Times in ms. */

import type { ShedPriority } from './types.ts';

/** A part of what a limit counts by. The value of a request that lacks it is told in `policy/limit-key.ts`. */
export type LimitKeyPart =
  | { readonly kind: 'consumer' }
  | { readonly kind: 'apiKey' }
  /** The client's address, cut to so many bits. Default 32 of an IPv4 and 64 of an IPv6 address. */
  | { readonly kind: 'ip'; readonly ipv4Bits: number; readonly ipv6Bits: number }
  | { readonly kind: 'route' }
  | { readonly kind: 'header' /** Lower-case. */; readonly name: string };

/** What one request takes of a limit or a quota. */
export type LimitCost =
  | { readonly kind: 'fixed'; readonly amount: number }
  /**
   * The answer tells it in this field (lower-case), a whole number. `ahead` is taken when the request comes, and what the answer
   * says more is charged, what it says less given back; an answer without the field costs `ahead`.
   */
  | { readonly kind: 'header'; readonly name: string; readonly ahead: number };

/**
 * What happens beyond the limit. `reject`: 429. `throttle`: the request waits its turn, and 429 beyond `maxDelayMs`. `shadow`: it
 * goes on, is counted and nobody is told. `overage`: it goes on and counts as used beyond the limit; only of tiers and consumers.
 */
export type LimitAction = 'reject' | 'throttle' | 'shadow' | 'overage';

export type LimitAlgorithm = 'token-bucket' | 'sliding-window';

/** So many in a time that rolls on. */
export type RateLimitConfig = {
  readonly kind: 'rate';
  /** Stands in RateLimit fields, problems and metrics. Limits of one name are one limit, on whatever routes they stand. */
  readonly name: string;
  /** False: the name was made up here, and the limit counts on its route alone. */
  readonly isNamed: boolean;
  /** Never empty. */
  readonly key: readonly LimitKeyPart[];
  /** 1 … 1e9 in each `windowMs`. */
  readonly amount: number;
  readonly windowMs: number;
  /** What may come at once, 1 … 1e9. Default `amount`; with a sliding window it is always that. */
  readonly burst: number;
  readonly algorithm: LimitAlgorithm;
  readonly cost: LimitCost;
  readonly action: LimitAction;
  /** Longest wait of `throttle`; 0 with every other action. */
  readonly maxDelayMs: number;
};

/** So many at the same time. */
export type ConcurrencyLimitConfig = {
  readonly kind: 'concurrency';
  readonly name: string;
  readonly isNamed: boolean;
  readonly key: readonly LimitKeyPart[];
  /** 1 … 1 000 000. */
  readonly max: number;
  readonly action: 'reject' | 'shadow';
};

export type LimitConfig = RateLimitConfig | ConcurrencyLimitConfig;

export type CalendarUnit = 'hour' | 'day' | 'month';

/** So many in an hour, a day or a month of the calendar, for each consumer. */
export type QuotaConfig = {
  /** Default the calendar unit. Quotas of one name, unit and zone are one, in whatever tier: who changes tiers keeps what was used. */
  readonly name: string;
  /** 1 … 1e11. */
  readonly amount: number;
  readonly per: CalendarUnit;
  /** Of the IANA, as `Europe/Berlin`; default UTC. */
  readonly timeZone: string;
  readonly cost: LimitCost;
  readonly action: 'reject' | 'overage';
};

export type TierConfig = {
  readonly name: string;
  /** All counted by consumer. */
  readonly limits: readonly LimitConfig[];
  readonly quotas: readonly QuotaConfig[];
  /** In place of the route's; `undefined` = the route's holds. */
  readonly shedPriority: ShedPriority | undefined;
};

/** Where a request tells who asks. */
export type ConsumerSource =
  /** A secret that `ConsumerConfig.keys` knows; header names are lower-case, names of query parameters are not. */
  | { readonly kind: 'apiKey'; readonly place: 'header' | 'query'; readonly name: string }
  /** The name of a consumer, from a trusted proxy only. */
  | { readonly kind: 'header'; readonly name: string };

export type ConsumerConfig = {
  readonly name: string;
  /** Secrets. */
  readonly keys: readonly string[];
  /** `undefined`: the default tier of the route. */
  readonly tier: string | undefined;
  /** In place of those of the tier that have the same window or name (of `concurrency` limits: in their place), others beside them. */
  readonly limits: readonly LimitConfig[];
  /** In place of those of the tier of the same name, others beside them. */
  readonly quotas: readonly QuotaConfig[];
};

export type ConsumersConfig = {
  /** The first one that a request has counts. Never empty. */
  readonly from: readonly ConsumerSource[];
  /** What a key that nobody has makes of a request on a route with limits or tiers: one without a consumer, or 401. */
  readonly unknown: 'anonymous' | 'reject';
  readonly list: readonly ConsumerConfig[];
};

/** The tiers that hold on a route. */
export type RouteTiersConfig = {
  /** Names of `GatewayConfig.tiers`, `fallback` among them. */
  readonly plan: readonly string[];
  /** For who has no tier, or one that is not in `plan`. */
  readonly fallback: string;
};

/** Which fields of an answer tell the client its limits: RateLimit and RateLimit-Policy (draft), X-RateLimit-* (legacy). */
export type LimitFields = 'draft' | 'legacy' | 'both' | 'none';

/** Bounds of the limiter itself. */
export type LimiterConfig = {
  /** Shared memory for the rates of all keys; only taken when something is limited. Default 32 MiB, enough for a million keys. */
  readonly memoryBytes: number;
  /** Requests that wait their turn on one worker. Over it: 429. Default 10 000. */
  readonly maxDelayed: number;
};
