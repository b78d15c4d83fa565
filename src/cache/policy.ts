import { Buffer } from 'node:buffer';
import type { RouteCacheConfig, StatusRange } from '../config/types.ts';

/** The cache of one route, made ready at load; frozen. */
export type CachePolicy = {
  readonly config: RouteCacheConfig;
  /** First part of each key, latin1 without line ends: routes do not share entries. */
  readonly namespace: string;
  readonly allowsGet: boolean;
  readonly allowsHead: boolean;
  readonly allowsQuery: boolean;
  /** One URL may have more keys than `keysForUri` gives: there are fields, cookies or a digest in them. */
  readonly hasManyKeys: boolean;
  /** Names of query parameters that the key keeps or leaves out. */
  readonly queryNames: ReadonlySet<string>;
};

export function compileCachePolicy(routeName: string, config: RouteCacheConfig): CachePolicy {
  const { key, methods } = config;
  const allowsQuery = methods.includes('QUERY');
  return Object.freeze({
    config,
    namespace: Buffer.from(routeName, 'utf8')
      .toString('latin1')
      .replace(/[\r\n]/g, ' '),
    allowsGet: methods.includes('GET'),
    allowsHead: methods.includes('HEAD'),
    allowsQuery,
    hasManyKeys: key.headers.length > 0 || key.cookies.length > 0 || allowsQuery,
    queryNames: new Set(key.query.kind === 'all' ? [] : key.query.names.map((name) => Buffer.from(name, 'utf8').toString('latin1'))),
  });
}

/** The first of the ranges that holds the status. */
export function rangeOf<Range extends StatusRange>(ranges: readonly Range[], status: number): Range | undefined {
  for (const range of ranges) if (status >= range.fromStatus && status <= range.toStatus) return range;
  return undefined;
}
