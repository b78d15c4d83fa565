import { CacheControl, clearDirectives, parseCacheControl } from '../http/cache-control.ts';
import { fieldValue, hasToken } from '../http/fields.ts';
import { FIELD_AUTHORIZATION, FIELD_CACHE_WISH, OVERRIDES } from '../http/known-fields.ts';
import { valueAtOrigin } from '../http/origin-value.ts';
import { hasField, type RequestHead } from '../http/request-head.ts';
import { buildKey, type CacheUri } from './cache-key.ts';
import type { CachePolicy } from './policy.ts';

/** `none`: a method that no cache answers (`safe`), or that changes things (`unsafe`), or that this route does not cache. */
export type MethodClass = 'get' | 'head' | 'query' | 'safe' | 'unsafe';

/** Bits of `CacheRequest.bits`. None set: a fresh entry answers it without another look at the request. */
export const ASKS_DIRECTIVES = 1;
/** Any of If-None-Match, If-Modified-Since, If-Match, If-Unmodified-Since. */
export const ASKS_CONDITION = 2;
export const ASKS_RANGE = 4;
/** The method is not GET. */
export const ASKS_OTHER_METHOD = 16;

const SAFE = new Set(['OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH']);

const NO_KEYS: readonly string[] = Object.freeze([]);

/** One request as the cache sees it. A hot object: one with each exchange, filled by `readCacheRequest`. Lends the head. */
export class CacheRequest {
  policy: CachePolicy | null = null;
  head: RequestHead | null = null;
  method: MethodClass = 'get';
  scheme = 'http';
  /** Latin1; `''` where the answer to this method comes from no cache and goes into none. */
  key = '';
  bits = 0;
  /** `Range` where it counts: GET alone (RFC 9110 14.2); `''` = none. */
  range = '';
  contentDigest = '';
  /** See `RequestOrigin`. */
  beside = '';
  /** See `RequestOrigin`. */
  wasAuthorized = false;
  /** See `RequestOrigin`. */
  shownKeys: readonly string[] = NO_KEYS;
  /** See `RequestOrigin`. */
  isNamed = false;
  /** See `RequestOrigin`. */
  hidesCookie = false;
  /** Directives of Cache-Control, or what Pragma stands for. */
  readonly directives = new CacheControl();
}

/** No name of a field. */
export const KEY_IN_QUERY = '?';

export type RequestOrigin = {
  /** `http` or `https`, as the client used it. */
  readonly scheme: string;
  /** Of a QUERY: a digest of `queryPreamble` and its content; else `''`. */
  readonly contentDigest: string;
  /** Part of the key: lines, each with LF before it, of what is no field that the rules know, and that the origin may answer by; mostly `''`. */
  readonly beside?: string;
  /** It came with credentials, which the head does not have any more, and the origin may have been told whose it is in other words. */
  readonly wasAuthorized?: boolean;
  /** Names of the fields in which it has a secret key that the origin may see; `KEY_IN_QUERY` for one in a parameter that may not count in the key. */
  readonly shownKeys?: readonly string[];
  /** A trusted proxy tells the origin whose it is. */
  readonly isNamed?: boolean;
  /** Its cookies do not reach the origin, in whatever words. */
  readonly hidesCookie?: boolean;
};

/** Reads what the cache must know of a vetted request. */
export function readCacheRequest(policy: CachePolicy, head: RequestHead, origin: RequestOrigin, into: CacheRequest): void {
  into.policy = policy;
  into.head = head;
  into.method = methodClass(policy, head.method);
  into.scheme = origin.scheme;
  into.contentDigest = origin.contentDigest;
  into.beside = origin.beside ?? '';
  into.wasAuthorized = origin.wasAuthorized === true;
  into.shownKeys = origin.shownKeys ?? NO_KEYS;
  into.isNamed = origin.isNamed === true;
  into.hidesCookie = origin.hidesCookie === true;
  into.bits = into.method === 'get' ? 0 : ASKS_OTHER_METHOD;
  into.range = '';
  clearDirectives(into.directives);
  if (hasField(head, FIELD_CACHE_WISH)) readWishes(policy, head, into);
  into.key = isOverridden(head) ? '' : keyOf(policy, into);
}

/** The origin may answer to another method or URI than those that the key is made of: that answer comes from no cache and goes into none. */
function isOverridden(head: RequestHead): boolean {
  if (!hasField(head, FIELD_CACHE_WISH)) return false;
  for (const name of OVERRIDES) if (fieldValue(head, name) !== undefined) return true;
  return false;
}

/** The part of a QUERY's key that comes of its fields; the caller hashes it together with the content (RFC 10008 section 2.7). */
export function queryPreamble(head: RequestHead): string {
  const of = (name: string): string => valueAtOrigin(head, name) ?? '';
  return `${of('content-type')}\n${of('content-encoding')}\n${of('content-language')}\n`;
}

