import { ASKS_DIRECTIVES, CacheRequest, isAuthorized, readCacheRequest } from '../cache/cache-request.ts';
import { compileCachePolicy } from '../cache/policy.ts';
import type { KeyQuery, ListenerConfig, RouteCacheConfig, RouteConfig, StatusRange } from '../config/types.ts';
import { formatDuration, formatSize } from '../config/units.ts';
import { hasPorts } from '../exchange/cache-origin.ts';
import type { AskedRequest } from './explain-request.ts';

/** Whether the cache has a say in the request, under which key, and by which rules; a line each. */
export function explainCache(route: RouteConfig, { facts, scheme }: AskedRequest, listeners: readonly ListenerConfig[]): readonly string[] {
  if (route.cache === undefined) return ['cache: none'];
  const { cache } = route;
  if (!cache.methods.some((method) => method === facts.method))
    return [`cache: passed by, since ${facts.method} is not ${cache.methods.join(', ')}${invalidates(facts.method)}`];
  const request = new CacheRequest();
  readCacheRequest(compileCachePolicy(route.name, cache), facts.head, { scheme, contentDigest: '' }, request);
  return [
    `cache key: ${request.key
      .split('\n')
      .filter((part) => part !== '')
      .join(' | ')}${facts.method === 'QUERY' ? ' | digest of the content' : ''}`,
    `key holds: ${keyText(cache)}${hasPorts(listeners) ? ', port of the listener' : ''}`,
    ...requestNotes(request, cache),
    `freshness: ${freshnessText(cache)}`,
    ...cache.ttl.map(
      (rule) =>
        `freshness of ${statusText(rule)}: ${[
          rule.forceTtlMs === undefined ? '' : `${formatDuration(rule.forceTtlMs)} whatever is stated`,
          rule.minTtlMs === 0 ? '' : `at least ${formatDuration(rule.minTtlMs)}`,
          rule.maxTtlMs === undefined ? '' : `at most ${formatDuration(rule.maxTtlMs)}`,
        ]
          .filter((part) => part !== '')
          .join(', ')}`,
    ),
    `stale: ${staleText(cache)}`,
    `stored: bodies up to ${formatSize(cache.maxObjectBytes)}, ${cache.storeSetCookie ? 'also' : 'not'} with Set-Cookie, ${cache.maxVariants} variants of a key`,
  ];
}

const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE'];

function invalidates(method: string): string {
  return UNSAFE.includes(method) ? '; a success invalidates what is stored for the URL (RFC 9111 4.4)' : '';
}

function keyText({ key }: RouteCacheConfig): string {
  const parts = ['scheme', 'host', 'path', queryText(key.query, key.sortQuery)];
  return [...parts, ...key.headers.map((name) => `header ${name}`), ...key.cookies.map((name) => `cookie ${name}`)].join(', ');
}

function queryText(query: KeyQuery, isSorted: boolean): string {
  const order = isSorted ? ', in any order' : ', in the order sent';
  if (query.kind === 'all') return `all parameters${order}`;
  if (query.kind === 'ignore') return `parameters but ${query.names.join(', ') || 'none'}${order}`;
  return query.names.length === 0 ? 'no parameters' : `parameters ${query.names.join(', ')}${order}`;
}

/** What of this very request the rules look at. */
function requestNotes(request: CacheRequest, cache: RouteCacheConfig): string[] {
  const notes: string[] = [];
  if (isAuthorized(request)) notes.push('Authorization: only answers that say public, s-maxage or must-revalidate are stored or served');
  if ((request.bits & ASKS_DIRECTIVES) !== 0)
    notes.push(`Cache-Control of the request: ${cache.ignoreClientCacheControl ? 'ignored but for only-if-cached' : 'heeded'}`);
  return notes;
}

function freshnessText(cache: RouteCacheConfig): string {
  const stated = `as ${[...cache.targeted, 'cache-control'].join(', ')} or Expires state`;
  const negative = cache.negativeTtl.map(({ ttlMs, ...range }) => `${formatDuration(ttlMs)} for ${statusText(range)}`);
  const { fraction, maxMs } = cache.heuristic;
  const guess =
    fraction === 0 ? 'none' : `${Math.round(fraction * 1000) / 10}% of the time since Last-Modified, ${formatDuration(maxMs)} at most`;
  return [stated, ...negative, cache.defaultTtlMs === 0 ? guess : formatDuration(cache.defaultTtlMs)].join('; else ');
}

function staleText({ staleWhileRevalidateMs, staleIfErrorMs }: RouteCacheConfig): string {
  const while_ =
    staleWhileRevalidateMs === 0 ? 'as answers allow' : `${formatDuration(staleWhileRevalidateMs)} unless answers say otherwise`;
  const error = staleIfErrorMs === 0 ? 'as answers allow' : `${formatDuration(staleIfErrorMs)} unless answers say otherwise`;
  return `served while refreshed ${while_}; served on errors ${error}`;
}

function statusText({ fromStatus, toStatus }: StatusRange): string {
  if (fromStatus === toStatus) return String(fromStatus);
  return toStatus - fromStatus > 99 ? 'all statuses' : `${fromStatus / 100}xx`;
}
