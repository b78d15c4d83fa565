import { compileAdaptive } from './adaptive-schema.ts';
import { compileBalance, compileSticky } from './balance-schema.ts';
import { compileBreaker, compileResources } from './breaker-schema.ts';
import type { ParsedCache } from './cache-schema.ts';
import { compileCollapse, compileDedupe } from './compile-dedupe.ts';
import { compileDiscovery } from './discovery-schema.ts';
import { compileHealth } from './health-schema.ts';
import { compileLimiting, compileRouteLimits } from './compile-limits.ts';
import { compileFallback, compileRetry } from './retry-schema.ts';
import { deepFreeze } from './freeze.ts';
import { withoutHiddenParameters } from './hidden-parameters.ts';
import type { ParsedConfig } from './schema.ts';
import { comparedUpstreams, compileFaults, compileMirror, withAllowance } from './mirror-schema.ts';
import { compileParts } from './split-schema.ts';
import type { GatewayConfig, ListenerConfig, RouteCacheConfig, RouteConfig, StoreConfig, UpstreamConfig } from './types.ts';

/** What uWebSockets.js itself fixes: fields of a head, and how long a connection may rest. */
export const UWS_MAX_FIELDS = 100;
const UWS_IDLE_MS = 10_000;

/** The parsed file → what the inside wants. Must only be called for a configuration without problems. */
export function compileConfig(parsed: ParsedConfig, lineOf: (routeIndex: number) => number): Omit<GatewayConfig, 'outside'> {
  const upstreams = Object.entries(parsed.upstreams).map(([name, upstream]) => compileUpstream(name, upstream));
  const compared = comparedUpstreams(parsed.routes);
  const totalMs = new Map(upstreams.map(({ name, timeouts }) => [name, timeouts.totalMs]));
  const allTiers = Object.keys(parsed.tiers);
  return deepFreeze({
    workers: parsed.workers,
    sharding: parsed.sharding,
    admin: parsed.admin === undefined ? undefined : { address: parsed.admin.listen, token: parsed.admin.token },
    listeners: parsed.listeners.map(compileListener),
    upstreams: upstreams.map((upstream) => (compared.has(upstream.name) ? withAllowance(upstream) : upstream)),
    routes: parsed.routes.map((route, i) => ({
      ...compileRoute(route, i),
      ...compileSharedAnswers(route, parsed),
      ...compileRouteLimits(route, allTiers),
      ...compileTarget(route, (upstream) => route.timeout ?? totalMs.get(upstream) ?? 0),
      line: lineOf(i),
    })),
    accessLog: parsed.accessLog,
    serverName: parsed.serverName,
    forwarded: parsed.forwarded,
    serverTiming: parsed.serverTiming,
    process: {
      drainTimeoutMs: parsed.process.drainTimeout,
      drainDelayMs: parsed.process.drainDelay,
      stuckReportMs: parsed.process.stuckReport,
      stuckKillMs: parsed.process.stuckKill,
    },
    cacheMemoryBytes: parsed.cacheMemory,
    store: parsed.store === undefined ? undefined : compileStore(parsed.store),
    ...compileLimiting(parsed),
  });
}

function compileListener(listener: ParsedConfig['listeners'][number], i: number): ListenerConfig {
  const { limits, timeouts, engine } = listener;
  const isUws = engine === 'uws';
  return {
    name: listener.name ?? `listener${i + 1}`,
    address: listener.listen,
    engine,
    trustedProxies: listener.trustedProxies,
    limits: {
      maxHeadBytes: limits.maxHead,
      maxTargetBytes: Math.min(limits.maxTarget, limits.maxHead),
      maxFields: isUws ? Math.min(limits.maxFields, UWS_MAX_FIELDS) : limits.maxFields,
      maxConnections: limits.maxConnections,
    },
    timeouts: { headMs: timeouts.head, keepAliveMs: isUws ? UWS_IDLE_MS : timeouts.keepAlive, idleMs: timeouts.idle },
    minRateBytesPerSec: listener.minRate.bytes,
    minRateAfterMs: listener.minRate.after,
    backlog: listener.backlog,
  };
}

function compileUpstream(name: string, upstream: ParsedConfig['upstreams'][string]): UpstreamConfig {
  const { pool, timeouts, limits } = upstream;
  return {
    name,
    endpoints: upstream.endpoints,
    zone: upstream.zone,
    balance: compileBalance(upstream.balance),
    sticky: compileSticky(upstream.sticky),
    forwardCredentials: upstream.forwardCredentials,
    host: upstream.host,
    pool: {
      maxConnections: pool.maxConnections,
      maxPending: pool.maxPending,
      pendingTimeoutMs: pool.pendingTimeout,
      maxRequests: pool.maxRequests,
      idleTimeoutMs: pool.idleTimeout,
      pipelining: pool.pipelining,
    },
    timeouts: {
      connectMs: timeouts.connect,
      responseMs: timeouts.response,
      tryMs: timeouts.try,
      idleMs: timeouts.idle,
      totalMs: timeouts.total,
    },
    minRateBytesPerSec: upstream.minRate.bytes,
    minRateAfterMs: upstream.minRate.after,
    maxHeadBytes: limits.maxHead,
    maxFields: limits.maxFields,
    adaptive: compileAdaptive(upstream.adaptive),
    breaker: compileBreaker(upstream.breaker),
    resources: compileResources(upstream.resources),
    extraLoad: upstream.extraLoad,
    health: compileHealth(upstream.health),
    retry: compileRetry(upstream.retry),
    hedge: upstream.hedge,
    deadline: upstream.deadline === 'none' ? undefined : upstream.deadline,
    discovery: compileDiscovery(upstream.discovery),
  };
}

