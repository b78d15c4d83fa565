import { CacheControl } from '../http/cache-control.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { CachePolicy } from './policy.ts';

/** `plain`: GET without anything that a cache must think about. */
export type MethodClass = 'get' | 'head' | 'query' | 'safe' | 'unsafe';

/** Bits of `CacheRequest.bits`. None set: a fresh entry answers it without another look at the request. */
export const ASKS_DIRECTIVES = 1;
/** Any of If-None-Match, If-Modified-Since, If-Match, If-Unmodified-Since, If-Range. */
export const ASKS_CONDITION = 2;
export const ASKS_RANGE = 4;
export const ASKS_AUTHORIZED = 8;
/** The method is not GET. */
export const ASKS_OTHER_METHOD = 16;

/** One request as the cache sees it. A hot object: one with each exchange, filled by `readCacheRequest`. Lends the head. */
export class CacheRequest {
  policy: CachePolicy | null = null;
  head: RequestHead | null = null;
  method: MethodClass = 'get';
  scheme = 'http';
  /** Latin1; `''` where the method is never answered from the cache. */
  key = '';
  bits = 0;
  /** Directives of Cache-Control (and Pragma); read only if ASKS_DIRECTIVES. */
  readonly directives = new CacheControl();
}

/**
 * Reads what the cache must know of a vetted request. `contentDigest` is `''` but for QUERY, where it is `queryDigestText`
 * hashed by the caller.
 */
export function readCacheRequest(policy: CachePolicy, head: RequestHead, origin: RequestOrigin, into: CacheRequest): void {
  throw new Error(`pending: ${policy.namespace} ${head.method} ${origin.scheme} ${into.key}`);
}

export type RequestOrigin = {
  /** `http` or `https`, as the client used it. */
  readonly scheme: string;
  /** Of a QUERY: a digest of its Content-Type, Content-Encoding and content; else `''`. */
  readonly contentDigest: string;
};
