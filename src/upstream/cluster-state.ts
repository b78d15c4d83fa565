import type { UpstreamConfig } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import { RoundRobin } from './balancer.ts';
import { type EndpointMemory, WORD } from './endpoint-memory.ts';
import { EndpointWatch } from './endpoint-watch.ts';
import type { HostLimits } from './host-limits.ts';
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

/**
 * Which endpoints of an upstream may be asked, by what all threads know of them. What a pick depends on is read only when the version of the
 * upstream says that something has changed.
 */
export class ClusterState {
  readonly memory: EndpointMemory;
  readonly #worker: number;
  readonly #versionAt: number;
  #version = -1;
  #targets: readonly Target[] = [];
  #usable: readonly Target[] = [];
  #balancer = new RoundRobin([1]);

  constructor(_config: UpstreamConfig, { memory, worker, serviceSlot }: SharedState) {
    this.memory = memory;
    this.#worker = worker;
    this.#versionAt = memory.wordAt(serviceSlot, WORD.VERSION);
  }

  watchOf(slot: number): EndpointWatch {
    return new EndpointWatch(this.memory, this.#worker, slot);
  }

  useTargets(targets: readonly Target[]): void {
    this.#targets = targets;
    this.#read();
  }

  choose(_key: number, avoid: Target | null, held: Target | null): Target | null {
    if (Atomics.load(this.memory.words, this.#versionAt) !== this.#version) this.#read();
    const usable = this.#usable;
    if (held !== null && held !== avoid && usable.includes(held)) return held;
    if (usable.length === 0) return null;
    const at = this.#balancer.pick();
    const target = usable[at] ?? null;
    return target === avoid ? (usable[(at + 1) % usable.length] ?? null) : target;
  }

  /** The version first: what changes while the states are read is seen at the next pick. */
  #read(): void {
    this.#version = Atomics.load(this.memory.words, this.#versionAt);
    this.#usable = this.#targets.filter(({ watch }) => watch !== null && this.#stateOf(watch.slot) === 0);
    this.#balancer = new RoundRobin(this.#usable.map(({ endpoint }) => endpoint.weight));
  }

  #stateOf(slot: number): number {
    return Atomics.load(this.memory.words, this.memory.wordAt(slot, WORD.STATE));
  }
}
