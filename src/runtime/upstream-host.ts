import { LoopClock } from '../base/clock.ts';
import type { EndpointConfig, GatewayConfig, UpstreamConfig } from '../config/types.ts';
import { type EndpointState, hasState } from '../config/upstream-types.ts';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { createEndpointMemory, type EndpointMemory, WORD } from '../upstream/endpoint-memory.ts';
import { EndpointWeights } from './endpoint-weights.ts';
import { EndpointSlots } from './endpoint-slots.ts';
import { HostLimitBook } from './host-limit-book.ts';
import type { UpstreamSegment } from './messages.ts';
import type { DrivenUpstream, MakeDriver, UpstreamDriver, UpstreamFinding } from './upstream-driver.ts';

const TICK_MS = 50;
/** How long a start waits for discovery. */
const READY_MS = Object.freeze({ start: 5_000, 'after-death': 500 });

export type UpstreamHostOptions = {
  /** How many workers may ever live at once. */
  readonly slots: number;
  readonly log: EventLog;
  readonly drivers: readonly MakeDriver[];
  /** The endpoints of an upstream have changed while its plan is in force. */
  onEndpoints(upstream: string, endpoints: readonly EndpointState[]): void;
};

/** An upstream in force, and who looks after it. */
type Driven = {
  readonly settings: string;
  readonly serviceSlot: number;
  readonly drivers: readonly UpstreamDriver[];
  endpoints: readonly EndpointState[];
  /** Discovery has found others than the file has. */
  isDiscovered: boolean;
};

/**
 * The upstreams from the coordinator's side: which of their endpoints there are, and the memory in which all threads meet about them. A reload
 * has two steps: `prepare` gives places, `settle` starts and stops what looks after each upstream. Costs nothing where no upstream has state.
 */
