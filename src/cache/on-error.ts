import type { CacheRequest } from './cache-request.ts';
import { isCovered } from './coverage.ts';
import { BIT_HEADERS_ONLY, BIT_MUST_REVALIDATE, BIT_NO_CACHE, FLAG_INVALID, N_BITS, N_FRESH_UNTIL, N_STALE_IF_ERROR } from './numbers.ts';
import { isServerError } from './statuses.ts';
import type { StoredView } from './stored.ts';

/** Whether `stored` may answer in place of an error: `status` of the origin's answer, 0 = there was none (RFC 5861 section 4, RFC 9111 4.2.4). */
export function mayServeOnError(request: CacheRequest, stored: StoredView, hostNowMs: number, status: number): boolean {
  const bits = stored.numbers[N_BITS] ?? 0;
  if ((status !== 0 && !isServerError(status)) || (stored.flags & FLAG_INVALID) !== 0 || (bits & BIT_NO_CACHE) !== 0) return false;
  if (request.key === '' || (request.method !== 'head' && (bits & BIT_HEADERS_ONLY) !== 0) || !isCovered(request, stored)) return false;
  const allowedSec = Math.max(stored.numbers[N_STALE_IF_ERROR] ?? 0, isStrict(bits) ? 0 : request.directives.staleIfErrorSec);
  return allowedSec > 0 && hostNowMs < (stored.numbers[N_FRESH_UNTIL] ?? 0) + allowedSec * 1000;
}

/** The client cannot allow what the response forbids. */
function isStrict(bits: number): boolean {
  return (bits & BIT_MUST_REVALIDATE) !== 0;
}
