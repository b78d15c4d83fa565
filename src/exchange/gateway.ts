import type { LoopClock } from '../base/clock.ts';
import { type TimeSlice, UNBOUNDED } from '../base/time-slice.ts';
import type { CachePolicy } from '../cache/policy.ts';
import type { DetachReport } from '../base/detach.ts';
import type { GatewayConfig, ListenerConfig } from '../config/types.ts';
import { DateLine } from '../http/http-date.ts';
import { memberName } from '../http/structured-fields.ts';
import { viaPseudonym } from '../http/loops.ts';
import type { AccessLog } from '../observe/access-log.ts';
import { AccessRecord } from '../observe/access-record.ts';
import { NO_ROUTE } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import { RequestIds } from '../observe/request-id.ts';
import { Router } from '../routing/router.ts';
import { Caching, type CachingServices } from './caching.ts';
import { hasPorts } from './cache-origin.ts';
import type { AdaptiveGates } from './admission.ts';
import type { ClientPort } from './client-port.ts';
import { Exchange } from './exchange.ts';
import type { FilterFault } from './filter-run.ts';
import type { IdempotencyRecords } from './idempotency-records.ts';
import type { LoadedFilters } from './filters.ts';
import { Limiting, type LimitingServices } from './limiting.ts';
import { ListenerPlan } from './listener-plan.ts';
import { compilePlans, type RoutePlan, secretParameters } from './plan.ts';
import { Mirrors } from './mirror/mirrors.ts';
import type { MirrorVerdict } from './mirror/verdict.ts';
import { RouteMetrics } from './route-metrics.ts';
import type { Split } from './split.ts';
import { Upstreams, type UpstreamServices } from './upstreams.ts';

export type GatewayOptions = {
  readonly clock: LoopClock;
  readonly workerIndex: number;
  /** Used where the config enables it. */
  readonly accessLog: AccessLog | undefined;
  readonly reportError: DetachReport;
  /** At least 6 random bytes. */
  readonly idSeed: Uint8Array;
  /** One token for the whole host's run, so that all workers know each other in `Via`. */
  readonly runToken: string;
  /** Needed where a route has idempotency keys. */
  readonly records?: IdempotencyRecords | undefined;
};

/** Exchanges kept for reuse; those of a burst go back to the collector. */
const MAX_FREE_EXCHANGES = 1024;

/** What one worker serves by: the plan in force, the upstreams, and the pool of exchanges. */
export class Gateway {
  readonly clock: LoopClock;
  readonly reportError: DetachReport;
  readonly accessRecord = new AccessRecord();
  accessLog: AccessLog | undefined;
  /** As the member of Cache-Status and Proxy-Status. */
  serverName = 'sluice';
  pseudonym = 'sluice';
  /** `null`: no route caches. */
  caching: Caching | null = null;
  /** Of all routes that cache: what an unsafe request makes invalid is looked for under each. */
  cachePolicies: readonly CachePolicy[] = [];
  /** Names of query parameters that have API keys in them. */
  secretParameters: readonly string[] = [];
  /** Its listeners have not all one port, and origins are told which it was. */
  hasPorts = false;
  /** Some route answers identical requests by one, which may be too old for who asks after a change. */
  hasSharing = false;
  /** Of upstreams with an adaptive limit; set before the plan that goes by them is loaded. */
  gates: AdaptiveGates = new Map();
  readonly upstreams: Upstreams;
  /** What mirrored answers have shown. */
  readonly mirrors = new Mirrors();
  /** How often an exchange without a client is looked at, whether it is worth going on. */
  unattendedLookMs = 30_000;
  /** How long the body of an error is waited for that something stale is served in place of; mostly it is in the packet of its head. */
  skippedBodyMs = 250;
  /** Exchanges that wait for something with a limit to their patience. */
  readonly waits = new Set<{ readonly deadlineMs: number; onTimeout(): void }>();
  isDraining = false;
  /** Of bodies that are kept in this thread's memory until they are whole. */
  heldBytes = 0;
  inFlight = 0;

  private readonly options: GatewayOptions;
  private readonly ids: RequestIds;
  private readonly date = new DateLine();
  private readonly free: Exchange[] = [];
  private readonly watched = new Map<Exchange, number>();
  private routes: Router<RoutePlan> | undefined;
  private splits: readonly Split<RoutePlan>[] = [];
  private verdicts: Readonly<Record<string, MirrorVerdict>> = {};
  private fallbackMetrics: RouteMetrics | undefined;
  private metrics: MetricsWriter | undefined;
  private inFlightSlot: MetricSlot | undefined;
  private heldBytesSlot: MetricSlot | undefined;
  private waitingSlot: MetricSlot | undefined;
  private limiting: Limiting | null = null;
  private maxFields = 100;

  constructor(options: GatewayOptions) {
    this.options = options;
    this.clock = options.clock;
    this.upstreams = new Upstreams(options.clock);
    this.reportError = options.reportError;
    this.ids = new RequestIds(options.idSeed, options.workerIndex);
  }

