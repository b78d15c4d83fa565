import type { DeadlineField } from '../config/retry-types.ts';
import type { FieldEdits, GatewayConfig, RouteConfig, UpstreamConfig } from '../config/types.ts';
import { assert } from '../base/assert.ts';
import { compileResponsePolicy, type ResponsePolicy } from '../http/client-head.ts';
import { compileForwardPolicy, type ForwardPolicy, type ForwardSettings } from '../http/forward.ts';
import { withoutParameters } from '../http/query-parameters.ts';
import { statusText } from '../http/status.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { type PathPattern, parsePattern } from '../routing/pattern.ts';
import type { Captures } from '../routing/captures.ts';
import { compileRewrite } from '../routing/rewrite.ts';
import { acceptedMethods, type RouteEntry } from '../routing/route.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { type AdaptiveGates, compileShedding, type SheddingPlan } from './admission.ts';
import type { RenderedAnswer } from './answers.ts';
import { type BalanceKeyPlan, compileBalanceKey } from './balance-key.ts';
import { type CachePlan, compileCachePlan } from './cache-plan.ts';
import type { Caching } from './caching.ts';
import { compileIdempotency, type IdempotencyPlan } from './idempotency-plan.ts';
import type { IdempotencyRecords } from './idempotency-records.ts';
import type { LoadedFilter, LoadedFilters } from './filters.ts';
import { compileLimitPlan, type LimitPlan } from './limit-plan.ts';
import { compileFaultPlan, type FaultPlan } from './faults.ts';
import type { Limiting } from './limiting.ts';
import { compileMirrorPlan, type MirrorPlan } from './mirror/mirror-plan.ts';
import type { RequestFacts } from './request-facts.ts';
import { compileResilience, type ResiliencePlan } from './resilience-plan.ts';
import { RouteMetrics } from './route-metrics.ts';
import { compileSharing, type SharingPlan } from './sharing-plan.ts';
import { Split } from './split.ts';
import { Sticky } from './sticky.ts';

/** The target for the upstream. */
export type RouteRewrite = (captures: Captures, facts: Pick<RequestFacts, 'target' | 'queryText'>) => string;

/** A route made ready at load: all that a request on it needs, and nothing that it does not use (`null` = absent). */
export type RoutePlan = {
  readonly name: string;
  readonly upstreamName: string;
  /** The route has several upstreams: then this is a plan for one of them, and says which one a request gets. */
  readonly split: Split<RoutePlan> | null;
  /** Its upstream, where that is one of several; `''` = it is the only one. */
  readonly part: string;
  readonly balanceKey: BalanceKeyPlan | null;
  readonly sticky: Sticky | null;
  /** `null`: the route answers by itself. */
  readonly cluster: Cluster | null;
  readonly respond: RenderedAnswer | null;
  readonly forward: ForwardPolicy;
  readonly response: ResponsePolicy;
  readonly rewrite: RouteRewrite | null;
  /** Of an `Allow` field: the methods that the route takes, or the usual ones where it takes all. */
  readonly allow: string;
  readonly filters: readonly LoadedFilter[] | null;
  readonly cache: CachePlan | null;
  readonly idempotency: IdempotencyPlan | null;
  readonly limits: LimitPlan | null;
  readonly sharing: SharingPlan | null;
  readonly shedding: SheddingPlan | null;
  readonly resilience: ResiliencePlan | null;
  /** Told to the upstream, and heard of the client; `null` = neither. */
  readonly deadline: DeadlineField | null;
  readonly mirror: MirrorPlan | null;
  readonly faults: FaultPlan | null;
  /** Authorization and Cookie reach the upstream. */
  readonly forwardsCredentials: boolean;
  readonly maxBodyBytes: number;
  readonly totalMs: number;
  readonly serverTiming: boolean;
  readonly metrics: RouteMetrics;
};

const USUAL_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];

