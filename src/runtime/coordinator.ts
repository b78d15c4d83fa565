import type { AdminConfig, GatewayConfig } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import type { PlainServer } from '../edge/plain-server.ts';
import { reservePort } from '../edge/reserve-port.ts';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import { createHeartbeats } from '../shm/heartbeat.ts';
import { Acceptor } from './acceptor.ts';
import { AccessTarget } from './access-target.ts';
import { adminHandler, type ReloadResult } from './admin.ts';
import { adminPort, type AdminScene } from './admin-port.ts';
import { slotsFor } from './cache-memory.ts';
import { Crew } from './crew.ts';
import { startDemoOrigin } from './demo-origin-aside.ts';
import { summarizeError } from './faults.ts';
import { Keepers } from './keepers.ts';
import type { OwnSources } from './launch.ts';
import type { FromProxy, OpenListener, PlanMessage } from './messages.ts';
import { ProcessMetrics } from './process-metrics.ts';
import type { ReadConfig } from './read-config.ts';
import { readConfigAside } from './read-config-aside.ts';
import { addressText, bindProblem, resolvePorts } from './resolve-ports.ts';
import { SharedHosts } from './shared-hosts.ts';
import { expectedWorkers, SpareWorkers } from './spare-workers.ts';
import type { LastGood, ProxyStart } from './start-options.ts';
import { allowUwsHeads, maxUwsHeadBytes } from './uws-heads.ts';

/** How long a worker may take to load a plan before the reload is refused. */
const PREPARE_TIMEOUT_MS = 15_000;
const COMMIT_TIMEOUT_MS = 15_000;
const MOVE_TIMEOUT_MS = 5_000;
const ADMIN_GRACE_MS = 500;
const MAX_ADMIN_CONNECTIONS = 256;

export type CoordinatorOptions = {
  readonly start: ProxyStart;
  readonly sources: OwnSources;
  readonly log: EventLog;
  readonly tell: (message: FromProxy) => void;
};

type Running = { readonly crew: Crew; readonly metrics: ProcessMetrics; readonly hosts: SharedHosts };
type GoodConfig = Extract<ReadConfig, { kind: 'ok' }>;

/**
 * The main thread of the proxy process: reads configurations, owns the shared memory, runs the crew, answers the admin
 * listener. Carries no traffic.
 */
export class Coordinator {
  readonly #start: ProxyStart;
  readonly #sources: OwnSources;
  readonly #log: EventLog;
  readonly #tell: (message: FromProxy) => void;
  readonly #accessTarget = new AccessTarget();
  readonly #threads: SpareWorkers;
  /** URL of the built-in example's origin; '' where there is none. */
  readonly #demoOrigin: Promise<string>;
  #crew: Crew | undefined;
  #acceptor: Acceptor | undefined;
  #metrics: ProcessMetrics | undefined;
  #hosts: SharedHosts | undefined;
  #keepers: Keepers | undefined;
  /** What was read last and is in force, before consumers were moved to other tiers. */
  #good: LastGood | undefined;
  #admin: PlainServer | undefined;
  #adminConfig: AdminConfig | undefined;
  #stopped: Promise<void> | undefined;
  readonly #isCut = Promise.withResolvers<void>();
  #state: 'starting' | 'serving' | 'draining' = 'starting';
  /** What uws listeners take at most as long as this process lives. */
  #uwsHeadBytes = 0;
  /** One change of plan at a time. */
  #changes: Promise<unknown> = Promise.resolve();
  #replanning: Promise<readonly string[]> | undefined;

  constructor({ start, sources, log, tell }: CoordinatorOptions) {
    this.#start = start;
    this.#sources = sources;
    this.#log = log;
    this.#tell = tell;
    // What takes longest to boot is started first; all of it boots while the others do.
    this.#demoOrigin = this.#startDemoOrigin();
    this.#threads = new SpareWorkers(sources, expectedWorkers(start));
  }