  /**
   * Compiles a plan and puts it in force for requests that begin from now on; running ones end by the old one. Upstreams that
   * did not change keep their connections, the others' are closed as they become idle. Throws if the config was not checked.
   */
  load(
    config: GatewayConfig,
    metrics: MetricsWriter,
    filters: LoadedFilters,
    caching?: CachingServices,
    limiting?: LimitingServices,
    upstreams?: UpstreamServices,
  ): void {
    this.mirrors.prepare(config);
    this.serverName = memberName(config.serverName);
    this.pseudonym = viaPseudonym(config.serverName, this.options.runToken);
    const clusters = this.upstreams.prepare(config, upstreams);
    this.secretParameters = secretParameters(config);
    this.useCaching(caching);
    this.limiting = limiting === undefined ? null : new Limiting(limiting, config);
    const services = {
      clusters,
      filters,
      metrics,
      pseudonym: this.pseudonym,
      caching: this.caching,
      records: this.options.records ?? null,
      limiting: this.limiting,
      gates: this.gates,
    };
    const entries = compilePlans(config, services);
    const routes = new Router(entries);
    this.cachePolicies = entries.flatMap(({ value }) => (value.cache === null ? [] : [value.cache.policy]));
    this.hasPorts = hasPorts(config.listeners);
    this.hasSharing = entries.some(({ value }) => value.sharing !== null);
    this.splits = entries.flatMap(({ value }) => value.split ?? []);
    this.useVerdicts(this.verdicts);
    this.routes = routes;
    this.metrics = metrics;
    this.inFlightSlot = metrics.slot('sluice_requests_in_flight', {});
    this.heldBytesSlot = metrics.slot('sluice_held_body_bytes', {});
    this.waitingSlot = metrics.slot('sluice_limit_waiting', {});
    this.fallbackMetrics = new RouteMetrics(metrics, NO_ROUTE, undefined);
    this.upstreams.use(clusters, metrics);
    this.accessLog = config.accessLog.enabled ? this.options.accessLog : undefined;
    this.maxFields = Math.max(this.maxFields, ...config.listeners.map(({ limits }) => limits.maxFields));
    this.free.length = 0;
  }

  /** What comparisons with shadows have shown, by the shadow's name: some wait for that to have a weight. */
  useVerdicts(verdicts: Readonly<Record<string, MirrorVerdict>>): void {
    this.verdicts = verdicts;
    for (const split of this.splits) split.hold((upstream) => verdicts[upstream] ?? 'not enough');
  }

  get router(): Router<RoutePlan> {
    if (this.routes === undefined) throw new Error('invariant broken: a plan is loaded before listeners open');
    return this.routes;
  }

  /** Where requests count that met no route. */
  get unroutedMetrics(): RouteMetrics {
    if (this.fallbackMetrics === undefined) throw new Error('invariant broken: a plan is loaded before listeners open');
    return this.fallbackMetrics;
  }

  listenerPlan(config: ListenerConfig): ListenerPlan {
    if (this.metrics === undefined) throw new Error('invariant broken: a plan is loaded before listeners open');
    return new ListenerPlan(config, this.metrics);
  }

  /** An exchange for one request of a client. The edge fills its head, then calls `begin` or `refuse`. */
  open(port: ClientPort, listener: ListenerPlan): Exchange {
    const exchange = this.free.pop() ?? new Exchange(this, this.maxFields);
    exchange.port = port;
    exchange.listener = listener;
    exchange.state = 'reading';
    this.inFlight++;
    return exchange;
  }

  /** Takes back an exchange that has ended. */
  giveBack(exchange: Exchange): void {
    this.inFlight--;
    if (this.watched.size > 0) this.watched.delete(exchange);
    if (this.free.length < MAX_FREE_EXCHANGES) this.free.push(exchange);
  }

  /** A step of an exchange that no event of its own has brought: what it throws is that exchange's fault alone. */
  guard(exchange: Exchange, step: () => void): void {
    const { life } = exchange;
    try {
      step();
    } catch (error) {
      this.reportError('serving a request', error);
      if (exchange.life === life) exchange.onException();
    }
  }

  watchDeadline(exchange: Exchange, deadlineMs: number): void {
    this.watched.set(exchange, deadlineMs);
  }

  nextRequestId(): string {
    return this.ids.next();
  }

  dateText(): string {
    return this.date.at(Date.now());
  }

  reportFilterFault(plan: RoutePlan, fault: FilterFault): void {
    plan.metrics.countFilterError(fault.phase);
    if (fault.cause === 'timeout') plan.metrics.countTimeout('filter');
    this.reportError(`filter ${fault.filter}, phase ${fault.phase}, route ${plan.name}`, fault.error);
  }

  /** Fires what is due, as much as goes into the slice. Called by the worker every few dozen ms. */
  sweep(nowMs: number, slice: TimeSlice = UNBOUNDED): void {
    this.fireDeadlines(nowMs, slice);
    this.upstreams.sweep(nowMs, slice);
    if (this.inFlightSlot !== undefined) this.metrics?.set(this.inFlightSlot, this.inFlight);
    if (this.heldBytesSlot !== undefined) this.metrics?.set(this.heldBytesSlot, this.heldBytes);
    if (this.waitingSlot !== undefined && this.limiting !== null) this.metrics?.set(this.waitingSlot, this.limiting.delayed);
  }

  private fireDeadlines(nowMs: number, slice: TimeSlice): void {
    for (const [exchange, deadlineMs] of this.watched) {
      if (nowMs < deadlineMs) continue;
      this.watched.delete(exchange);
      exchange.onDeadline();
      if (slice.isOver()) return;
    }
    for (const wait of this.waits) {
      if (nowMs < wait.deadlineMs) continue;
      wait.onTimeout();
      if (slice.isOver()) return;
    }
  }

  /** From now on every answer is the last of its connection. */
  beginDrain(): void {
    this.isDraining = true;
  }

  close(): void {
    this.upstreams.close();
  }

  /** What was read of the store is kept as long as the store is the same. */
  private useCaching(services: CachingServices | undefined): void {
    if (services === undefined) this.caching = null;
    else if (this.caching?.store !== services.store) this.caching = new Caching(services);
  }
}
