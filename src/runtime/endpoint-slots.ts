import type { EndpointMemory } from '../upstream/endpoint-memory.ts';
import { MAX_SLOTS } from '../upstream/endpoint-memory.ts';

/** Workers let go of an endpoint some time after they are told, and what they report until then must not be another's. */
const QUARANTINE_MS = 60_000;

/**
 * Which endpoint or upstream has which slot. A name keeps its slot as long as it is wanted, so that a reload, or an endpoint that comes back
 * soon, finds what was known of it; a slot that nobody wants is given away again after a minute.
 */
export class EndpointSlots {
  readonly #memory: EndpointMemory;
  readonly #slots = new Map<string, number>();
  readonly #unwantedSinceMs = new Map<string, number>();
  readonly #free: number[] = [];
  #next = 0;

  constructor(memory: EndpointMemory) {
    this.#memory = memory;
  }

  /** -1: there is none left. */
  take(name: string): number {
    this.#unwantedSinceMs.delete(name);
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? (this.#next < MAX_SLOTS ? this.#next++ : -1);
    if (slot < 0) return -1;
    this.#memory.clearSlot(slot);
    this.#slots.set(name, slot);
    return slot;
  }

  /** Every name that is not among these is unwanted from now on. */
  keepOnly(names: ReadonlySet<string>, nowMs: number): void {
    for (const name of this.#slots.keys()) {
      if (names.has(name)) this.#unwantedSinceMs.delete(name);
      else if (!this.#unwantedSinceMs.has(name)) this.#unwantedSinceMs.set(name, nowMs);
    }
  }

  /** Frees what has been unwanted for long enough. */
  sweep(nowMs: number): void {
    for (const [name, sinceMs] of this.#unwantedSinceMs) {
      if (nowMs - sinceMs < QUARANTINE_MS) continue;
      const slot = this.#slots.get(name);
      this.#unwantedSinceMs.delete(name);
      this.#slots.delete(name);
      if (slot !== undefined) this.#free.push(slot);
    }
  }

  /** Those in use. */
  get slots(): Iterable<number> {
    return this.#slots.values();
  }
}
