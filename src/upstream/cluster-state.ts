import type { BreakerConfig } from '../config/breaker-types.ts';
import type { UpstreamConfig } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import { sumOf } from './adaptive-cells.ts';
import { type Balancer, makeBalancer } from './balancer.ts';
import { Breaker } from './breaker.ts';
import { BREAKER, PASS, REFUSED, stateOf } from './breaker-cell.ts';
import { CELL, type EndpointMemory, STATE_FLAG, WORD } from './endpoint-memory.ts';
import { EndpointWatch } from './endpoint-watch.ts';
import type { HostLimits } from './host-limits.ts';
import { ExtraLoad } from './extra-load.ts';
import { type EndpointStanding, isSameChoice, type Level, levelAt, levelsOf, OVERPROVISIONING, pointOfKey } from './levels.ts';
import type { Target } from './target.ts';

/** What a worker is given of an upstream that has state. */
export type SharedState = {
  readonly memory: EndpointMemory;
  /** This thread's block of counts. */
  readonly worker: number;
  readonly serviceSlot: number;
  readonly endpoints: readonly EndpointState[];
  /** What it may have at once over the whole host; `null` = as much as comes. */
  readonly limits: HostLimits | null;
};

/** How the last choice went. A hot object: read before the next choice. */
export type Choice = {
  /** Of the endpoint's breaker, and of the upstream's: `PASS`, or the ticket of a probe. */
  ticket: number;
  serviceTicket: number;
  /** Where nobody was chosen. */
  refusal: 'no-endpoint' | 'open';
};

type Stage = { readonly level: Level; readonly balancer: Balancer; readonly targets: readonly Target[] };

/**
 * Which endpoints of an upstream may be asked, by what all threads know of them. What a pick depends on is read only when the version of the
 * upstream says that something has changed.
 */
export class ClusterState {
  readonly memory: EndpointMemory;
  /** Of the upstream itself; `null` = it has none. */
  readonly breaker: Breaker | null;
  readonly extra: ExtraLoad;
  readonly choice: Choice = { ticket: PASS, serviceTicket: PASS, refusal: 'no-endpoint' };
  /** The coordinator's cells of the upstream. */
  readonly serviceCounts: Float64Array;
  readonly #config: UpstreamConfig;
  readonly #worker: number;
  readonly #serviceSlot: number;
  readonly #versionAt: number;
  #version = -1;
  #targets: readonly Target[] = [];
  #stages: readonly Stage[] = [];
  #levels: readonly Level[] = [];
  /** Those whose breaker waits for somebody to try. */
  #probes: readonly Target[] = [];
  #refusal: Choice['refusal'] = 'no-endpoint';
  #chosen: Target | null = null;

  constructor(config: UpstreamConfig, { memory, worker, serviceSlot }: SharedState) {
    this.memory = memory;
    this.#config = config;
    this.#worker = worker;
    this.#serviceSlot = serviceSlot;
    this.#versionAt = memory.wordAt(serviceSlot, WORD.VERSION);
    this.extra = new ExtraLoad(memory, worker, serviceSlot);
    this.serviceCounts = memory.countsOf(memory.coordinator, serviceSlot);
    this.breaker = this.#breakerOf(serviceSlot, 'service');
  }

