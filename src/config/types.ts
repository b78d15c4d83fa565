/**
 * The configuration as everything behind the border sees it: parsed, defaulted, frozen; every field present, every time
 * in milliseconds, every size in bytes. `config/schema.ts` makes it from text; nobody else makes or changes one.
 */

import type { BalanceConfig, SplitPart, StickyConfig } from './balance-types.ts';
import type { OutsideText } from './expand.ts';
import type { CollapseConfig, DedupeConfig } from './dedupe-types.ts';
import type { BreakerConfig, ResourcesConfig } from './breaker-types.ts';
import type { DiscoveryConfig } from './discovery-types.ts';
import type { HealthConfig } from './health-types.ts';
import type { DeadlineField, FallbackConfig, HedgeConfig, RetryConfig } from './retry-types.ts';
import type { ConsumersConfig, LimitConfig, LimiterConfig, LimitFields, RouteTiersConfig, TierConfig } from './limit-types.ts';

import type { FaultConfig, MirrorConfig } from './mirror-types.ts';

export type Engine = 'node' | 'uws';
export type Sharding = 'reuseport' | 'acceptor';

export type ListenAddress = { readonly host: string; readonly port: number };

/** Bounds of what a client may send, per listener. A bound that is passed answers as DESIGN says (431, 414, 413, 408). */
export type ListenerLimits = {
  /** Whole request head in bytes, request line included. Over it: 431 (414 when the request line alone is too long). */
  readonly maxHeadBytes: number;
  /** Request target in bytes. Over it: 414. */
  readonly maxTargetBytes: number;
  /** Header fields in a request. Over it: 431. */
  readonly maxFields: number;
  /** Client connections on one worker. Over it: closed at once, counted. */
  readonly maxConnections: number;
};

export type ListenerTimeouts = {
  /** From the first byte of a head to its end. 408. */
  readonly headMs: number;
  /** Keep-alive connection without a request. Closed silently. */
  readonly keepAliveMs: number;
  /** Between two bytes of a request body, or without progress while the client does not read its answer. */
  readonly idleMs: number;
};

export type ListenerConfig = {
  readonly name: string;
  readonly address: ListenAddress;
  readonly engine: Engine;
  /** CIDRs whose `X-Forwarded-*` and `Forwarded` are believed. */
  readonly trustedProxies: readonly string[];
  readonly limits: ListenerLimits;
  readonly timeouts: ListenerTimeouts;
  /** Lowest rate in bytes a second over `minRateAfterMs`, in each direction, once a body flows. 0 = off. */
  readonly minRateBytesPerSec: number;
  readonly minRateAfterMs: number;
  readonly backlog: number;
};

export type PoolConfig = {
  readonly maxConnections: number;
  readonly maxPending: number;
  /** How long a request may wait for a connection. 503 after it. */
  readonly pendingTimeoutMs: number;
  /** Requests on one connection before it is closed. 0 = no limit. */
  readonly maxRequests: number;
  /** An idle connection is closed after this, so that the origin does not do it first. */
  readonly idleTimeoutMs: number;
  readonly pipelining: number;
};

export type UpstreamTimeouts = {
  readonly connectMs: number;
  /** From the last byte of the request to the response head. 0 = none. */
  readonly responseMs: number;
  /** One try: from the choice of the endpoint to the response head. 0 = none. */
  readonly tryMs: number;
  /** Between two bytes of the response body. */
  readonly idleMs: number;
  /** The whole exchange. 0 = none, the default. */
  readonly totalMs: number;
};

export type EndpointConfig = {
  /** As written, for people. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly weight: number;
  /** 0 is used first. */
  readonly priority: number;
  /** `''` = nowhere in particular. */
  readonly zone: string;
};