/** The key of answers to this URI that do not vary with all of the query; `''` where the route does not look for them. */
export function searchKey({ policy, head, key, scheme, method, beside }: CacheRequest): string {
  if (policy === null || head === null || key === '' || method === 'query' || !policy.config.noVarySearch) return '';
  return buildKey(policy, requestUri(head, scheme), { keyClass: 'S', head, contentDigest: '', beside });
}

/** The effective request URI. */
export function requestUri(head: RequestHead, scheme: string): CacheUri {
  return { scheme, authority: head.authority, path: head.path, query: head.query };
}

function keyOf(policy: CachePolicy, { head, method, scheme, contentDigest, beside }: CacheRequest): string {
  if (head === null || method === 'safe' || !head.path.startsWith('/') || !isKept(policy, method, contentDigest)) return '';
  if (method === 'unsafe' && head.method !== 'POST') return '';
  // An origin may heed the content of a GET, which is no part of the key: nobody else is to get that answer (RFC 9110 9.3.1).
  if ((method === 'get' || method === 'head') && (head.contentLength > 0 || head.isChunked)) return '';
  return buildKey(policy, requestUri(head, scheme), { keyClass: method === 'query' ? 'Q' : 'G', head, contentDigest, beside });
}

/** What a POST is answered may be kept for GET (RFC 9110 9.3.3). */
function isKept(policy: CachePolicy, method: MethodClass, contentDigest: string): boolean {
  if (method === 'query') return policy.allowsQuery && contentDigest !== '';
  return method === 'head' ? policy.allowsHead || policy.allowsGet : policy.allowsGet;
}

function methodClass(policy: CachePolicy, method: string): MethodClass {
  switch (method) {
    case 'GET':
      return policy.allowsGet ? 'get' : 'safe';
    case 'HEAD':
      return policy.allowsHead ? 'head' : 'safe';
    case 'QUERY':
      return policy.allowsQuery ? 'query' : 'safe';
    default:
      return SAFE.has(method) ? 'safe' : 'unsafe';
  }
}

function readWishes(policy: CachePolicy, head: RequestHead, into: CacheRequest): void {
  readDirectives(policy, head, into);
  const has = (name: string): boolean => fieldValue(head, name) !== undefined;
  if (has('if-none-match') || has('if-modified-since') || has('if-match') || has('if-unmodified-since')) into.bits |= ASKS_CONDITION;
  if (into.method !== 'get') return;
  into.range = fieldValue(head, 'range') ?? '';
  if (into.range !== '') into.bits |= ASKS_RANGE;
}

/** RFC 9111 5.4: `Pragma: no-cache` counts only where there is no Cache-Control. */
function readDirectives(policy: CachePolicy, head: RequestHead, into: CacheRequest): void {
  const { directives } = into;
  const control = fieldValue(head, 'cache-control');
  const pragma = control === undefined ? fieldValue(head, 'pragma') : undefined;
  if (control === undefined && (pragma === undefined || !hasToken(pragma, 'no-cache'))) return;
  parseCacheControl(control ?? 'no-cache', directives);
  if (policy.config.ignoreClientCacheControl) {
    const { isOnlyIfCached } = directives;
    clearDirectives(directives);
    directives.isOnlyIfCached = isOnlyIfCached;
  }
  if (saysAnything(directives)) into.bits |= ASKS_DIRECTIVES;
}

/** Whether there is a directive among them that means something in a request (RFC 9111 5.2.1, RFC 5861 4). */
function saysAnything(directives: CacheControl): boolean {
  const { maxAgeSec, maxStaleSec, minFreshSec, staleIfErrorSec, isNoCache, isNoStore, isOnlyIfCached } = directives;
  return isNoCache || isNoStore || isOnlyIfCached || Math.max(maxAgeSec, maxStaleSec, minFreshSec, staleIfErrorSec) >= 0;
}

/** Whether it came with credentials, so that its answer may be for this user alone (RFC 9111 3.5). */
export function isAuthorized({ head, wasAuthorized, shownKeys }: CacheRequest): boolean {
  return wasAuthorized || shownKeys.length > 0 || (head !== null && hasField(head, FIELD_AUTHORIZATION));
}

/** Whether it is so by keys alone, each of which stands in one of these fields or in the cache's key. */
export function isToldApart({ head, wasAuthorized, shownKeys, policy }: CacheRequest, names: readonly string[]): boolean {
  if (wasAuthorized || policy === null || head === null || hasField(head, FIELD_AUTHORIZATION)) return false;
  return shownKeys.every((name) => names.includes(name) || policy.config.key.headers.includes(name));
}