function compileRoute(
  route: ParsedConfig['routes'][number],
  i: number,
): Omit<RouteConfig, 'action' | 'timeoutMs' | 'line' | 'cache' | 'collapse' | 'dedupe' | 'limits' | 'tiers' | 'limitFields'> {
  const { match, headers } = route;
  return {
    name: route.name ?? `route${i + 1}`,
    match: {
      host: match.host,
      path: match.path,
      methods: match.methods,
      headers: Object.entries(match.headers).map(([name, value]) => ({ name: name.toLowerCase(), match: value })),
      query: Object.entries(match.query).map(([name, value]) => ({ name, match: value })),
    },
    priority: route.priority,
    stripPrefix: route.stripPrefix,
    rewritePath: route.rewrite?.path,
    requestFields: { set: headers.request.set, remove: headers.request.remove, allow: headers.request.allow },
    responseFields: { set: headers.response.set, remove: headers.response.remove, allow: undefined },
    redirects: route.redirects,
    maxBodyBytes: route.maxBody,
    shedPriority: route.shed.priority,
    fallback: compileFallback(route.fallback),
    mirror: compileMirror(route.mirror),
    faults: compileFaults(route.faults),
    filters: route.filters.map(({ module, onError, timeout }) => ({ module, onError, timeoutMs: timeout })),
  };
}

function compileSharedAnswers(
  route: ParsedConfig['routes'][number],
  parsed: ParsedConfig,
): Pick<RouteConfig, 'cache' | 'collapse' | 'dedupe'> {
  const compiled = compileCache(route.cache, parsed.cacheMemory, route.fallback?.stale ?? 0);
  const cache = compiled === undefined ? undefined : { ...compiled, key: withoutHiddenParameters(compiled.key, route, parsed) };
  return { cache, collapse: compileCollapse(route.collapse, cache), dedupe: compileDedupe(route.dedupe) };
}

/** A body that takes more than this share of the memory would push out too much else. */
const MAX_OBJECT_SHARE = 1 / 4;
const USUAL_MAX_OBJECT_BYTES = 10 * 2 ** 20;

/** `staleMs`: what `fallback` allows a stored answer to be too old where the upstream fails. */
function compileCache(cache: ParsedCache | undefined, memoryBytes: number, staleMs: number): RouteCacheConfig | undefined {
  if (cache === undefined || !cache.enabled) return undefined;
  return {
    methods: cache.methods,
    maxObjectBytes: cache.maxObject ?? Math.min(USUAL_MAX_OBJECT_BYTES, Math.floor(memoryBytes * MAX_OBJECT_SHARE)),
    key: cache.key,
    staleWhileRevalidateMs: cache.staleWhileRevalidate,
    staleIfErrorMs: Math.max(cache.staleIfError, staleMs),
    defaultTtlMs: cache.defaultTtl,
    heuristic: { fraction: cache.heuristic.fraction, maxMs: cache.heuristic.max },
    negativeTtl: cache.negativeTtl,
    ttl: cache.ttl,
    storeSetCookie: cache.storeSetCookie,
    tagsHeaders: cache.tagsHeader,
    targeted: cache.targeted,
    debug: cache.debug,
    maxVariants: cache.maxVariants,
    noVarySearch: cache.noVarySearch,
    ignoreClientCacheControl: cache.ignoreClientCacheControl,
  };
}

function compileStore({ path, cacheDisk, idempotencyDisk }: NonNullable<ParsedConfig['store']>): StoreConfig {
  return { path, cacheDiskBytes: cacheDisk, idempotencyDiskBytes: idempotencyDisk };
}

/** Who answers, and by when. */
function compileTarget(
  { respond, upstream = '' }: ParsedConfig['routes'][number],
  timeoutOf: (upstream: string) => number,
): Pick<RouteConfig, 'action' | 'timeoutMs'> {
  if (respond !== undefined) return { action: { kind: 'respond', respond }, timeoutMs: timeoutOf('') };
  if (typeof upstream === 'string') return { action: { kind: 'upstream', upstream }, timeoutMs: timeoutOf(upstream) };
  // Each part has its own.
  return { action: { kind: 'split', parts: compileParts(upstream, timeoutOf) }, timeoutMs: 0 };
}