export type UpstreamConfig = {
  readonly name: string;
  readonly endpoints: readonly EndpointConfig[];
  /** Where this host stands; `''` = zones do not count. */
  readonly zone: string;
  readonly balance: BalanceConfig;
  /** `undefined`: clients are not held to an endpoint. */
  readonly sticky: StickyConfig | undefined;
  readonly forwardCredentials: boolean;
  /** `upstream`: the endpoint's own authority; `client`: the Host that the client sent (default). */
  readonly host: 'client' | 'upstream';
  readonly pool: PoolConfig;
  readonly timeouts: UpstreamTimeouts;
  /** Lowest rate of a response body; see ListenerConfig. */
  readonly minRateBytesPerSec: number;
  readonly minRateAfterMs: number;
  /** Response head in bytes. Over it: 502. */
  readonly maxHeadBytes: number;
  readonly maxFields: number;
  /** `undefined`: as many requests at once as come. */
  readonly adaptive: AdaptiveConfig | undefined;
  readonly breaker: BreakerConfig | undefined;
  readonly resources: ResourcesConfig | undefined;
  /** Of first attempts, 0 to 1; see `DEFAULT_EXTRA_LOAD`. */
  readonly extraLoad: number | undefined;
  /** `undefined`: all endpoints are taken for well. */
  readonly health: HealthConfig | undefined;
  /** `undefined`: again only where that is safe without asking. */
  readonly retry: RetryConfig | undefined;
  /** `undefined`: one at a time. */
  readonly hedge: HedgeConfig | undefined;
  /** `undefined`: it is not told of deadlines. */
  readonly deadline: DeadlineField | undefined;
  /** `undefined`: the endpoints are those of the file. Else there may be none, and they serve until others are found. */
  readonly discovery: DiscoveryConfig | undefined;
};

/** How many requests an upstream may have at once, over the whole host, by how fast it answers; the excess is shed (503). */
export type AdaptiveConfig = {
  readonly algorithm: 'gradient' | 'aimd';
  readonly minLimit: number;
  readonly maxLimit: number;
  readonly initialLimit: number;
  /** Between two changes of the limit, at least; longer where answers take longer. */
  readonly windowMs: number;
  /** aimd: of the response times the one that is compared with `targetMs`, 0 to 1. */
  readonly quantile: number;
  /** gradient: how much longer than without a queue answers may take, as a share; above 0. */
  readonly headroom: number;
  /** gradient: how often the time without a queue is measured anew. */
  readonly recalculateMs: number;
  /** aimd: the response time that is too long. */
  readonly targetMs: number;
  /** aimd: what is left of the limit then, 0 to 1. */
  readonly backoff: number;
};

/** Whose requests go first where an upstream has too many: the lower, the earlier. */
export type ShedPriority = 'high' | 'normal' | 'low';

export type FieldEdits = {
  /** Set, replacing what is there. Names as written, values checked. */
  readonly set: readonly (readonly [name: string, value: string])[];
  /** Lower-case names. */
  readonly remove: readonly string[];
  /** Lower-case names that alone may pass; `undefined` = all. */
  readonly allow: readonly string[] | undefined;
};

/** A value matcher for headers and query parameters. */
export type ValueMatch =
  | { readonly kind: 'present' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'exact'; readonly value: string }
  | { readonly kind: 'prefix'; readonly value: string }
  | { readonly kind: 'regex'; readonly source: string };

export type RouteMatch = {
  /** Exact host, `*.example.com`, or `undefined` = any. Lower case, without port. */
  readonly host: string | undefined;
  /** A pattern of `routing`: `/exact`, `/prefix/*`, `/a/{name}/b`, `/a/* then more segments`. */
  readonly path: string;
  /** Upper-case methods; empty = any. */
  readonly methods: readonly string[];
  readonly headers: readonly { readonly name: string; readonly match: ValueMatch }[];
  readonly query: readonly { readonly name: string; readonly match: ValueMatch }[];
};

export type Respond = { readonly status: number; readonly headers: readonly (readonly [string, string])[]; readonly body: string };

export type FilterConfig = {
  /** Path as written, resolved against the config file's folder by `runtime`. */
  readonly module: string;
  /** What a throw or a timeout costs: 500 to that request, or the filter is skipped. */
  readonly onError: 'fail' | 'open';
  readonly timeoutMs: number;
};

/** Statuses `fromStatus` to `toStatus`, both included: one status, a class such as 400–499, or all (100–599). */
export type StatusRange = { readonly fromStatus: number; readonly toStatus: number };

