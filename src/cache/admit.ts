import type { ResponseHead } from '../http/response-head.ts';
import type { CacheRequest } from './cache-request.ts';

/** When the exchange with the origin took place. */
export type ExchangeTimes = {
  /** Host time at which the request was sent. */
  readonly requestMs: number;
  /** Host time at which the head of the response was there. */
  readonly responseMs: number;
  /** Wall time of the same moment, ms since 1970. */
  readonly responseEpochMs: number;
};

export type SkipReason =
  | 'method'
  | 'status'
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary-any'
  | 'no-freshness' // states none, may not be guessed, has no validator
  | 'already-stale'
  | 'too-big'
  | 'partial' // a 206 that cannot be kept: several ranges, unknown place
  | 'not-understood'; // must-understand with a status that is not

export type Admission =
  | {
      readonly kind: 'store';
      readonly meta: string;
      readonly numbers: Float64Array;
      readonly tags: readonly string[];
      readonly groups: readonly string[];
      /** Content-Length; -1 = unknown. */
      readonly bodyBytes: number;
    }
  | { readonly kind: 'skip'; readonly reason: SkipReason };

/** Whether the response to `request` may be stored (RFC 9111 section 3), and what is kept of it. */
export function admit(request: CacheRequest, response: ResponseHead, times: ExchangeTimes): Admission {
  throw new Error(`pending: ${request.key} ${response.status} ${times.responseMs}`);
}
