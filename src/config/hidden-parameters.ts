import type { ParsedConfig } from './schema.ts';
import type { CacheKeyConfig } from './types.ts';

/**
 * The key of cached answers without the parameters of `consumers.from` that no upstream of the route gets: the answers are not told apart by them, a
 * purge of a URL is one for all who ask with a key of their own, and no secret lies in the cache or on the disk.
 */
export function withoutHiddenParameters(
  key: CacheKeyConfig,
  { upstream }: Pick<ParsedConfig['routes'][number], 'upstream'>,
  { consumers, upstreams }: Pick<ParsedConfig, 'consumers' | 'upstreams'>,
): CacheKeyConfig {
  const parts = upstream === undefined ? [] : typeof upstream === 'string' ? [upstream] : upstream.map(({ name }) => name);
  if (parts.some((name) => upstreams[name]?.forwardCredentials === true)) return key;
  const hidden = (consumers?.from ?? []).flatMap((source) => (source.kind === 'apiKey' && source.place === 'query' ? [source.name] : []));
  const { query } = key;
  // Who names those that count says so of a key, too.
  if (hidden.length === 0 || query.kind === 'keep') return key;
  return { ...key, query: { kind: 'ignore', names: query.kind === 'all' ? hidden : [...query.names, ...hidden] } };
}