  /** Resolves when every listener accepts; with text when it cannot come to that. */
  async begin(): Promise<string | undefined> {
    const read = await this.#readFirst();
    if (read.kind === 'bad') return read.problems.join('\n');
    for (const warning of read.warnings) events.configWarning(this.#log, { warning });
    const { ports, sharesPorts } = this.#start;
    const config = await resolvePorts(read.config, { ports, ours: sharesPorts ? 'all' : new Set() });
    if (typeof config === 'string') return config;
    const crew = this.#makeCrew({ ...read, config });
    if (typeof crew === 'string') return crew;
    // What was used of quotas before is known before the first request.
    await this.#keepers?.quotas.opened();
    await this.#hosts?.upstreams.ready(this.#start.lastGood === undefined ? 'start' : 'after-death');
    const [failure, adminFailure] = await Promise.all([
      crew.start(),
      this.#openAdmin(config.admin),
      this.#demoOrigin,
      this.#keepers?.opened(),
    ]);
    if (failure !== undefined) return failure;
    const notes = [...read.warnings];
    if (adminFailure !== undefined && !this.#isAdminOptional()) return adminFailure;
    if (adminFailure !== undefined) notes.push(`${adminFailure}; going on without it`);
    this.#state = 'serving';
    this.#tell({ kind: 'ready', listeners: crew.listeners, admin: this.#adminListener(), good: this.#good ?? crew.plan, notes });
    return undefined;
  }

  /** Reads the file again. Never rejects; a bad file changes nothing. */
  reload(cause: string): Promise<ReloadResult> {
    const change = this.#changes.then(() => this.#reload(cause));
    this.#changes = change.catch(() => undefined);
    return change.catch((error: unknown): ReloadResult => ({ kind: 'bad', problems: [summarizeError(error)] }));
  }

  /**
   * Stops: `drain` withdraws readiness and waits `drainDelayMs` first, `retire` has a successor and does not. Resolves when all
   * is over; asked again, it is the same stop.
   */
  stop(how: 'drain' | 'retire'): Promise<void> {
    this.#stopped ??= this.#stop(how);
    return this.#stopped;
  }

  /** What is still open is cut, and `stop` comes to its end. */
  cut(): void {
    this.#isCut.resolve();
    this.#crew?.cut();
  }

  async #stop(how: 'drain' | 'retire'): Promise<void> {
    const crew = this.#crew;
    if (crew === undefined) return;
    const limits = crew.plan.config.process;
    this.#state = 'draining';
    events.drainStarted(this.#log, { reason: how, timeoutMs: limits.drainTimeoutMs });
    const startedMs = performance.now();
    // The successor answers on the admin port from now on.
    if (how === 'retire') await Promise.all([this.#admin?.close(ADMIN_GRACE_MS), this.#keepers?.disk.retire()]);
    else await Promise.race([this.#isCut.promise, new Promise((resolve) => setTimeout(resolve, limits.drainDelayMs))]);
    const cut = await crew.close(limits.drainTimeoutMs);
    if (crew.isEmpty) await this.#acceptor?.end();
    await this.#keepers?.close();
    if (cut > 0) events.drainTimedOut(this.#log, { inFlight: cut, timeoutMs: limits.drainTimeoutMs });
    else events.drainEnded(this.#log, { tookMs: Math.round(performance.now() - startedMs) });
    if (how === 'drain') await this.#admin?.close(ADMIN_GRACE_MS);
  }

  /** Log rotation: the same path anew. */
  reopenLogs(): void {
    this.#changes = this.#changes.then(() => this.#moveAccessLog(this.#crew?.plan.config)).catch(() => undefined);
  }

  /** After a death the plan is the one that served; reading the file again is for a start, a reload or an upgrade. */
  async #readFirst(): Promise<ReadConfig> {
    const { lastGood } = this.#start;
    return lastGood === undefined ? this.#read() : { kind: 'ok', ...lastGood, warnings: [] };
  }

  #read(): Promise<ReadConfig> {
    const { options } = this.#start;
    return readConfigAside(
      this.#sources,
      this.#demoOrigin.then((demoOrigin) => ({ options, demoOrigin })),
    );
  }

  #startDemoOrigin(): Promise<string> {
    const { lastGood, options } = this.#start;
    if (options.source.kind !== 'demo') return Promise.resolve('');
    return startDemoOrigin(this.#sources, lastGood?.config.upstreams[0]?.endpoints[0]?.port ?? 0);
  }

  /** Only the built-in example's own choice of an admin address may fail without consequence. */
  #isAdminOptional(): boolean {
    const { source, isAdminOptional } = this.#start.options;
    return source.kind === 'demo' && isAdminOptional;
  }

  #makeCrew(read: GoodConfig): Crew | string {
    const slots = slotsFor(read.config.workers);
    const hosts = new SharedHosts(slots, this.#log, (upstream, endpoints) => this.#moveEndpoints(upstream, endpoints));
    this.#hosts = hosts;
    const { modules } = read;
    const config = hosts.limits.planned(read.config);
    const metrics = new ProcessMetrics(slots);
    const heartbeats = createHeartbeats(slots);
    metrics.hosts = hosts;
    const problem = this.#openAccessLog(config);
    if (problem !== undefined) return problem;
    const shared = hosts.prepare(config);
    if (typeof shared === 'string') return shared;
    const { caching } = shared;
    this.#good = { config: read.config, modules };
    const keepers = new Keepers({ sources: this.#sources, log: this.#log, cache: hosts.cache, workers: () => this.#crew?.workers ?? [] });
    this.#keepers = keepers;
    keepers.prepare(config, caching, hosts.limits.keeping(config));
    void keepers.settle(config, caching);
    allowUwsHeads(config);
    this.#uwsHeadBytes = maxUwsHeadBytes(config);
    const replaceMe = (reason: string): void => this.#tell({ kind: 'replace-me', reason });
    if (config.sharding === 'acceptor') this.#acceptor = new Acceptor(this.#sources, replaceMe);
    hosts.settle(config, caching);
    const plan: PlanMessage = { generation: 1, config, modules, moduleGeneration: 1, metricPlan: metrics.plan(config), ...shared };
    const memory = { counters: metrics.counters.memory, heartbeats: heartbeats.memory };
    events.processStarted(this.#log, { version: metrics.version, node: process.versions.node, workers: config.workers });
    this.#metrics = metrics;
    this.#crew = new Crew(
      {
        size: config.workers,
        threads: this.#threads,
        isOneFirst: this.#start.lastGood !== undefined,
        acceptor: this.#acceptor,
        slots,
        log: this.#log,
        heartbeats,
        startOf: () => ({ ...memory, accessLogFd: this.#accessTarget.fd, runToken: this.#start.runToken }),
        onStarted: (worker) => hosts.link(worker, keepers),
        onSlotFreed: (slot) => {
          metrics.clearGauges(slot);
          return hosts.recover(slot);
        },
        onDeath: (reason) => metrics.countRestart(reason),
        onException: () => metrics.countException(),
        onIrreplaceable: replaceMe,
      },
      plan,
    );
    return this.#crew;
  }

  async #reload(cause: string): Promise<ReloadResult> {
    const running = this.#running;
    if (running === undefined) return { kind: 'bad', problems: [`cannot reload while ${this.#state}`] };
    const { crew, metrics } = running;
    const startedMs = performance.now();
    events.reloadStarted(this.#log, { cause });
    const read = await this.#read();
    const problems = read.kind === 'bad' ? read.problems : await this.#change(running, read);
    if (read.kind === 'bad' || problems.length > 0) {
      metrics.countReload('failure');
      events.reloadFailed(this.#log, { problems: problems.join('\n'), count: problems.length });
      return { kind: 'bad', problems };
    }
    metrics.countReload('success');
    events.reloadEnded(this.#log, { routes: read.config.routes.length, tookMs: Math.round(performance.now() - startedMs) });
    this.#tell({ kind: 'reloaded', listeners: crew.listeners, good: this.#good ?? crew.plan });
    const restartNeeds = this.#restartNeeds(read.config, crew);
    for (const setting of restartNeeds) events.reloadNeedsRestart(this.#log, { setting });
    return {
      kind: 'ok',
      notes: [...read.warnings, ...restartNeeds.map((setting) => `${setting}: takes effect at the next start or hot upgrade`)],
    };
  }

  /** First every worker loads what can fail, then all change. Returns what went wrong, when nothing has changed. */
  async #change({ crew, metrics, hosts }: Running, read: GoodConfig): Promise<readonly string[]> {
    const before = crew.plan;
    const ports = Object.fromEntries(before.config.listeners.map(({ name, address }) => [name, address.port]));
    const ours = new Set(before.config.listeners.map(({ address }) => addressText(address)));
    const resolved = await resolvePorts(read.config, { ports, ours });
    if (typeof resolved === 'string') return [resolved];
    // A thread cannot change how it gets its connections.
    const base = { ...resolved, sharding: before.config.sharding };
    const config = hosts.limits.planned(base);
    const shared = hosts.prepare(config);
    if (typeof shared === 'string') return [shared];
    const { caching } = shared;
    this.#keepers?.prepare(config, caching, hosts.limits.keeping(config));
    await this.#keepers?.quotas.opened();
    const generation = crew.nextGeneration();
    // A consumer was moved, and nothing was read.
    const moduleGeneration = read.modules === this.#good?.modules ? before.moduleGeneration : generation;
    const metricPlan = metrics.plan(config);
    const plan: PlanMessage = { generation, config, modules: read.modules, moduleGeneration, metricPlan, ...shared };
    const refusals = await crew.ask('prepared', () => ({ kind: 'prepare', plan }), PREPARE_TIMEOUT_MS);
    if (refusals.length > 0) {
      crew.tell({ kind: 'discard', generation });
      hosts.cache.settle(before.caching);
      await this.#keepers?.settle(before.config, before.caching);
      return Array.from(new Set(refusals));
    }
    hosts.limits.carry(before.config, config);
    this.#good = { config: base, modules: read.modules };
    crew.adopt(plan);
    const silent = await crew.commit(COMMIT_TIMEOUT_MS);
    hosts.settle(config, caching);
    await this.#keepers?.settle(config, caching);
    for (const problem of silent) events.exceptionCaught(this.#log, { where: 'reload', message: problem, stack: undefined });
    if (JSON.stringify(before.config.accessLog) !== JSON.stringify(config.accessLog)) await this.#moveAccessLog(config);
    return [];
  }

  #restartNeeds(config: GatewayConfig, crew: Crew): readonly string[] {
    const running = crew.size;
    const needs = config.workers === running ? [] : [`workers: ${config.workers} (${running} run)`];
    if (config.sharding !== crew.plan.config.sharding) needs.push(`sharding: ${config.sharding}`);
    needs.push(...(this.#hosts?.limits.restartNeeds(config) ?? []));
    if (maxUwsHeadBytes(config) > this.#uwsHeadBytes) needs.push(`limits.maxHead of a uws listener above ${this.#uwsHeadBytes} bytes`);
    const admin = config.admin;
    const isSameAdmin =
      admin?.token === this.#adminConfig?.token && JSON.stringify(admin?.address) === JSON.stringify(this.#adminConfig?.address);
    return isSameAdmin ? needs : [...needs, 'admin'];
  }

  #openAccessLog(config: GatewayConfig): string | undefined {
    try {
      this.#accessTarget.open(config.accessLog);
      return undefined;
    } catch (error) {
      return `access log ${config.accessLog.path}: ${summarizeError(error)}`;
    }
  }

  async #moveAccessLog(config: GatewayConfig | undefined): Promise<void> {
    const crew = this.#crew;
    if (config === undefined || crew === undefined) return;
    const old = this.#accessTarget.fd;
    const problem = this.#openAccessLog(config);
    if (problem !== undefined) return events.accessLogFailed(this.#log, { path: config.accessLog.path, problem });
    const { fd } = this.#accessTarget;
    const silent = await crew.ask('access-log-moved', () => ({ kind: 'access-log', fd }), MOVE_TIMEOUT_MS);
    // A worker that did not answer may still write to the old one: better a descriptor too many than lines in a wrong file.
    if (silent.length === 0) this.#accessTarget.close(old);
    events.accessLogReopened(this.#log, { path: config.accessLog.path });
  }

  /** Text when it cannot be opened. */
  async #openAdmin(config: AdminConfig | undefined): Promise<string | undefined> {
    this.#adminConfig = config;
    if (config === undefined) return undefined;
    // Loaded while the workers boot.
    const { openPlainServer } = await import('../edge/plain-server.ts');
    const handler = adminHandler(adminPort(config.token, this.#adminScene()));
    try {
      if (!this.#start.sharesPorts) await reservePort(config.address);
      this.#admin = await openPlainServer(config.address, { sharesPort: true, maxConnections: MAX_ADMIN_CONNECTIONS }, handler);
      return undefined;
    } catch (error) {
      return `admin listener: cannot listen on ${addressText(config.address)}: ${bindProblem(error)}`;
    }
  }

  #adminScene(): AdminScene {
    return {
      log: this.#log,
      now: () => ({
        crew: this.#crew,
        metrics: this.#metrics,
        hosts: this.#hosts,
        keepers: this.#keepers,
        good: this.#good,
        isServing: this.#state === 'serving',
      }),
      reload: () => this.reload('admin'),
      drain: () => this.#tell({ kind: 'draining' }),
      replan: () => this.#replan(),
    };
  }

  /** The plan anew from what was read last, since consumers have been moved. Those who ask meanwhile share one. */
  #replan(): Promise<readonly string[]> {
    if (this.#replanning !== undefined) return this.#replanning;
    const replanning = this.#changes.then(() => {
      this.#replanning = undefined;
      const [running, good] = [this.#running, this.#good];
      if (running === undefined || good === undefined) return [`not while ${this.#state}`];
      return this.#change(running, { kind: 'ok', ...good, warnings: [] });
    });
    this.#replanning = replanning;
    this.#changes = replanning.catch(() => undefined);
    return replanning;
  }

  /** What a change of plan needs; `undefined` when there can be none. */
  get #running(): Running | undefined {
    const [crew, metrics, hosts] = [this.#crew, this.#metrics, this.#hosts];
    if (crew === undefined || metrics === undefined || hosts === undefined || this.#state !== 'serving') return undefined;
    return { crew, metrics, hosts };
  }

  /** Discovery has found other endpoints: for the workers there are, and for those that start from now on. */
  #moveEndpoints(upstream: string, endpoints: readonly EndpointState[]): void {
    const crew = this.#crew;
    const segment = crew?.plan.upstreams;
    if (crew === undefined || segment === undefined) return;
    crew.adopt({ ...crew.plan, upstreams: { ...segment, endpoints: { ...segment.endpoints, [upstream]: endpoints } } });
    crew.tell({ kind: 'endpoints', upstream, endpoints });
  }

  #adminListener(): OpenListener | undefined {
    const admin = this.#admin;
    return admin === undefined ? undefined : { name: 'admin', host: admin.host, port: admin.port };
  }
}
