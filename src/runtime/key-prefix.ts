import { parseCacheUri } from '../cache/cache-key.ts';

/** A prefix of URLs, as keys of the cache are compared with it. */
export type KeyPrefix = {
  /** Stands in every key that is meant. */
  readonly begin: string;
  readonly isOnAnyHost: boolean;
};

/** `/path…` on any host, or `http://host/path…` by either scheme. */
export function parseKeyPrefix(prefix: string): KeyPrefix {
  const uri = prefix.startsWith('/') ? undefined : parseCacheUri(prefix);
  if (uri === undefined) return { begin: prefix, isOnAnyHost: true };
  return { begin: `${uri.authority}${uri.path}${uri.query}`, isOnAnyHost: false };
}

export function hasKeyPrefix(key: string, { begin, isOnAnyHost }: KeyPrefix): boolean {
  const hostAndPath = uriOfKey(key).replace(/^https?:\/\//, '');
  return hostAndPath.startsWith(begin, isOnAnyHost ? Math.max(0, hostAndPath.indexOf('/')) : 0);
}

/** A key is `namespace LF method class LF URI LF …`. */
function uriOfKey(key: string): string {
  return key.split('\n', 3)[2] ?? '';
}
