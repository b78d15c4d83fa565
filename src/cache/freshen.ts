import type { ResponseHead } from '../http/response-head.ts';
import type { ExchangeTimes } from './admit.ts';
import type { CacheRequest } from './cache-request.ts';
import type { StoredView } from './stored.ts';

export type Freshening =
  | {
      readonly kind: 'updated';
      readonly meta: string;
      readonly numbers: Float64Array;
      readonly tags: readonly string[];
      readonly groups: readonly string[];
      /** False: answers this request and is not kept (the 304 said no-store or private). */
      readonly mayKeep: boolean;
    }
  /** The answer is not about this entry: the client's request must be sent again without validators, the entry goes. */
  | { readonly kind: 'mismatch' };

/** A 304 to `decision.addedLines` (RFC 9111 sections 3.2, 4.3.4). */
export function freshen(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Freshening {
  throw new Error(`pending: ${request.key} ${stored.bodyLength} ${response.status} ${times.responseMs}`);
}

/** An answer to HEAD, over a stored answer to GET (section 4.3.5). `mismatch`: the stored one is to be marked FLAG_INVALID. */
export function freshenByHead(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Freshening {
  throw new Error(`pending: ${request.key} ${stored.bodyLength} ${response.status} ${times.responseMs}`);
}
