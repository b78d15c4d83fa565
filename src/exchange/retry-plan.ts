import type { RetryCondition, RetryConfig } from '../config/retry-types.ts';
import type { StatusRange } from '../config/types.ts';
import { parseHttpDate } from '../http/http-date.ts';
import type { FailureKind } from '../upstream/failure.ts';

/** What is tried again, and when. Pure. */

/** By status; made at load, so that an answer is judged by one look. */
export type StatusSet = Uint8Array;

export type RetryPlan = {
  readonly config: RetryConfig;
  readonly statuses: StatusSet;
  readonly methods: ReadonlySet<string>;
};

/** Why nothing more is tried although the policy names what happened. */
export type GivenUp = 'attempts' | 'body' | 'method' | 'allowance' | 'retry-after';

const CONDITIONS: Partial<Readonly<Record<FailureKind, RetryCondition>>> = {
  'connect-refused': 'connect-failure',
  'connect-timeout': 'connect-failure',
  'connect-failed': 'connect-failure',
  'dns-failed': 'connect-failure',
  reset: 'reset',
  truncated: 'reset',
  'malformed-head': 'reset',
  'response-timeout': 'timeout',
  'try-timeout': 'timeout',
};

/** `undefined`: it is none that policies name. */
export function conditionOf(kind: FailureKind): RetryCondition | undefined {
  return CONDITIONS[kind];
}

export function statusSet(ranges: readonly StatusRange[]): StatusSet {
  const set = new Uint8Array(600);
  for (const { fromStatus, toStatus } of ranges) set.fill(1, fromStatus, toStatus + 1);
  return set;
}

export function compileRetryPlan(config: RetryConfig | undefined): RetryPlan | null {
  if (config === undefined) return null;
  return { config, statuses: statusSet(config.statuses), methods: new Set(config.methods) };
}

/** What a request that may have to be sent again has come to. */
export type RetryFacts = {
  readonly method: string;
  /** Tries made, hedges not counted. */
  readonly attempts: number;
  /** Some of its body is gone. */
  readonly isBodySpent: boolean;
  /** Nothing of it had left. */
  readonly isUnsent: boolean;
  /** It must not be seen twice, whatever its method. */
  readonly isOnce: boolean;
};

const GIVEN_UP_TEXTS: Readonly<Record<GivenUp, string>> = {
  attempts: 'not retried: no attempts are left',
  body: 'not retried: the request body is too long to be kept',
  method: 'not retried: the method may not be sent twice',
  allowance: 'not retried: the allowance of extra load is used up',
  'retry-after': 'not retried: Retry-After is too long',
};

/** For Proxy-Status and the access log. */
export function givenUpText(reason: GivenUp): string {
  return GIVEN_UP_TEXTS[reason];
}

/** `undefined`: it may be tried again, if the allowance of extra load has room. */
export function objectionTo({ config, methods }: RetryPlan, facts: RetryFacts): GivenUp | undefined {
  if (facts.attempts >= config.attempts) return 'attempts';
  if (facts.isBodySpent) return 'body';
  if (!facts.isUnsent && (facts.isOnce || !methods.has(facts.method))) return 'method';
  return undefined;
}

/**
 * Full jitter: a random time between 0 and min × 2^(n − 1), no more than max, before the n-th retry ("Exponential Backoff And Jitter", AWS
 * Architecture Blog, 2015). `random`: 0 to 1, 1 excluded.
 */
export function backoffMs({ backoffMinMs, backoffMaxMs }: RetryConfig, retry: number, random: number): number {
  return random * Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(30, retry - 1));
}

/** The longest Retry-After that is waited out. */
export function maxRetryAfterMs({ backoffMaxMs }: RetryConfig): number {
  return backoffMaxMs * 10;
}

/** Of a Retry-After field in ms, 0 and above; `undefined` where it is none (RFC 9110 section 10.2.3). */
export function retryAfterMs(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const atMs = parseHttpDate(value, nowMs);
  return atMs === undefined ? undefined : Math.max(0, atMs - nowMs);
}