/** How long an answer with one of these statuses is fresh when it says nothing of that itself. */
export type StatusTtl = StatusRange & { readonly ttlMs: number };

/** Corrects the freshness lifetime that an answer states or that was guessed for it. `forceTtlMs` goes before the other two. */
export type TtlOverride = StatusRange & {
  readonly minTtlMs: number;
  /** `undefined`: no limit. */
  readonly maxTtlMs: number | undefined;
  readonly forceTtlMs: number | undefined;
};

/** Which parameters of the query tell one cached answer from another. Names as they stand decoded in a URL; case counts. */
export type KeyQuery =
  | { readonly kind: 'all' }
  | { readonly kind: 'keep'; readonly names: readonly string[] }
  | { readonly kind: 'ignore'; readonly names: readonly string[] };

export type CacheMethod = 'GET' | 'HEAD' | 'QUERY';

export type CacheKeyConfig = {
  readonly query: KeyQuery;
  /** Parameters in another order are the same request. Default true. */
  readonly sortQuery: boolean;
  /** Lower-case names of request fields whose values are part of the key. */
  readonly headers: readonly string[];
  /** Names of cookies whose values are part of the key; case counts. */
  readonly cookies: readonly string[];
};

/** The HTTP cache of one route. A route that does not cache has none (`RouteConfig.cache` is `undefined`). */
export type RouteCacheConfig = {
  /** Methods answered from the cache. Default GET and HEAD; QUERY must be asked for. Never empty. */
  readonly methods: readonly CacheMethod[];
  /** A body that is longer is not stored. Default 10 MiB. */
  readonly maxObjectBytes: number;
  readonly key: CacheKeyConfig;
  /** RFC 5861, where the answer does not say it itself. 0 = not. */
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** Freshness lifetime of answers that state none; goes before the heuristic. 0 = the heuristic only. */
  readonly defaultTtlMs: number;
  /** Fraction (0 to 1) of the time since Last-Modified (RFC 9111 4.2.2), capped. A fraction of 0 turns it off. */
  readonly heuristic: { readonly fraction: number; readonly maxMs: number };
  /** By status, for answers that state no freshness; goes before `defaultTtlMs`. The first range that holds the status counts. */
  readonly negativeTtl: readonly StatusTtl[];
  /** The first range that holds the status counts: exact statuses stand before classes, and those before "all". */
  readonly ttl: readonly TtlOverride[];
  /** Whether an answer with Set-Cookie may be stored. Default false. */
  readonly storeSetCookie: boolean;
  /** Lower-case names of response fields that list tags (Surrogate-Key, Cache-Tag). */
  readonly tagsHeaders: readonly string[];
  /** Lower-case names of targeted fields (RFC 9213), the most specific first. Default `cdn-cache-control`. */
  readonly targeted: readonly string[];
  /** Whether the `key` parameter is in Cache-Status. */
  readonly debug: boolean;
  /** Answers held for one key that differ by Vary. Default 32. */
  readonly maxVariants: number;
  /** Whether No-Vary-Search of an answer is honoured. */
  readonly noVarySearch: boolean;
  /** Whether Cache-Control and Pragma of requests are ignored; only-if-cached never is. */
  readonly ignoreClientCacheControl: boolean;
};

export type RouteAction =
  | { readonly kind: 'upstream'; readonly upstream: string }
  /** At least one of them has a weight. */
  | { readonly kind: 'split'; readonly parts: readonly SplitPart[] }
  | { readonly kind: 'respond'; readonly respond: Respond };

