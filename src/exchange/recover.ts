import type { RetryCondition } from '../config/retry-types.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import { type FailureRule, ruleOf } from './failures.ts';

/** What an exchange knows of itself when an attempt fails. */
export type RecoveryFacts = {
  /** The client has seen the head of an answer. */
  readonly isAnswered: boolean;
  /** GET, HEAD, OPTIONS, TRACE, PUT, DELETE, QUERY (RFC 9110 section 9.2.2). */
  readonly isIdempotent: boolean;
  /** Request body bytes were handed to the attempt that failed: they are gone and cannot be sent again. */
  readonly isBodySpent: boolean;
  /** Attempts made, this one included. */
  readonly attempts: number;
};

/**
 * `unsent`: nothing of it had left. `stale`: it met a connection that the origin was closing, or waited behind one in a pipeline. The others are
 * a policy's: what failed, or the status of an answer.
 */
export type RetryReason = 'unsent' | 'stale' | RetryCondition | 'status';

export type Recovery =
  | { readonly kind: 'retry'; readonly reason: 'unsent' | 'stale' }
  | { readonly kind: 'answer'; readonly rule: FailureRule }
  | { readonly kind: 'cut'; readonly rule: FailureRule };

/** One retry on a fresh connection, and as many as a pipeline may break under a request that was never looked at. */
const MAX_ATTEMPTS = 2;
const MAX_UNSENT_ATTEMPTS = 4;

/** Decides what follows a failed attempt. Pure. */
export function recover(failure: UpstreamFailure, facts: RecoveryFacts): Recovery {
  const rule = ruleOf(failure);
  if (facts.isAnswered) return { kind: 'cut', rule };
  const reason = retryReason(failure, rule, facts);
  return reason === undefined ? { kind: 'answer', rule } : { kind: 'retry', reason };
}

function retryReason(failure: UpstreamFailure, rule: FailureRule, facts: RecoveryFacts): 'unsent' | 'stale' | undefined {
  if (rule.retry === 'never' || facts.isBodySpent) return undefined;
  // A queued request on a connection that broke was not sent, or waited in a pipeline behind the answer that broke it.
  if (failure.stage === 'queued') {
    if (failure.isReused) return facts.attempts < MAX_UNSENT_ATTEMPTS ? 'stale' : undefined;
    return facts.attempts < MAX_ATTEMPTS ? 'unsent' : undefined;
  }
  if (rule.retry === 'stale' && failure.stage === 'sent' && failure.isReused && facts.isIdempotent && facts.attempts < MAX_ATTEMPTS) {
    return 'stale';
  }
  return undefined;
}
