import { wordAt } from '../base/elements.ts';
import { CONTROL, GHOST_WAYS, type StoreMemory } from './store-layout.ts';

/**
 * What was dropped from the small queue not long ago: fingerprints with the time of dropping, in sets of eight.
 * Time is counted in granules dropped, and a ghost is remembered for one and a half times as many as the arena has (with one
 * arena's worth the hit ratio is up to 0.3 points better on flat traces and 0.2 worse where it beats LRU least: Zipf 1.1, many
 * scans, a large store; see scripts/sim). Only touched under
 * the lock. Damage in here costs hits, never truth, so recovery leaves it as it is.
 */
export class Ghosts {
  readonly #slots: Int32Array;
  readonly #control: Int32Array;
  readonly #setMask: number;
  readonly #window: number;

  constructor(store: StoreMemory) {
    this.#slots = store.ghosts;
    this.#control = store.control;
    this.#setMask = store.ghosts.length / (2 * GHOST_WAYS) - 1;
    // Ages are differences of a clock that wraps at 2^32.
    this.#window = Math.min(1.5 * store.granules, 2 ** 31);
  }

  /** Remembers what has been dropped; `granules` is how large it was. The oldest of its set makes room. */
  add(hashLow: number, hashHigh: number, granules: number): void {
    const clock = (wordAt(this.#control, CONTROL.GHOST_CLOCK) + granules) | 0;
    this.#control[CONTROL.GHOST_CLOCK] = clock;
    const set = (hashLow & this.#setMask) * 2 * GHOST_WAYS;
    let oldest = set;
    let oldestAge = -1;
    for (let at = set; at < set + 2 * GHOST_WAYS; at += 2) {
      const age = this.#slots[at] === 0 ? 2 ** 32 : (clock - wordAt(this.#slots, at + 1)) >>> 0;
      if (age <= oldestAge) continue;
      oldest = at;
      oldestAge = age;
    }
    this.#slots[oldest] = fingerprint(hashHigh);
    this.#slots[oldest + 1] = clock;
  }

  /** True when it is remembered; it is forgotten by that. */
  take(hashLow: number, hashHigh: number): boolean {
    const clock = wordAt(this.#control, CONTROL.GHOST_CLOCK);
    const wanted = fingerprint(hashHigh);
    const set = (hashLow & this.#setMask) * 2 * GHOST_WAYS;
    for (let at = set; at < set + 2 * GHOST_WAYS; at += 2) {
      if (this.#slots[at] !== wanted) continue;
      this.#slots[at] = 0;
      return (clock - wordAt(this.#slots, at + 1)) >>> 0 < this.#window;
    }
    return false;
  }
}

/** 0 means an empty slot. */
function fingerprint(hashHigh: number): number {
  return hashHigh === 0 ? 1 : hashHigh;
}
