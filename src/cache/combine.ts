import type { ResponseHead } from '../http/response-head.ts';
import type { Admission, ExchangeTimes } from './admit.ts';
import type { CacheRequest } from './cache-request.ts';
import type { StoredView } from './stored.ts';

/** A run of bytes of one of the two bodies, in the order in which they make the new one. */
export type CombinedPiece = { readonly from: 'stored' | 'new'; readonly start: number; readonly end: number };

export type Combination =
  | { readonly kind: 'combined'; readonly admission: Admission; readonly pieces: readonly CombinedPiece[]; readonly isWhole: boolean }
  /** They do not belong together or leave a gap: the new one is stored by itself, if `admit` says so. */
  | { readonly kind: 'apart' };

/** A 206 that arrived beside a stored partial or whole response (RFC 9111 section 3.4). */
export function combine(request: CacheRequest, stored: StoredView, response: ResponseHead, times: ExchangeTimes): Combination {
  throw new Error(`pending: ${request.key} ${stored.bodyLength} ${response.status} ${times.responseMs}`);
}
