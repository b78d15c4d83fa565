import { REFUSALS } from '../http/refusal.ts';

/** Classes of status codes, at index `floor(status / 100) - 1`. */
export const CODE_CLASSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** Why a request never reached a route's upstream: what a request itself does wrong, and what the gateway would not take on. */
export const REFUSAL_REASONS: readonly string[] = [
  ...Object.keys(REFUSALS),
  'no-route',
  'method-not-allowed',
  'draining',
  'connection-limit',
  'accept-error',
];

/** How an attempt at an upstream failed: the words of `upstream/failure.ts`, which lies above; a test holds the two together. */
export const FAILURE_KINDS = [
  'connect-refused',
  'connect-timeout',
  'connect-failed',
  'dns-failed',
  'reset',
  'response-timeout',
  'try-timeout',
  'idle-timeout',
  'too-slow',
  'malformed-head',
  'malformed-body',
  'head-too-large',
  'truncated',
  'unexpected-upgrade',
  'pool-full',
  'pool-timeout',
  'pool-closed',
  'overloaded',
  'no-endpoint',
  'open',
] as const;

/** Every clock that can end something, by side. */
export const TIMEOUT_KINDS = [
  'client-head',
  'client-keep-alive',
  'client-idle',
  'client-too-slow',
  'upstream-connect',
  'upstream-response',
  'upstream-try',
  'upstream-idle',
  'upstream-too-slow',
  'pool-wait',
  'total',
  'unattended',
  'filter',
] as const;

export const CONNECTION_STATES = ['idle', 'active'] as const;
/** Why a request was sent once more: nothing of it had left, it met a connection that the origin was closing, or it waited in a pipeline that broke. */
export const RETRY_REASONS = ['unsent', 'stale', 'unanswered', 'connect-failure', 'reset', 'timeout', 'status'] as const;
/** Why a request that failed was not sent once more although the policy names what happened. */
export const RETRY_GIVEN_UP_REASONS = ['attempts', 'body', 'method', 'allowance', 'retry-after'] as const;
/** What became of a second try beside the first: it was the first to answer well, or not, or was not begun for want of an allowance. */
export const HEDGE_RESULTS = ['won', 'lost', 'refused'] as const;
export const FALLBACK_KINDS = ['respond', 'upstream'] as const;
/** Of routes: whose requests are shed last, and whose first. */
export const SHED_PRIORITIES = ['high', 'normal', 'low'] as const;
export const BREAKER_TRANSITIONS = ['open', 'half-open', 'closed'] as const;
/** What is asked of an upstream beside first attempts: the words of `upstream/extra-load.ts`; a test holds the two together. */
export const EXTRA_LOAD_KINDS = ['retry', 'hedge', 'mirror', 'revalidation'] as const;
/** What became of copies of requests, or why there was none: no room, a body too long, nobody to ask. */
export const MIRROR_RESULTS = ['answered', 'failed', 'no-room', 'body-too-long', 'no-endpoint'] as const;
export const FAULT_KINDS = ['delay', 'abort', 'throttle'] as const;
export const RESOURCE_KINDS = ['connections', 'pending', 'requests', 'retries'] as const;
export const CHECK_RESULTS = ['passed', 'failed'] as const;
/** What the coordinator thinks of an endpoint: one that is both is `unhealthy`. */
export const ENDPOINT_STATES = ['healthy', 'unhealthy', 'ejected'] as const;
/** What a source of endpoints said: others than before, the same, none at all, or nothing of use. */
export const DISCOVERY_RESULTS = ['changed', 'same', 'empty', 'failed'] as const;
/** Why an endpoint was ejected: the words of `upstream/health/outlier-judge.ts`, which lies above; a test holds the two together. */
export const EJECTION_REASONS = [
  'consecutive-5xx',
  'consecutive-gateway',
  'consecutive-local',
  'success-rate',
  'failure-share',
  'latency',
] as const;
export const FILTER_PHASES = ['request', 'upstream-request', 'response', 'finish'] as const;
export const RELOAD_RESULTS = ['success', 'failure'] as const;
export const DEATH_REASONS = ['exit', 'error', 'stuck'] as const;

/**
 * What the cache did for a request of a route that caches: answered by a fresh entry, by a stale one, by one that the upstream
 * confirmed, by what another request was fetching, went on without one, was none of its business, or refused (only-if-cached without an entry, 504).
 */
export const CACHE_RESULTS = ['hit', 'stale', 'revalidated', 'collapsed', 'miss', 'bypass', 'refused'] as const;

/** Why an answer was not stored: the words of `cache/admit.ts`, which lies above (a test holds the two together), and what befalls a fill. */
export const UNCACHEABLE_REASONS = [
  'method',
  'status',
  'no-store',
  'private',
  'authorization',
  'set-cookie',
  'vary-any',
  'no-freshness',
  'already-stale',
  'too-big',
  'partial',
  'not-understood',
  'broke-off',
  'no-room',
  'busy',
  'purged',
] as const;

/** How a follower goes on for a leader that failed: anew, or from the last byte that was shared. */
export const TAKEOVER_KINDS = ['restart', 'resume'] as const;
/** Why a follower went to the origin by itself. `full`: no place in the table of flights. */
export const WAIT_ENDS = ['maxWait', 'maxFollowers', 'full'] as const;

/**
 * What became of a request on a route with Idempotency-Key: it ran, got the kept answer (`replayed`), or that of the one it waited
 * for (`waited`); another one with its key was running (`conflict`, 409) or was another request (`mismatch`, 422); it had no key
 * (`missing`, 400) or one that is none (`malformed`, 400); nobody knows how the one with its key ended (`unknown`, 409); the records
 * could not be had (`unavailable`, 503).
 */
export const IDEMPOTENCY_RESULTS = [
  'ran',
  'replayed',
  'waited',
  'conflict',
  'mismatch',
  'missing',
  'malformed',
  'unknown',
  'unavailable',
] as const;

/**
 * What a limit said to a request: `allowed`; `refused` (429); `delayed`, it waited its turn; `shadowed`, it would have been refused
 * and went on; `overage`, it went on and counts as used beyond the limit.
 */
export const LIMIT_RESULTS = ['allowed', 'refused', 'delayed', 'shadowed', 'overage'] as const;

/** Why an object that was begun did not get into the store. */
export const FILL_FAILURES = ['too-large', 'no-room', 'lock-timeout', 'aborted'] as const;

/** Whether the disk had what a worker asked for. */
export const DISK_FETCH_RESULTS = ['hit', 'miss'] as const;

export const PURGE_KINDS = ['url', 'prefix', 'tag', 'all'] as const;

/** The label value of requests that met no route. */
export const NO_ROUTE = 'none';
/** The label value of all endpoints that only discovery knows: they come and go, and series stay. */
export const DISCOVERED = 'discovered';
/** The label value under which label sets are counted that found no cells of their own. */
export const OTHER = 'other';
/** In place of an endpoint: all endpoints of an upstream together. */
export const SERVICE = 'service';