export type PlanServices = {
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly filters: LoadedFilters;
  readonly metrics: MetricsWriter;
  readonly pseudonym: string;
  readonly caching: Caching | null;
  readonly records: IdempotencyRecords | null;
  readonly limiting: Limiting | null;
  readonly gates: AdaptiveGates;
};

/** The configured routes as the router takes them. The configuration has been checked: whatever is missing here is our own fault. */
export function compilePlans(config: GatewayConfig, services: PlanServices): readonly RouteEntry<RoutePlan>[] {
  return config.routes.map((route) => ({
    name: route.name,
    match: route.match,
    priority: route.priority,
    line: route.line,
    value: compileRoute(route, config, services),
  }));
}

/** A route, or what it is towards one of its upstreams (`part`). */
export type PlannedRoute = RouteConfig & { readonly part: string };

function compileRoute(route: RouteConfig, config: GatewayConfig, services: PlanServices): RoutePlan {
  if (route.action.kind !== 'split') return compilePlan({ ...route, part: '' }, config, services);
  const { parts } = route.action;
  const ofParts = parts.map(({ upstream, timeoutMs }) => {
    return compilePlan({ ...route, action: { kind: 'upstream', upstream }, timeoutMs, part: upstream }, config, services);
  });
  const [first] = ofParts;
  assert(first !== undefined, `route ${route.name} has an upstream`);
  // Who asks, and what has been asked before, is one thing whichever upstream it goes to.
  const plans = ofParts.map((plan) => Object.freeze({ ...plan, limits: first.limits, idempotency: first.idempotency }));
  return Object.freeze({ ...first, split: new Split<RoutePlan>(parts, plans) });
}

function compilePlan(route: PlannedRoute, config: GatewayConfig, services: PlanServices): RoutePlan {
  const { action } = route;
  const upstream = action.kind === 'upstream' ? config.upstreams.find(({ name }) => name === action.upstream) : undefined;
  const cluster = upstream === undefined ? undefined : services.clusters.get(upstream.name);
  assert(action.kind === 'respond' || cluster !== undefined, `route ${route.name} has an upstream`);
  const parsed = parsePattern(route.match.path);
  assert(parsed.kind === 'ok', `the path of route ${route.name} has been checked`);
  const { pseudonym } = services;
  const methods = acceptedMethods(route.match.methods);
  return Object.freeze({
    name: route.name,
    upstreamName: upstream?.name ?? '',
    split: null,
    part: route.part,
    balanceKey: compileBalanceKey(upstream, config, services.limiting),
    sticky: cluster?.config.sticky === undefined ? null : new Sticky(cluster, cluster.config.sticky),
    cluster: cluster ?? null,
    respond: action.kind === 'respond' ? renderRespond(action.respond) : null,
    forward: forwardPolicyFor(route, upstream, { config, pseudonym }),
    response: compileResponsePolicy({ responseFields: route.responseFields, redirects: route.redirects, pseudonym }),
    rewrite: rewriteOf(route, parsed.pattern, upstream?.forwardCredentials === true ? [] : secretParameters(config)),
    allow: (methods.length === 0 ? USUAL_METHODS : methods).join(', '),
    filters: filtersOf(route, services.filters),
    limits: compileLimitPlan(route, config, services),
    idempotency: compileIdempotency(route, config, services),
    sharing: compileSharing(route, services.caching, services.metrics),
    shedding: upstream?.adaptive === undefined ? null : compileShedding(route, upstream.name, services),
    resilience: compileResilience(route, upstream, {
      render: renderRespond,
      // Its cookie would take the place of the one that holds the client to the route's own upstream.
      planFor: (name) => Object.freeze({ ...compilePlan(elsewhere(route, name), config, services), sticky: null }),
    }),
    deadline: upstream?.deadline ?? null,
    mirror: compileMirror(route, config, services),
    faults: compileFaultPlan(route.name, route.faults, services.metrics),
    forwardsCredentials: upstream?.forwardCredentials ?? false,
    cache: compileCachePlan(route, services.caching, services.metrics),
    maxBodyBytes: route.maxBodyBytes,
    totalMs: route.timeoutMs,
    serverTiming: config.serverTiming,
    metrics: new RouteMetrics(services.metrics, route.name, upstream?.name),
  });
}

