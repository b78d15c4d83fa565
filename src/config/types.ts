/**
 * The configuration as everything behind the border sees it: parsed, defaulted, frozen; every field present, every time
 * in milliseconds, every size in bytes. `config/schema.ts` makes it from text; nobody else makes or changes one.
 */

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
};

export type UpstreamConfig = {
  readonly name: string;
  readonly endpoints: readonly EndpointConfig[];
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
};

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

export type RouteAction =
  | { readonly kind: 'upstream'; readonly upstream: string }
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
};