export class UpstreamHost {
  readonly #options: UpstreamHostOptions;
  readonly #clock = new LoopClock();
  readonly #driven = new Map<string, Driven>();
  readonly #limits: HostLimitBook;
  #memory: EndpointMemory | undefined;
  #slots: EndpointSlots | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UpstreamHostOptions) {
    this.#options = options;
    this.#limits = new HostLimitBook(options.slots);
  }

  /** What workers need for a plan; `undefined` where no upstream has state. */
  prepare(config: GatewayConfig): UpstreamSegment | undefined {
    const stateful = config.upstreams.filter(hasState);
    if (stateful.length === 0) return undefined;
    this.#memory ??= createEndpointMemory(this.#options.slots);
    this.#slots ??= new EndpointSlots(this.#memory);
    const slots = this.#slots;
    const services = Object.fromEntries(stateful.map(({ name }) => [name, slots.take(name)]));
    const endpoints = Object.fromEntries(
      stateful.map((upstream) => [upstream.name, placed(upstream.name, this.#foundFor(upstream) ?? upstream.endpoints, slots)]),
    );
    return { ...this.#memory.segments, services, endpoints, limits: this.#limits.prepare(stateful) };
  }

  /** The plan is in force. What is configured as before goes on where it stands. */
  settle(config: GatewayConfig): void {
    const wanted = new Map(config.upstreams.filter(hasState).map((upstream) => [upstream.name, upstream]));
    for (const [name, { settings, drivers }] of this.#driven) {
      const upstream = wanted.get(name);
      if (JSON.stringify(upstream) === settings) continue;
      const found = upstream === undefined ? undefined : this.#foundFor(upstream);
      for (const driver of drivers) driver.stop();
      this.#driven.delete(name);
      if (upstream !== undefined) this.#drive(upstream, found);
    }
    for (const upstream of wanted.values()) if (!this.#driven.has(upstream.name)) this.#drive(upstream, undefined);
    this.#limits.settle(wanted.values());
    this.#keepSlots();
    // They may have changed after the plan was made ready with them.
    for (const [name, { endpoints, isDiscovered }] of this.#driven) if (isDiscovered) this.#options.onEndpoints(name, endpoints);
    if (this.#driven.size === 0) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref();
    }
  }

  /** The thread of this worker has ended. */
  recover(worker: number): void {
    const slots = this.#slots;
    if (slots === undefined) return;
    this.#limits.recover(worker);
    this.#memory?.clearWorker(worker, slots.slots);
    for (const { drivers } of this.#driven.values()) for (const driver of drivers) driver.recover?.(worker);
  }

  /** Every upstream has an endpoint, or has waited for one: to start without is better than not to start, and after a death the others should not wait for long. */
  async ready(when: keyof typeof READY_MS): Promise<void> {
    const limitMs = READY_MS[when];
    const awaited = Array.from(this.#driven.values()).flatMap(({ drivers }) => drivers.flatMap(({ ready }) => ready ?? []));
    if (awaited.length === 0) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    await Promise.race([Promise.all(awaited), late]);
    clearTimeout(timer);
    const missing = Array.from(this.#driven).flatMap(([name, { endpoints }]) => (endpoints.length === 0 ? [name] : []));
    if (missing.length > 0) events.discoveryAwaited(this.#options.log, { upstreams: missing.join(', '), waitedMs: limitMs });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const { drivers } of this.#driven.values()) for (const driver of drivers) driver.stop();
    this.#driven.clear();
  }

  writeMetrics(writer: MetricsWriter): void {
    this.#limits.writeMetrics(writer);
    for (const { drivers } of this.#driven.values()) for (const driver of drivers) driver.writeMetrics?.(writer);
  }

  /** For `GET /upstreams`. */
  snapshot(): object {
    return {
      upstreams: Array.from(this.#driven, ([name, driven]) => ({ ...describe(name, driven), resources: this.#limits.describe(name) })),
    };
  }

  /** What discovery has found, which it knows better than the file; also with other settings, until it answers anew. */
  #foundFor({ name, discovery }: UpstreamConfig): readonly EndpointConfig[] | undefined {
    const driven = this.#driven.get(name);
    return discovery !== undefined && driven?.isDiscovered === true ? driven.endpoints : undefined;
  }

  #drive(config: UpstreamConfig, found: readonly EndpointConfig[] | undefined): void {
    const [memory, slots] = [this.#memory, this.#slots];
    if (memory === undefined || slots === undefined) return;
    const serviceSlot = slots.take(config.name);
    if (serviceSlot < 0) return;
    const listeners: ((finding: UpstreamFinding) => void)[] = [];
    const weights = new EndpointWeights();
    const drivers: UpstreamDriver[] = [];
    const endpoints = placed(config.name, found ?? config.endpoints, slots);
    this.#clock.refresh();
    const driven: Driven = { settings: JSON.stringify(config), serviceSlot, drivers, endpoints, isDiscovered: found !== undefined };
    this.#driven.set(config.name, driven);
    const upstream: DrivenUpstream = {
      config,
      memory,
      serviceSlot,
      log: this.#options.log,
      endpoints: () => driven.endpoints,
      flag: (slot, flag, isSet) => this.#flag(serviceSlot, slot, { flag, isSet }),
      setWeight: (slot, reason, thousandths) =>
        this.#setWord(serviceSlot, memory.wordAt(slot, WORD.WEIGHT), weights.set(slot, reason, thousandths)),
      setEndpoints: (next) => this.#setEndpoints(config.name, driven, next),
      tell: (finding) => {
        for (const listener of listeners) listener(finding);
      },
      onFinding: (listener) => listeners.push(listener),
    };
    for (const make of this.#options.drivers) {
      const driver = make(upstream);
      if (driver === undefined) continue;
      drivers.push(driver);
      driver.tick(this.#clock.hostMs);
    }
  }

  #setEndpoints(name: string, driven: Driven, next: readonly EndpointConfig[]): void {
    const slots = this.#slots;
    if (slots === undefined || this.#driven.get(name) !== driven) return;
    driven.endpoints = placed(name, next, slots);
    driven.isDiscovered = true;
    this.#keepSlots();
    for (const driver of driven.drivers) driver.onEndpoints?.(driven.endpoints);
    this.#options.onEndpoints(name, driven.endpoints);
    this.#memory?.raiseVersion(driven.serviceSlot);
  }

  #keepSlots(): void {
    const names = Array.from(this.#driven, ([name, { endpoints }]) => [name, ...endpoints.map((endpoint) => slotName(name, endpoint))]);
    this.#slots?.keepOnly(new Set(names.flat()), this.#clock.hostMs);
  }

  #flag(serviceSlot: number, slot: number, { flag, isSet }: { readonly flag: number; readonly isSet: boolean }): void {
    const memory = this.#memory;
    if (memory === undefined) return;
    const at = memory.wordAt(slot, WORD.STATE);
    const before = Atomics.load(memory.words, at);
    this.#setWord(serviceSlot, at, isSet ? before | flag : before & ~flag);
  }

  #setWord(serviceSlot: number, at: number, value: number): void {
    const memory = this.#memory;
    if (memory !== undefined && Atomics.exchange(memory.words, at, value) !== value) memory.raiseVersion(serviceSlot);
  }

  #tick(): void {
    this.#clock.refresh();
    const nowMs = this.#clock.hostMs;
    for (const { drivers } of this.#driven.values()) for (const driver of drivers) driver.tick(nowMs);
    this.#slots?.sweep(nowMs);
  }
}

function slotName(upstream: string, { host, port }: EndpointConfig): string {
  return `${upstream}\0${host}:${port}`;
}

/** Those that find no slot are left out: it takes thousands. */
function placed(upstream: string, endpoints: readonly EndpointConfig[], slots: EndpointSlots): readonly EndpointState[] {
  return endpoints.map((endpoint) => ({ ...endpoint, slot: slots.take(slotName(upstream, endpoint)) })).filter(({ slot }) => slot >= 0);
}

function describe(name: string, { drivers, endpoints }: Driven): object {
  const parts = drivers.map((driver) => driver.snapshot?.() ?? {});
  return {
    name,
    ...Object.assign({}, ...parts.map(({ upstream }) => upstream ?? {})),
    endpoints: endpoints.map(({ url, weight, slot }) => ({
      url,
      weight,
      ...Object.assign({}, ...parts.map(({ endpoints: of }) => of?.get(slot) ?? {})),
    })),
  };
}
