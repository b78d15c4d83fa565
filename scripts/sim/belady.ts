import type { Charges, Policy } from './policies.ts';
import type { Trace } from './trace.ts';

/**
 * Knows the future: keeps what is wanted soonest. With equal sizes no policy can do better; with mixed sizes it is only a
 * good one. Shows how much of the gap above LRU there was to close.
 */
export class Belady implements Policy {
  readonly #charges: Charges;
  readonly #nextUses: Uint32Array;
  /** When a held key is wanted next; 0 for a key that is not held. */
  readonly #wantedAt: Uint32Array;
  readonly #farthest: FarthestHeap;
  readonly #never: number;
  #bytes = 0;

  constructor(charges: Charges, trace: Trace) {
    this.#charges = charges;
    this.#nextUses = nextUses(trace);
    this.#wantedAt = new Uint32Array(trace.bodyBytes.length);
    this.#farthest = new FarthestHeap(trace.keys.length);
    this.#never = trace.keys.length;
  }

  request(key: number, at: number): boolean {
    const isHit = this.#wantedAt[key] !== 0;
    const next = this.#nextUses[at] ?? this.#never;
    const charge = this.#charges.byKey[key] ?? 0;
    if (isHit) this.#bytes -= charge;
    this.#wantedAt[key] = 0;
    // What is never wanted again is not brought in, nor kept.
    if (next === this.#never || charge > this.#charges.capacity) return isHit;
    this.#wantedAt[key] = next;
    this.#farthest.push(next, key);
    this.#bytes += charge;
    while (this.#bytes > this.#charges.capacity) this.#evict();
    return isHit;
  }

  #evict(): void {
    const key = this.#farthest.popKey((candidate, wantedAt) => this.#wantedAt[candidate] === wantedAt);
    this.#wantedAt[key] = 0;
    this.#bytes -= this.#charges.byKey[key] ?? 0;
  }
}

/** For each request the number of the next one of its key, or the length of the trace. */
function nextUses(trace: Trace): Uint32Array {
  const { keys } = trace;
  const next = new Uint32Array(keys.length);
  const seenAt = new Uint32Array(trace.bodyBytes.length).fill(keys.length);
  for (let at = keys.length - 1; at >= 0; at -= 1) {
    const key = keys[at] ?? 0;
    next[at] = seenAt[key] ?? 0;
    seenAt[key] = at;
  }
  return next;
}

/** A heap of uses to come, the farthest on top. Every use is pushed once; those that have passed are skipped when they come up. */
class FarthestHeap {
  readonly #uses: Uint32Array;
  readonly #keys: Uint32Array;
  #count = 0;

  constructor(capacity: number) {
    this.#uses = new Uint32Array(capacity);
    this.#keys = new Uint32Array(capacity);
  }

  push(use: number, key: number): void {
    let at = this.#count;
    this.#count += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((this.#uses[parent] ?? 0) >= use) break;
      this.#move(parent, at);
      at = parent;
    }
    this.#uses[at] = use;
    this.#keys[at] = key;
  }

  popKey(isCurrent: (key: number, use: number) => boolean): number {
    while (this.#count > 0) {
      const key = this.#keys[0] ?? 0;
      const use = this.#uses[0] ?? 0;
      this.#dropTop();
      if (isCurrent(key, use)) return key;
    }
    throw new Error('more was held than was pushed');
  }

  #dropTop(): void {
    this.#count -= 1;
    const use = this.#uses[this.#count] ?? 0;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#count) break;
      if (child + 1 < this.#count && (this.#uses[child + 1] ?? 0) > (this.#uses[child] ?? 0)) child += 1;
      if ((this.#uses[child] ?? 0) <= use) break;
      this.#move(child, at);
      at = child;
    }
    this.#uses[at] = use;
    this.#keys[at] = this.#keys[this.#count] ?? 0;
  }

  #move(from: number, to: number): void {
    this.#uses[to] = this.#uses[from] ?? 0;
    this.#keys[to] = this.#keys[from] ?? 0;
  }
}
