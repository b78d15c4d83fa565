import { type CachePolicy, compileCachePolicy } from '../cache/policy.ts';
import type { RouteConfig } from '../config/types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { CacheMetrics } from './cache-metrics.ts';
import type { Caching } from './caching.ts';

/** How one route caches, made ready at load. */
export type CachePlan = {
  readonly policy: CachePolicy;
  readonly caching: Caching;
  readonly metrics: CacheMetrics;
  /** How long a request waits for another one's validation of the same entry. */
  readonly maxWaitMs: number;
};

const MAX_WAIT_MS = 10_000;

/** `null` where the route does not cache, or there is no store to cache in. */
export function compileCachePlan(route: RouteConfig, caching: Caching | null, metrics: MetricsWriter): CachePlan | null {
  if (route.cache === undefined || caching === null) return null;
  return Object.freeze({
    policy: compileCachePolicy(route.name, route.cache),
    caching,
    metrics: new CacheMetrics(metrics, route.name),
    maxWaitMs: MAX_WAIT_MS,
  });
}
