import type { Numbers } from '../base/numbers.ts';
import { hasCredentialByName } from '../http/credential-fields.ts';
import { FIELD_COOKIE } from '../http/known-fields.ts';
import { hasField } from '../http/request-head.ts';
import { type CacheRequest, isAuthorized } from './cache-request.ts';
import { BIT_WITH_CREDENTIALS, N_BITS, N_FRESH_UNTIL, N_RESPONSE_TIME } from './numbers.ts';

/**
 * Whether the request shows the origin who asks, in whatever field, so that an answer that does not say for how long caches may use it may be this
 * user's alone. Slow: for answers of which that is asked.
 */
export function hasCredentials(request: CacheRequest): boolean {
  const { head, hidesCookie } = request;
  if (isAuthorized(request) || request.isNamed) return true;
  return head !== null && ((!hidesCookie && hasField(head, FIELD_COOKIE)) || hasCredentialByName(head));
}

/**
 * Whether a response that came while `request` was waiting for it answers that too, though it may not be used any more without being asked about.
 * One that was fresh when it came does. `no-cache` never does: "any other request" (RFC 9111 5.2.2.4) is also one that waits. And one that was
 * never fresh is what frameworks send for pages made for one user: it is shared only between requests that do not say whose they are.
 */
export function mayAnswerWaiting(request: CacheRequest, numbers: Numbers): boolean {
  const freshUntilMs = numbers[N_FRESH_UNTIL] ?? 0;
  if (freshUntilMs === Number.NEGATIVE_INFINITY) return false;
  if (freshUntilMs > (numbers[N_RESPONSE_TIME] ?? 0)) return true;
  return ((numbers[N_BITS] ?? 0) & BIT_WITH_CREDENTIALS) === 0 && !hasCredentials(request);
}
