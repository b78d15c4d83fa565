import type { Respond, StatusRange } from './types.ts';

/** What is tried when an upstream fails, and what the client gets when that does not help. */

/** `connect-failure`: no connection came about. `reset`: it broke before the head of an answer. `timeout`: none came in time. */
export type RetryCondition = 'connect-failure' | 'reset' | 'timeout';

export type RetryConfig = {
  /** Tries of a request in all: 1 to 10. */
  readonly attempts: number;
  readonly conditions: readonly RetryCondition[];
  /** Answers that are not taken. */
  readonly statuses: readonly StatusRange[];
  /** Upper-case. Others are tried again only where nothing of them had left. */
  readonly methods: readonly string[];
  /** Before the n-th retry a random time up to min × 2^(n − 1) is waited, and no more than max. */
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Of a request; a longer one cannot be sent again. Kept in memory while it streams by. */
  readonly maxBodyBytes: number;
  /** Whether a Retry-After of the answer is waited out, up to 10 × `backoffMaxMs`; the answer is taken where it is longer. */
  readonly honoursRetryAfter: boolean;
};

/** The field by which an upstream is told until when its answer is of use, and a client may tell us. */
export type DeadlineField = 'x-request-deadline' | 'grpc-timeout';

export type HedgeConfig = {
  /** Waited before one more is asked: a time, or the share of answers (0 to 1) that have come by then. */
  readonly after: { readonly kind: 'delay'; readonly ms: number } | { readonly kind: 'quantile'; readonly quantile: number };
  /** Further tries beside the first. */
  readonly max: number;
  /** Upper-case, idempotent. */
  readonly methods: readonly string[];
};

/** `timeout`: 504 of ours. `open`: a breaker is. `no-endpoint`: nobody may be asked. `overloaded`: the upstream has all it can take. */
export type FallbackCondition = RetryCondition | 'open' | 'no-endpoint' | 'overloaded';

export type FallbackConfig = {
  readonly conditions: readonly FallbackCondition[];
  /** Of the upstream's answers and our own. */
  readonly statuses: readonly StatusRange[];
  /** `undefined`: only what the cache has. */
  readonly action:
    | { readonly kind: 'respond'; readonly respond: Respond }
    | { readonly kind: 'upstream'; readonly upstream: string }
    | undefined;
};
