import type { CacheRequest } from './cache-request.ts';
import type { StoredView } from './stored.ts';

/** Whether `stored` may answer in place of an error: `status` of the origin's answer, 0 = there was none (RFC 5861 section 4, RFC 9111 4.2.4). */
export function mayServeOnError(request: CacheRequest, stored: StoredView, hostNowMs: number, status: number): boolean {
  throw new Error(`pending: ${request.key} ${stored.bodyLength} ${hostNowMs} ${status}`);
}
