import type { RouteCacheConfig } from '../config/types.ts';

/** The cache of one route, made ready at load; frozen. */
export type CachePolicy = {
  readonly config: RouteCacheConfig;
  /** First part of each key: routes do not share entries. */
  readonly namespace: string;
  readonly allowsGet: boolean;
  readonly allowsHead: boolean;
  readonly allowsQuery: boolean;
  /** The key has fields or cookies in it, or a digest: one URL may have several keys. */
  readonly hasManyKeys: boolean;
};

export function compileCachePolicy(routeName: string, config: RouteCacheConfig): CachePolicy {
  throw new Error(`pending: ${routeName} ${config.debug}`);
}
