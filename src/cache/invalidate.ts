import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { CacheUri } from './cache-key.ts';

export type Invalidation = {
  readonly uris: readonly CacheUri[];
  /** Names for the epochs, see `epochNameOfGroup`. */
  readonly groupNames: readonly string[];
};

/** What the answer to an unsafe request invalidates (RFC 9111 section 4.4, RFC 9875 section 3); `undefined` = nothing. */
export function invalidations(request: RequestHead, scheme: string, response: ResponseHead): Invalidation | undefined {
  throw new Error(`pending: ${request.method} ${scheme} ${response.status}`);
}
