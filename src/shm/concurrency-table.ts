import { assert } from '../base/assert.ts';
import { BLANK, bucketsIn, cellsIn, isLive, KEY_CONTROL, KeyCells, MAX_KEY_PARTICIPANTS, STATE } from './key-cells.ts';
import { SEED_BYTES } from './keyed-hash.ts';
import { createSeeded, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

export type ConcurrencyTableSpec = {
  /** Of the whole segment. A cell has 16 bytes, and two for each participant, in steps of 16. */
  readonly bytes: number;
  /** How many threads will open it, 1..128. */
  readonly participants: number;
  /** 16 secret random bytes: the key of the fingerprints. */
  readonly seed: Uint8Array;
};

export type ConcurrencyTableStats = {
  readonly cells: number;
  /** Cells with a key; whether any of it is in flight is not known. */
  readonly live: number;
  /** Keys with nothing in flight whose cell was given to another. */
  readonly evicted: number;
  /** Requests of keys that found no place, counted by a cell that such keys share. */
  readonly withoutCell: number;
  /** In flight of threads that ended, given back. */
  readonly recovered: number;
};

export const REFUSED = -1;
/** Words of a cell before the participants' counts. */
const LOW = 2;
const COUNTS = 4;
const SLOTS = 16;
const OVERFLOW_SETS = 16;
const MAX_COUNT = 0x7fff;
const NONE = -1;
const VERSION = 1;

/**
 * How much of each key is in flight, on the whole host.
 *
 * Invariants
 * - A key's cell has one count (int16) for each participant, which that one alone writes. What is in flight is their sum. So what a dead
 *   thread held is its own counts, and `recover` sets them to nothing: there is no total that could be wrong.
 * - Whoever acquires reads STATE, then the sum, adds one to its own count, then swaps STATE for another word. If the swap fails somebody
 *   else has acquired in between (or the cell is being given away): it takes its one back and looks again. So of all that acquire at
 *   once each has counted all who were before it, and no more than `max` are ever in flight. Releases change no STATE: they only lower.
 * - A cell is given to another key when its sum is 0, by a swap of STATE: that fails if anybody has acquired since. Counts are never
 *   set by whoever takes the cell: one that somebody is about to take back may be in them.
 * - A thread that dies between its count and the swap counts as one in flight until it is recovered.
 * - Which words STATE runs through depends on its thread; each life of a cell begins elsewhere.
 *
 * A key without a place (all cells of its bucket have something in flight) is counted in a cell that it shares with all such keys of its set (16 sets),
 * against its own maximum: a flood of new keys is held to 16 times that together, keys with a cell are as before.
 */
export class ConcurrencyTable {
  readonly memory: SharedArrayBuffer;
  readonly seed: Uint8Array;
  /** After `acquire`: how many of the key are in flight, this one too if it was let in. */
  current = 0;
  readonly #cells: Int32Array;
  readonly #counts: Int16Array;
  readonly #control: Int32Array;
  readonly #keys: KeyCells;
  readonly #overflowAt: number;
  readonly #stride: number;
  readonly #participants: number;
  readonly #self: number;
  #lives = 0;

  /** `self`: this thread's index. Each index is one thread's at a time; `recover` comes between two. */
  constructor(memory: SharedArrayBuffer, self: number) {
    const [buckets = 0, slots = 0, participants = 0] = readDimensions(memory, SEGMENT_KINDS.concurrency, VERSION);
    assert(self >= 0 && self < participants, `participant ${self} is one of ${participants}`);
    const plan = planConcurrency(buckets, slots, participants);
    this.memory = memory;
    this.seed = new Uint8Array(memory, plan.regions.seed.offset, SEED_BYTES);
    this.#cells = cellsIn(memory, plan, 'cells');
    this.#counts = new Int16Array(memory, plan.regions.cells.offset, plan.regions.cells.bytes / 2);
    this.#control = cellsIn(memory, plan, 'control');
    this.#stride = strideFor(participants);
    this.#participants = participants;
    this.#self = self;
    this.#overflowAt = buckets * slots * this.#stride;
    const shape = { cells: this.#cells, control: this.#control, buckets, slots, stride: this.#stride, lowAt: LOW, self };
    this.#keys = new KeyCells(shape, { isIdle: (cell) => this.#sum(cell) === 0, initialize: () => {} });
  }

  /** A handle (>= 0) for `release` if less than `max` of the key are in flight, else `REFUSED`. */
  acquire(low: number, high: number, max: number): number {
    for (;;) {
      const made = this.#keys.findOrMake(low, high);
      const cell = made === NONE ? this.#overflowCell(low) : made;
      const state = Atomics.load(this.#cells, cell + STATE);
      if (!isLive(state) || !this.#isOf(cell, made, low, high)) continue;
      const current = this.#sum(cell);
      this.current = current;
      const own = Atomics.load(this.#counts, this.#ownAt(cell));
      if (current >= max || own >= MAX_COUNT) return REFUSED;
      Atomics.store(this.#counts, this.#ownAt(cell), own + 1);
      if (Atomics.compareExchange(this.#cells, cell + STATE, state, this.#after(state)) === state && this.#isOf(cell, made, low, high)) {
        this.current = current + 1;
        return cell;
      }
      Atomics.store(this.#counts, this.#ownAt(cell), own);
    }
  }

  /** Once for each handle, by the thread that has got it. */
  release(handle: number): void {
    const at = this.#ownAt(handle);
    const own = Atomics.load(this.#counts, at);
    assert(own > 0, 'what is released was acquired');
    Atomics.store(this.#counts, at, own - 1);
  }

  /** How many of the key are in flight. */
  inFlight(low: number, high: number): number {
    const cell = this.#keys.find(low, high);
    return cell === NONE ? 0 : this.#sum(cell);
  }

  /** After a thread has ended, before its index is given away: releases what it held. The answer is how much that was. Looks at all cells. */
  recover(dead: number): number {
    let released = 0;
    for (let cell = 0; cell < this.#cells.length; cell += this.#stride) {
      released += Atomics.exchange(this.#counts, (cell + COUNTS) * 2 + dead, 0);
    }
    this.#keys.recover(dead);
    if (released > 0) Atomics.add(this.#control, KEY_CONTROL.RECLAIMED, released);
    return released;
  }

  stats(): ConcurrencyTableStats {
    const count = (cell: number): number => Atomics.load(this.#control, cell) >>> 0;
    return {
      cells: this.#keys.cells,
      live: this.#keys.live,
      evicted: count(KEY_CONTROL.EVICTED),
      withoutCell: count(KEY_CONTROL.WITHOUT_CELL),
      recovered: count(KEY_CONTROL.RECLAIMED),
    };
  }

  #sum(cell: number): number {
    const first = (cell + COUNTS) * 2;
    let sum = 0;
    for (let at = first; at < first + this.#participants; at += 1) sum += Atomics.load(this.#counts, at);
    return sum;
  }

  #ownAt(cell: number): number {
    return (cell + COUNTS) * 2 + this.#self;
  }

  /** `made` = -1: a shared cell, which is nobody's for ever. */
  #isOf(cell: number, made: number, low: number, high: number): boolean {
    return made === NONE || this.#keys.isStill(cell, low, high);
  }

  #after(state: number): number {
    if (state !== BLANK) return (state + 2) | 0;
    this.#lives = (this.#lives + 1) | 0;
    return Math.imul(this.#lives * MAX_KEY_PARTICIPANTS + this.#self, 0x9e3779b1) | 1;
  }

  #overflowCell(low: number): number {
    Atomics.add(this.#control, KEY_CONTROL.WITHOUT_CELL, 1);
    return this.#overflowAt + (low & (OVERFLOW_SETS - 1)) * this.#stride;
  }
}

/** Makes the memory of a table, of no more bytes than are given. Called once, by the coordinator. Throws when the spec is out of bounds. */
export function createConcurrencyTable(spec: ConcurrencyTableSpec): SharedArrayBuffer {
  const { bytes, participants, seed } = spec;
  const besides = planConcurrency(0, SLOTS, participants).totalBytes;
  return layConcurrencyTable([bucketsIn(bytes - besides, SLOTS * strideFor(participants)), SLOTS, participants], seed);
}

/** A table of so many buckets, slots and participants; tests take small ones. */
export function layConcurrencyTable(sizes: readonly [number, number, number], seed: Uint8Array): SharedArrayBuffer {
  const [buckets, slots, participants] = sizes;
  assert(participants >= 1 && participants <= MAX_KEY_PARTICIPANTS, `a table has 1 to ${MAX_KEY_PARTICIPANTS} participants`);
  const plan = planConcurrency(buckets, slots, participants);
  const memory = createSeeded(plan, seed);
  const cells = cellsIn(memory, plan, 'cells');
  for (let set = 0; set < OVERFLOW_SETS; set += 1) cells[(buckets * slots + set) * strideFor(participants) + STATE] = BLANK;
  return memory;
}

/** Words of a slot. */
function strideFor(participants: number): number {
  return COUNTS + Math.ceil(participants / 8) * 4;
}

function planConcurrency(buckets: number, slots: number, participants: number): SegmentPlan<'seed' | 'control' | 'cells'> {
  const cells = buckets * slots + OVERFLOW_SETS;
  return planSegment({ kind: SEGMENT_KINDS.concurrency, version: VERSION, dimensions: [buckets, slots, participants] }, [
    ['seed', SEED_BYTES],
    ['control', Math.max(KEY_CONTROL.CELLS * Int32Array.BYTES_PER_ELEMENT, LINE_BYTES)],
    ['cells', cells * strideFor(participants) * Int32Array.BYTES_PER_ELEMENT],
  ]);
}
