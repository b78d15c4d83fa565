import { randomBytes } from 'node:crypto';
import { getHeapStatistics } from 'node:v8';
import { TimeSlice } from '../base/time-slice.ts';
import { LoopClock } from '../base/clock.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Listener } from '../edge/listener.ts';
import { openNodeListener } from '../edge/node-listener.ts';
import type { AdaptiveGates } from '../exchange/admission.ts';
import type { CachingServices } from '../exchange/caching.ts';
import { Gateway } from '../exchange/gateway.ts';
import { ACCESS_LOG_DEFAULTS, AccessLog } from '../observe/access-log.ts';
import type { LimitingServices } from '../exchange/limiting.ts';
import type { UpstreamServices } from '../exchange/upstreams.ts';
import { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import { ConcurrencyTable } from '../shm/concurrency-table.ts';
import { CounterBlocks } from '../shm/counters.ts';
import { Epochs } from '../shm/epochs.ts';
import { Flights } from '../shm/flights.ts';
import { Heartbeats } from '../shm/heartbeat.ts';
import { LimitTable } from '../shm/limit-table.ts';
import { ObjectStore } from '../shm/object-store.ts';
import { QuotaTable } from '../shm/quota-table.ts';
import { AdaptiveGate } from '../upstream/adaptive-gate.ts';
import { EndpointMemory } from '../upstream/endpoint-memory.ts';
import { HostLimitMaker } from '../upstream/host-limits.ts';
import { AccessFile } from './access-file.ts';
import { describeError } from './faults.ts';
import { ListenerSet, until } from './listener-set.ts';
import { Handovers } from './handovers.ts';
import { loadFilters } from './load-filters.ts';
import { type Prepared, PreparedPlan } from './prepared-plan.ts';
import { WorkerMirrors } from './mirrors/worker-mirrors.ts';
import { WorkerRecords } from './records/worker-records.ts';
import { WorkerDiskTier } from './store/worker-disk-tier.ts';
import type {
  AdaptiveSegment,
  CacheSegments,
  FromWorker,
  LimitSegments,
  PlanMessage,
  ToWorker,
  UpstreamSegment,
  WorkerStart,
} from './messages.ts';

/** How often deadlines are looked at; the worker's sign of life comes with it. */
export const SWEEP_MS = 50;
/** Of these, what a sweep may take in a row. */
const MAX_SWEEP_MS = 5;
/** What a doomed worker may still take for its requests. */
const DOOMED_DRAIN_MS = 5_000;
const LAST_WRITE_MS = 2_000;
const HEAP_READ_MS = 1_000;
const ID_SEED_BYTES = 6;

/** The shared cache as this thread has opened it, and which one it is. */
type OpenCache = { readonly id: number; readonly services: CachingServices };

/**
 * One worker: gateway, listeners, access log, and the coordinator's word. What it does is asynchronous only around the
 * serving of requests, never in it.
 */
export class WorkerThread {
  readonly #start: WorkerStart;
  readonly #tell: (message: FromWorker) => void;
  readonly #clock = new LoopClock();
  readonly #block: Float64Array;
  readonly #heartbeats: Heartbeats;
  readonly #accessFile: AccessFile;
  readonly #accessLog: AccessLog;
  readonly #gateway: Gateway;
  readonly #listeners: ListenerSet;
  readonly #handovers: Handovers;
  readonly #disk: WorkerDiskTier;
  readonly #plans = new PreparedPlan();
  readonly #records = new WorkerRecords();
  /** The thread's own metrics, which no plan changes. */
  readonly #gauges: MetricsWriter;
  readonly #lagSlot: MetricSlot;
  readonly #heapSlot: MetricSlot;
  readonly #slice = new TimeSlice();
  #isSweepDue = false;
  #sweptMs = performance.now();
  #heapReadMs = 0;
  #caching: OpenCache | undefined;
  #limiting: LimitingServices | undefined;
  #endpointMemory: EndpointMemory | undefined;
  #hostLimits: HostLimitMaker | null = null;
  readonly #mirrors: WorkerMirrors;
  #isLeaving = false;

  constructor(start: WorkerStart, tell: (message: FromWorker) => void) {
    this.#start = start;
    this.#tell = tell;
    this.#handovers = new Handovers(tell);
    this.#disk = new WorkerDiskTier(start.slot);
    this.#block = new CounterBlocks(start.counters).block(start.slot);
    this.#heartbeats = new Heartbeats(start.heartbeats);
    this.#accessFile = new AccessFile(
      start.accessLogFd,
      (chunk) => this.#accessLog.onWritten(chunk),
      (error) => this.#report('access log', error),
    );
    this.#gauges = new MetricsWriter(this.#block, start.plan.metricPlan);
    this.#lagSlot = this.#gauges.slot('sluice_worker_loop_lag_seconds', {});
    this.#heapSlot = this.#gauges.slot('sluice_worker_heap_bytes', {});
    const droppedSlot = this.#gauges.slot('sluice_access_log_dropped_total', {});
    this.#accessLog = new AccessLog((chunk) => this.#accessFile.write(chunk), {
      ...ACCESS_LOG_DEFAULTS,
      onDrop: () => this.#gauges.increment(droppedSlot),
      schedule: setImmediate,
    });
    this.#gateway = new Gateway({
      clock: this.#clock,
      workerIndex: start.slot,
      accessLog: this.#accessLog,
      reportError: (where, error) => this.#report(where, error),
      idSeed: randomBytes(ID_SEED_BYTES),
      runToken: start.runToken,
      records: this.#records,
    });
    this.#mirrors = new WorkerMirrors(this.#gateway);
    this.#listeners = new ListenerSet(
      (config) => this.#openListener(config),
      (where, error) => this.#report(where, error),
    );
  }

  /** Loads the plan and opens the listeners. Rejects when either fails. */
  async begin(): Promise<void> {
    const { plan } = this.#start;
    const filters = await loadFilters(plan.modules, plan.moduleGeneration);
    if (filters.kind === 'bad') return this.#fail(filters.reason);
    this.#load({ plan, filters: filters.filters });
    await this.#listeners.apply(plan.config.listeners, 0);
    setInterval(() => this.#sweep(), SWEEP_MS);
    this.#tell({ kind: 'ready', listeners: this.#listeners.listeners });
  }

  onMessage(message: ToWorker): void {
    this.#handle(message).catch((error: unknown) => this.doom(describeError(error)));
  }

  /** An error of our own escaped: nothing here can be trusted for long. What is in flight is answered, then this thread ends. */
  doom(text: string): void {
    this.#tell({ kind: 'doomed', text });
    if (!this.#isLeaving) this.#drain(DOOMED_DRAIN_MS).catch(() => process.exit(1));
  }

  async #handle(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'prepare':
        return this.#prepare(message.plan);
      case 'commit':
        return this.#commit(message.generation);
      case 'discard':
        return this.#plans.discard(message.generation);
      case 'stop-accepting':
        await this.#listeners.stopAccepting();
        return this.#tell({ kind: 'stopped-accepting' });
      case 'drain':
        return this.#drain(message.deadlineMs);
      case 'cut':
        return this.#end();
      case 'access-log':
        await this.#accessFile.moveTo(message.fd);
        return this.#tell({ kind: 'access-log-moved', fd: message.fd });
      case 'disk':
        return this.#disk.connect(message.link);
      case 'records':
        return this.#records.connect(message.port);
      case 'mirrors':
        return this.#mirrors.connect(message.port);
      case 'endpoints':
        return this.#gateway.upstreams.setEndpoints(message.upstream, message.endpoints);
      case 'handover':
        return this.#handovers.onAnswer(message.id, message.problem);
    }
  }

  async #prepare(plan: PlanMessage): Promise<void> {
    const { generation } = plan;
    const outcome = await this.#plans.prepare(plan);
    if (outcome === 'superseded') return;
    if (outcome === 'prepared') return this.#tell({ kind: 'prepared', generation });
    this.#tell({ kind: 'refused', generation, reason: outcome.reason });
  }

  async #commit(generation: number): Promise<void> {
    const prepared = this.#plans.take(generation);
    if (prepared === undefined || this.#isLeaving) return;
    const { config } = prepared.plan;
    this.#load(prepared);
    await this.#listeners
      .apply(config.listeners, config.process.drainTimeoutMs)
      .catch((error: unknown) => this.#report('listeners', error));
    this.#tell({ kind: 'committed', generation, listeners: this.#listeners.listeners });
  }

  #load({ plan, filters }: Prepared): void {
    const metrics = new MetricsWriter(this.#block, plan.metricPlan);
    this.#gateway.gates = openGates(plan.adaptive, this.#start.slot);
    const [caching, limiting] = [this.#openCache(plan.caching), this.#openLimits(plan.limiting)];
    this.#gateway.load(plan.config, metrics, filters, caching, limiting, this.#openUpstreams(plan.upstreams));
  }

  /** There is one set of tables as long as the process lives. */
  #openLimits(segments: LimitSegments | undefined): LimitingServices | undefined {
    if (segments === undefined) return undefined;
    const { slot } = this.#start;
    this.#limiting ??= {
      limits: new LimitTable(segments.limits, slot),
      concurrency: new ConcurrencyTable(segments.concurrency, slot),
      quotas: new QuotaTable(segments.quotas, slot),
    };
    return this.#limiting;
  }

  /** There is one memory as long as the process lives. */
  #openUpstreams(segment: UpstreamSegment | undefined): UpstreamServices | undefined {
    if (segment === undefined) return undefined;
    const { services, endpoints } = segment;
    const worker = this.#start.slot;
    this.#endpointMemory ??= new EndpointMemory(segment);
    if (segment.limits !== undefined) this.#hostLimits ??= new HostLimitMaker(new ConcurrencyTable(segment.limits, worker));
    return { memory: this.#endpointMemory, worker, services, endpoints, limits: this.#hostLimits };
  }

  /** Opened once for each store: a plan that keeps it keeps what this thread remembers of it. */
  #openCache(segments: CacheSegments | undefined): CachingServices | undefined {
    if (segments === undefined) this.#caching = undefined;
    else if (this.#caching?.id !== segments.id) this.#caching = { id: segments.id, services: this.#cacheServices(segments) };
    return this.#caching?.services;
  }

  #cacheServices(segments: CacheSegments): CachingServices {
    this.#disk.useMemory(segments.id);
    const { slot } = this.#start;
    return {
      store: new ObjectStore(segments.store, slot),
      epochs: new Epochs(segments.epochs),
      disk: this.#disk,
      flights: new Flights(segments.flights, slot),
    };
  }

  async #openListener(config: ListenerConfig): Promise<Listener> {
    if (config.engine === 'node') return openNodeListener(config, this.#gateway, { reusePort: true });
    if (this.#start.plan.config.sharding === 'acceptor') return this.#handovers.open(config, this.#gateway);
    // Loaded only where it is used: it is a large native addon that does not load everywhere.
    const { openUwsListener } = await import('../edge/uws-listener.ts');
    return openUwsListener(config, this.#gateway, { reusePort: true });
  }

  #sweep(): void {
    const lastMs = this.#sweptMs;
    const nowMs = this.#clock.refresh();
    this.#sweptMs = nowMs;
    this.#heartbeats.beat(this.#start.slot);
    this.#fireDue(nowMs);
    this.#gauges.set(this.#lagSlot, Math.max(0, nowMs - lastMs - SWEEP_MS));
    if (nowMs - this.#heapReadMs < HEAP_READ_MS) return;
    this.#heapReadMs = nowMs;
    this.#gauges.set(this.#heapSlot, getHeapStatistics().used_heap_size);
  }

  /** What does not go into a slice of time is done in the next turn of the loop. */
  #fireDue(nowMs: number): void {
    const slice = this.#slice;
    slice.begin(performance.now(), MAX_SWEEP_MS);
    this.#gateway.sweep(nowMs, slice);
    this.#listeners.sweep(nowMs, slice);
    if (!slice.hasMore || this.#isSweepDue) return;
    this.#isSweepDue = true;
    setImmediate(() => {
      this.#isSweepDue = false;
      this.#fireDue(this.#clock.refresh());
    });
  }

  /** The sockets close first, then answers say that they are the last, so that busy clients leave by themselves; then the rest is ended. */
  async #drain(deadlineMs: number): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const endMs = performance.now() + deadlineMs;
    await this.#listeners.stopAccepting();
    this.#gateway.beginDrain();
    await this.#listeners.drain(endMs - performance.now());
    // Clients may have left, but they will ask what came of it.
    await until(() => this.#records.isIdle, endMs - performance.now());
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#isLeaving = true;
    await this.#listeners.stopAccepting();
    const cut = this.#listeners.connections;
    this.#listeners.destroy();
    this.#gateway.close();
    this.#disk.flush();
    this.#accessLog.flush();
    await Promise.race([this.#accessFile.idle(), until(() => false, LAST_WRITE_MS)]);
    this.#tell({ kind: 'drained', cut });
    // A uws app that was closed is gone only after a turn.
    setImmediate(() => process.exit(0));
  }

  #fail(reason: string): never {
    throw new Error(reason);
  }

  #report(where: string, error: unknown): void {
    this.#tell({ kind: 'error', where, text: describeError(error) });
  }
}

function openGates(segment: AdaptiveSegment | undefined, slot: number): AdaptiveGates {
  if (segment === undefined) return new Map();
  const blocks = new CounterBlocks(segment.cells);
  return new Map(Object.entries(segment.places).map(([upstream, place]) => [upstream, new AdaptiveGate(blocks, slot, place)]));
}