/** The same route to another upstream, for a request that has come as far as being sent. */
function elsewhere(route: PlannedRoute, upstream: string): PlannedRoute {
  const action: RouteConfig['action'] = { kind: 'upstream', upstream };
  return {
    ...route,
    action,
    cache: undefined,
    collapse: undefined,
    dedupe: undefined,
    limits: [],
    fallback: undefined,
    mirror: undefined,
    faults: [],
  };
}

function forwardPolicyFor(
  route: RouteConfig,
  upstream: UpstreamConfig | undefined,
  { config, pseudonym }: { readonly config: GatewayConfig; readonly pseudonym: string },
): ForwardPolicy {
  return compileForwardPolicy({
    forwardCredentials: upstream?.forwardCredentials ?? false,
    host: upstream?.host ?? 'client',
    requestFields: withoutDeadline(route.requestFields, upstream?.deadline),
    pseudonym,
    forwarded: config.forwarded,
    requestId: 'pass',
    ...consumerFields(config),
  });
}

function compileMirror(route: RouteConfig, config: GatewayConfig, { clusters, metrics, pseudonym }: PlanServices): MirrorPlan | null {
  const { mirror } = route;
  if (mirror === undefined) return null;
  const shadow = config.upstreams.find(({ name }) => name === mirror.upstream);
  const cluster = clusters.get(mirror.upstream);
  assert(shadow !== undefined && cluster !== undefined, `the mirror of route ${route.name} has an upstream`);
  const forward = forwardPolicyFor(route, shadow, { config, pseudonym });
  return compileMirrorPlan({ route: route.name, config: mirror, shadow, cluster, forward, secrets: secretParameters(config), metrics });
}

/** The client's own word on it is replaced by ours. */
function withoutDeadline(edits: FieldEdits, deadline: DeadlineField | undefined): FieldEdits {
  return deadline === undefined ? edits : { ...edits, remove: [...edits.remove, deadline] };
}

/** Fields that tell who asks: from a peer that is not trusted they are no more than a claim, and a key is a secret between the client and us. */
function consumerFields({ consumers }: GatewayConfig): Pick<ForwardSettings, 'identityFields' | 'credentialFields'> {
  const from = consumers?.from ?? [];
  return {
    identityFields: from.flatMap((source) => (source.kind === 'header' ? [source.name] : [])),
    credentialFields: from.flatMap((source) => (source.kind === 'apiKey' && source.place === 'header' ? [source.name] : [])),
  };
}

/** Names of query parameters that have API keys in them. */
export function secretParameters({ consumers }: Pick<GatewayConfig, 'consumers'>): readonly string[] {
  const from = consumers?.from ?? [];
  return from.flatMap((source) => (source.kind === 'apiKey' && source.place === 'query' ? [source.name] : []));
}

function rewriteOf(route: RouteConfig, pattern: PathPattern, secrets: readonly string[]): RouteRewrite | null {
  const compiled = compileRewrite(pattern, route);
  assert(compiled.kind === 'ok', `the rewrite of route ${route.name} has been checked`);
  const { rewrite } = compiled;
  if (secrets.length === 0) return rewrite;
  return (captures, facts) => withoutParameters(rewrite === null ? facts.target : rewrite(captures, facts), secrets);
}

function filtersOf(route: RouteConfig, loaded: LoadedFilters): readonly LoadedFilter[] | null {
  if (route.filters.length === 0) return null;
  return route.filters.map(({ module, onError, timeoutMs }) => {
    const filter = loaded.get(module);
    assert(filter !== undefined, `filter ${module} has been loaded`);
    return { name: module, filter, onError, timeoutMs };
  });
}

function renderRespond(respond: { status: number; headers: readonly (readonly [string, string])[]; body: string }): RenderedAnswer {
  const block = respond.headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return { status: statusText(respond.status), block, body: Buffer.from(respond.body, 'utf8') };
}