  watchOf(slot: number): EndpointWatch {
    return new EndpointWatch(this.memory, { worker: this.#worker, slot }, this.#breakerOf(slot, 'endpoint'));
  }

  useTargets(targets: readonly Target[]): void {
    this.#targets = targets;
    this.#stages = [];
    this.#read();
  }

  /** `null`: nobody may be asked, and `choice.refusal` says why. */
  choose(key: number, avoid: Target | null, held: Target | null): Target | null {
    const { choice, breaker } = this;
    if (Atomics.load(this.memory.words, this.#versionAt) !== this.#version) this.#read();
    choice.ticket = PASS;
    choice.serviceTicket = PASS;
    if (breaker !== null) {
      choice.serviceTicket = breaker.admitShare();
      if (choice.serviceTicket === REFUSED) {
        breaker.countRefused();
        choice.refusal = 'open';
        return null;
      }
    }
    const target = held !== null && held !== avoid && this.#mayAsk(held) ? held : this.#probeOrPick(key, avoid);
    this.#chosen = target;
    if (target === null) {
      choice.refusal = this.#refusal;
      breaker?.onAbandoned(choice.serviceTicket, 0);
      if (this.#refusal === 'open') this.#targets[0]?.watch?.breaker?.countRefused();
    }
    return target;
  }

  /** The last choice is not used. */
  giveBackChoice(): void {
    const { choice } = this;
    this.#chosen?.watch?.breaker?.onAbandoned(choice.ticket, 0);
    if (choice.serviceTicket !== REFUSED) this.breaker?.onAbandoned(choice.serviceTicket, 0);
    choice.ticket = PASS;
    choice.serviceTicket = PASS;
  }

  /** How long, in ms, until somebody may be asked again; 0 = not known. */
  untilReadyMs(nowMs: number): number {
    if (this.breaker !== null && stateOf(this.breaker.word) !== BREAKER.CLOSED) return this.breaker.untilReadyMs(nowMs);
    let least = 0;
    for (const { watch } of this.#targets) {
      const ms = watch?.breaker?.untilReadyMs(nowMs) ?? 0;
      if (ms > 0 && (least === 0 || ms < least)) least = ms;
    }
    return least;
  }

  #mayAsk(target: Target): boolean {
    for (const { targets } of this.#stages) if (targets.includes(target)) return true;
    return false;
  }

  #probeOrPick(key: number, avoid: Target | null): Target | null {
    return (this.#probes.length === 0 ? null : this.#probe()) ?? this.#pick(key, avoid);
  }

  #probe(): Target | null {
    for (const target of this.#probes) {
      const ticket = target.watch?.breaker?.admit() ?? REFUSED;
      if (ticket <= PASS) continue;
      this.choice.ticket = ticket;
      return target;
    }
    return null;
  }

  #pick(key: number, avoid: Target | null): Target | null {
    const stages = this.#stages;
    if (stages.length === 0) return null;
    const at = stages.length === 1 ? 0 : levelAt(this.#levels, key === 0 ? Math.random() : pointOfKey(key));
    const target = pickIn(stages[at], key, avoid);
    if (target !== avoid || avoid === null) return target;
    for (const stage of stages) {
      const other = pickIn(stage, key, avoid);
      if (other !== null && other !== avoid) return other;
    }
    return target;
  }

  /** The version first: what changes while the states are read is seen at the next pick. */
  #read(): void {
    this.#version = Atomics.load(this.memory.words, this.#versionAt);
    const standings = this.#targets.flatMap((target, index) => this.#standingOf(target, index));
    const { panicThreshold } = this.#config.balance;
    const levels = levelsOf(standings, { panicThreshold, overprovisioning: OVERPROVISIONING, zone: this.#config.zone });
    const hasOpen = this.#targets.some(({ watch }) => breakerStateOf(watch) !== BREAKER.CLOSED);
    this.#levels = hasOpen ? levels.flatMap((level) => this.#withoutOpen(level)) : levels;
    this.#refusal = hasOpen ? 'open' : 'no-endpoint';
    const before = this.#stages;
    this.#stages = this.#levels.map((level) => before.find((stage) => isSameChoice(stage.level, level)) ?? this.#stageOf(level));
    const ready = this.#targets.filter(({ watch }) => breakerStateOf(watch) === BREAKER.READY);
    // No request is spent on one that is known not to be well, unless there is nobody else.
    this.#probes = this.#stages.length === 0 ? ready : ready.filter(({ watch }) => watch !== null && this.#stateOf(watch.slot) === 0);
  }

  #standingOf({ endpoint, watch }: Target, index: number): EndpointStanding[] {
    if (watch === null) return [];
    const state = this.#stateOf(watch.slot);
    if ((state & STATE_FLAG.LEAVING) !== 0) return [];
    const share = Atomics.load(this.memory.words, this.memory.wordAt(watch.slot, WORD.WEIGHT));
    const isUsable = state === 0 && breakerStateOf(watch) === BREAKER.CLOSED;
    const { priority, zone, weight } = endpoint;
    return [{ index, priority, zone, weight, share, isUsable }];
  }

  #stateOf(slot: number): number {
    return Atomics.load(this.memory.words, this.memory.wordAt(slot, WORD.STATE));
  }

  /** Also where all that there are would be used whatever their state: a breaker that is open lets nobody through. */
  #withoutOpen(level: Level): readonly Level[] {
    if (!level.isPanicking) return [level];
    const kept = level.indices
      .map((index, at) => [index, at] as const)
      .filter(([index]) => breakerStateOf(this.#targets[index]?.watch ?? null) === BREAKER.CLOSED);
    if (kept.length === 0) return [];
    return [{ ...level, indices: kept.map(([index]) => index), weights: kept.map(([, at]) => level.weights[at] ?? 1) }];
  }

  #stageOf(level: Level): Stage {
    const targets = level.indices.flatMap((index) => this.#targets[index] ?? []);
    const counts = targets.map(({ watch }) => this.memory.countsOfWorkers(watch?.slot ?? 0));
    const balancer = makeBalancer(this.#config.balance, {
      names: targets.map(({ endpoint: { host, port } }) => `${host}:${port}`),
      weights: level.weights,
      fullWeight: level.fullWeight,
      inFlightOf: (index) => sumOf(counts[index] ?? [], CELL.IN_FLIGHT),
      random: Math.random,
    });
    return { level, balancer, targets };
  }

  #breakerOf(slot: number, which: keyof BreakerConfig): Breaker | null {
    const settings = this.#config.breaker?.[which];
    if (settings === undefined) return null;
    return new Breaker(this.memory, { slot, serviceSlot: this.#serviceSlot, worker: this.#worker }, settings);
  }
}

function breakerStateOf(watch: EndpointWatch | null): number {
  const breaker = watch?.breaker ?? null;
  return breaker === null ? BREAKER.CLOSED : stateOf(breaker.word);
}

function pickIn(stage: Stage | undefined, key: number, avoid: Target | null): Target | null {
  if (stage === undefined) return null;
  const { targets, balancer } = stage;
  return targets[balancer.pick(key, avoid === null ? -1 : targets.indexOf(avoid))] ?? null;
}
