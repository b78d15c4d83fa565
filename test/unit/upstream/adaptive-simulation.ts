import type { AdaptiveConfig, ShedPriority } from '../../../src/config/types.ts';
import { createAdaptiveCells } from '../../../src/upstream/adaptive-cells.ts';
import { AdaptiveGate, shareOf } from '../../../src/upstream/adaptive-gate.ts';
import { AdaptiveRegulator } from '../../../src/upstream/adaptive-regulator.ts';

export const ADAPTIVE: AdaptiveConfig = {
  algorithm: 'gradient',
  minLimit: 3,
  maxLimit: 1000,
  initialLimit: 20,
  windowMs: 100,
  quantile: 0.9,
  headroom: 0.25,
  recalculateMs: 60_000,
  targetMs: 0,
  backoff: 0.9,
};

/** Numbers from 0 to 1 that are the same in every run. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One request that was let in; `endMs` is known at once, because the origin serves in order of arrival. */
export type Served = { readonly atMs: number; readonly endMs: number; readonly priority: ShedPriority };

export type World = {
  readonly config?: AdaptiveConfig | undefined;
  readonly workers?: number;
  /** Requests that the origin works on at once. */
  readonly servers: (atMs: number) => number;
  readonly serviceMs: (atMs: number, random: () => number) => number;
  /** Requests a second, by Poisson. */
  readonly ratePerSec: (atMs: number) => number;
  readonly priority?: (random: () => number) => ShedPriority;
  readonly untilMs: number;
  readonly seed?: number;
};

export type Outcome = {
  readonly served: readonly Served[];
  readonly shed: Readonly<Record<ShedPriority, number>>;
  /** Limit over time, at each tick. */
  readonly limits: readonly (readonly [atMs: number, limit: number])[];
};

const TICK_MS = 50;

/** An origin with a queue, an open loop of arrivals and the real gates and regulator between them; time is simulated. `config` undefined: no limit. */
export function simulate(world: World): Outcome {
  const { workers = 2, untilMs } = world;
  const random = seeded(world.seed ?? 1);
  const blocks = createAdaptiveCells(workers);
  const gates = Array.from({ length: workers }, (_, worker) => new AdaptiveGate(blocks, worker, 0));
  const regulator = world.config === undefined ? undefined : new AdaptiveRegulator(world.config, { blocks, place: 0 }, random);
  const origin = new Origin(world, random);
  const outcome = { served: [] as Served[], shed: { high: 0, normal: 0, low: 0 }, limits: [] as [number, number][] };
  let arrivalMs = 0;
  for (let tickMs = TICK_MS; tickMs <= untilMs; tickMs += TICK_MS) {
    while (arrivalMs < tickMs) {
      origin.answerUntil(arrivalMs);
      const gate = gates[Math.floor(random() * workers)] as AdaptiveGate;
      const priority = world.priority?.(random) ?? 'normal';
      if (gate.admit(shareOf(priority))) outcome.served.push(origin.take(arrivalMs, gate, priority));
      else outcome.shed[priority]++;
      arrivalMs += (-Math.log(1 - random()) * 1000) / world.ratePerSec(arrivalMs);
    }
    origin.answerUntil(tickMs);
    regulator?.tick(tickMs);
    outcome.limits.push([tickMs, regulator?.figures.limit ?? 0]);
  }
  return outcome;
}

class Origin {
  readonly #world: World;
  readonly #random: () => number;
  /** When each server is free. */
  #free: number[] = [];
  /** By time of the answer. */
  readonly #open: { readonly endMs: number; readonly atMs: number; readonly gate: AdaptiveGate }[] = [];

  constructor(world: World, random: () => number) {
    this.#world = world;
    this.#random = random;
  }

  take(atMs: number, gate: AdaptiveGate, priority: ShedPriority): Served {
    const servers = this.#world.servers(atMs);
    this.#free.sort((a, b) => a - b);
    while (this.#free.length < servers) this.#free.unshift(atMs);
    // Of fewer servers than before those that are free last stay busy until then.
    const startMs = Math.max(atMs, this.#free[this.#free.length - servers] ?? atMs);
    const endMs = startMs + this.#world.serviceMs(startMs, this.#random);
    this.#free[this.#free.length - servers] = endMs;
    let place = this.#open.length;
    while (place > 0 && (this.#open[place - 1]?.endMs ?? 0) > endMs) place--;
    this.#open.splice(place, 0, { endMs, atMs, gate });
    return { atMs, endMs, priority };
  }

  answerUntil(nowMs: number): void {
    for (let next = this.#open[0]; next !== undefined && next.endMs <= nowMs; next = this.#open[0]) {
      this.#open.shift();
      next.gate.leave();
      next.gate.observe(next.endMs - next.atMs, next.endMs);
    }
  }
}

/** The quantile of response times of requests that came from `fromMs` to `toMs`. */
export function latency(served: readonly Served[], quantile: number, fromMs: number, toMs: number): number {
  const times = served.filter(({ atMs }) => atMs >= fromMs && atMs < toMs).map(({ atMs, endMs }) => endMs - atMs);
  times.sort((a, b) => a - b);
  return times[Math.min(times.length - 1, Math.ceil(times.length * quantile) - 1)] ?? 0;
}

/** Answers a second from `fromMs` to `toMs`. */
export function goodput(served: readonly Served[], fromMs: number, toMs: number): number {
  return (served.filter(({ endMs }) => endMs >= fromMs && endMs < toMs).length * 1000) / (toMs - fromMs);
}
