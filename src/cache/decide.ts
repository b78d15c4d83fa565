import type { ForwardReason } from '../http/cache-status.ts';
import type { CacheRequest } from './cache-request.ts';
import type { CachePolicy } from './policy.ts';
import type { StoredView } from './stored.ts';

/**
 * `serve`: `chosen` answers, through `answerStored`. `revalidate`: `chosen` is asked about with `addedLines`. `forward`: as if
 * there were no entry; `mayStore` says whether the answer may be stored. `refuse`: only-if-cached, 504.
 */
export type DecisionKind = 'serve' | 'revalidate' | 'forward' | 'refuse';

/** A hot object, overwritten by `decide`. */
export class Decision {
  kind: DecisionKind = 'forward';
  /** The response that answers, or that is validated, or that a 206 would complete; null = none. */
  chosen: StoredView | null = null;
  /** Current age of `chosen` in whole seconds (RFC 9111 section 4.2.3), for `Age`. */
  ageSec = 0;
  /** Remaining freshness in whole seconds, negative when stale. */
  ttlSec = 0;
  isStale = false;
  /** Served, and to be revalidated behind the client's back (stale-while-revalidate). */
  isRefreshDue = false;
  /** Why the origin is asked: `fwd` of Cache-Status. Set for `forward` and `revalidate`. */
  reason: ForwardReason = 'miss';
  mayStore = false;
  /** Field lines for the origin, each with CRLF: If-None-Match, If-Modified-Since, Range, If-Range; `''` = none. */
  addedLines = '';
  /** The client's own conditional fields and Range are left out of the request to the origin. */
  isStripped = false;
}

/** Decides over a request and the stored responses under its key. Pure. */
export function decide(request: CacheRequest, candidates: readonly StoredView[], hostNowMs: number, into: Decision): void {
  throw new Error(`pending: ${request.key} ${candidates.length} ${hostNowMs} ${into.kind}`);
}

/** The lines of a request that revalidates `view` in the background. */
export function validationLines(view: StoredView): string {
  throw new Error(`pending: ${view.meta.uri}`);
}

/** What a method that no cache may answer leads to: forward, nothing stored. */
export function isCacheable(policy: CachePolicy, method: string): boolean {
  throw new Error(`pending: ${policy.namespace} ${method}`);
}
