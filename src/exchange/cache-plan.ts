import { type CachePolicy, compileCachePolicy } from '../cache/policy.ts';
import type { CollapseConfig } from '../config/dedupe-types.ts';
import type { RouteConfig } from '../config/types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { Flights } from '../shm/flights.ts';
import { CacheMetrics } from './cache-metrics.ts';
import type { Caching } from './caching.ts';

/** How one route caches, made ready at load. */
export type CachePlan = {
  readonly policy: CachePolicy;
  readonly caching: Caching;
  readonly metrics: CacheMetrics;
  /** How long a request waits for another one's validation of the same entry. */
  readonly maxWaitMs: number;
  /** `null`: every request goes to the origin by itself. */
  readonly collapse: CollapsePlan | null;
};

/** Collapsed forwarding on one route. */
export type CollapsePlan = {
  readonly flights: Flights;
  readonly metrics: CacheMetrics;
  readonly maxWaitMs: number;
  /** Of one key on one worker. */
  readonly maxFollowers: number;
  /** For how long a key is known to have answers that may not be shared. */
  readonly uncacheableForMs: number;
};

/** Where the route does not collapse, and so says nothing of waiting. */
const MAX_WAIT_MS = 10_000;

/** `null` where the route does not cache, or there is no store to cache in. */
export function compileCachePlan(route: RouteConfig, caching: Caching | null, metrics: MetricsWriter): CachePlan | null {
  if (route.cache === undefined || caching === null) return null;
  const cacheMetrics = new CacheMetrics(metrics, route.name);
  return Object.freeze({
    policy: compileCachePolicy(route.name, route.cache),
    caching,
    metrics: cacheMetrics,
    maxWaitMs: route.collapse?.maxWaitMs ?? MAX_WAIT_MS,
    collapse: compileCollapse(route.collapse, caching, cacheMetrics),
  });
}

function compileCollapse(config: CollapseConfig | undefined, { flights }: Caching, metrics: CacheMetrics): CollapsePlan | null {
  return flights === undefined || config === undefined ? null : { ...config, flights, metrics };
}
