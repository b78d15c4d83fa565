import { Buffer } from 'node:buffer';
import type { KeyQuery, RouteCacheConfig, StatusRange } from '../config/types.ts';
import { decodeQueryText } from '../http/no-vary-search.ts';
import { foldParameterName } from '../http/query-parameters.ts';

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
  /** Of query parameters: those that the key leaves out, decoded, or those that it keeps, by `foldParameterName`. */
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
    queryNames: new Set(queryNames(key.query)),
  });
}

/** As they may stand in a query, escaped or not. */
function queryNames(query: KeyQuery): readonly string[] {
  if (query.kind === 'all') return [];
  const names = query.names.map((name) => decodeQueryText(Buffer.from(name, 'utf8').toString('latin1')));
  return query.kind === 'keep' ? names.map(foldParameterName) : names;
}

/** The first of the ranges that holds the status. */
export function rangeOf<Range extends StatusRange>(ranges: readonly Range[], status: number): Range | undefined {
  for (const range of ranges) if (status >= range.fromStatus && status <= range.toStatus) return range;
  return undefined;
}