export type RouteConfig = {
  readonly name: string;
  readonly match: RouteMatch;
  /** Higher wins before specificity. Default 0. */
  readonly priority: number;
  readonly action: RouteAction;
  /** Removes the literal prefix of the path pattern before forwarding. */
  readonly stripPrefix: boolean;
  /** Template with `{name}` captures and `{rest}`. */
  readonly rewritePath: string | undefined;
  readonly requestFields: FieldEdits;
  readonly responseFields: FieldEdits;
  /** `keep`: absolute redirects pass as they are; `rewrite`: those to the upstream's own authority become the client's. */
  readonly redirects: 'keep' | 'rewrite';
  /** Request body in bytes. Over it: 413. 0 = no limit. */
  readonly maxBodyBytes: number;
  /** Total deadline of the exchange; overrides the upstream's. 0 = none. */
  readonly timeoutMs: number;
  readonly filters: readonly FilterConfig[];
  /** `undefined`: nothing is cached. Only on routes to an upstream. */
  readonly cache: RouteCacheConfig | undefined;
  /** `undefined`: every miss goes to the origin by itself. Only where `cache` is there. */
  readonly collapse: CollapseConfig | undefined;
  /** Of use where the upstream has `adaptive`. */
  readonly shedPriority: ShedPriority;
  /** `undefined`: a failure is answered as what it is. */
  readonly fallback: FallbackConfig | undefined;
  /** `undefined`: neither sharing nor idempotency keys. Only on routes to an upstream. */
  readonly dedupe: DedupeConfig | undefined;
  /** `undefined`: nobody gets copies of its requests. */
  readonly mirror: MirrorConfig | undefined;
  /** The first that a request meets happens to it. */
  readonly faults: readonly FaultConfig[];
  /** Those of the route itself; empty = none. See `limit-types.ts`. */
  readonly limits: readonly LimitConfig[];
  /** `undefined`: what tiers and consumers allow does not matter here. */
  readonly tiers: RouteTiersConfig | undefined;
  readonly limitFields: LimitFields;
  /** Where the route stands in the file, for messages. */
  readonly line: number;
};

export type AccessLogConfig = {
  readonly enabled: boolean;
  /** A file path, `stdout` or `stderr`. */
  readonly path: string;
};

export type AdminConfig = { readonly address: ListenAddress; readonly token: string | undefined };

export type ProcessConfig = {
  /** After SIGTERM: wait for requests in flight at most this long. */
  readonly drainTimeoutMs: number;
  /** After readiness is withdrawn, keep accepting this long before listeners close. */
  readonly drainDelayMs: number;
  /** A worker whose loop has not turned for this long is reported … */
  readonly stuckReportMs: number;
  /** … and replaced after this. */
  readonly stuckKillMs: number;
};

/** What outlives the process. */
export type StoreConfig = {
  /** Folder as written, resolved against the config file's folder by `runtime`. */
  readonly path: string;
  /** Bytes that the disk tier of the HTTP cache may take. 0 = no disk tier. */
  readonly cacheDiskBytes: number;
  /** Bytes that the records of Idempotency-Key may take; over it, old answers go and only that their keys are used stays. */
  readonly idempotencyDiskBytes: number;
};

export type GatewayConfig = {
  /** Number of workers; `auto` in the file has been resolved by `runtime` where it is 0. */
  readonly workers: number;
  readonly sharding: Sharding;
  readonly admin: AdminConfig | undefined;
  readonly listeners: readonly ListenerConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly routes: readonly RouteConfig[];
  readonly accessLog: AccessLogConfig;
  /** Pseudonym in `Via`, `CDN-Loop`, `Proxy-Status`. Default `sluice`. */
  readonly serverName: string;
  /** Emit `Forwarded` (RFC 7239) beside `X-Forwarded-*`. */
  readonly forwarded: boolean;
  /** `Server-Timing` on answers. */
  readonly serverTiming: boolean;
  readonly process: ProcessConfig;
  /** Shared memory of the HTTP cache in bytes, tables included; only taken when a route caches. */
  readonly cacheMemoryBytes: number;
  /** `undefined`: nothing is kept on disk. */
  readonly store: StoreConfig | undefined;
  /** `undefined`: no request has a consumer. */
  readonly consumers: ConsumersConfig | undefined;
  readonly tiers: readonly TierConfig[];
  readonly limiter: LimiterConfig;
  /** How often what was used of quotas is written to the store; no more than this is lost with the process. */
  readonly usageFlushMs: number;
  /** What came out of `${env:…}` and `${file:…}`: whoever shows the configuration shows what was written there. */
  readonly outside: readonly OutsideText[];
};
