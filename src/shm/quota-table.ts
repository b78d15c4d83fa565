import { BLANK, bucketsIn, cellsIn, isLive, KEY, KEY_CONTROL, KeyCells, STATE } from './key-cells.ts';
import { SEED_BYTES } from './keyed-hash.ts';
import { MAX_USED, packQuota, quotaStartSec, quotaUsed } from './quota-word.ts';
import { createSeeded, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

export type QuotaTableSpec = {
  /** Of the whole segment; 32 bytes a key, and a fifteenth more. */
  readonly bytes: number;
  /** 16 secret random bytes: the key of the fingerprints; the same as long as what is on disk under them. */
  readonly seed: Uint8Array;
};

export type QuotaTableStats = {
  readonly cells: number;
  readonly live: number;
  /** Keys of windows long over whose cell was given to another. */
  readonly evicted: number;
  /** Calls for keys that found no place: they were not counted. */
  readonly withoutCell: number;
};

/** Words of a cell, after KEY and STATE. */
const LOW = 2;
const CHANGED = 3;
const VALUE = 4;
const STRIDE = 8;
const SLOTS = 16;
const BUCKETS_PER_WORD = 32;
/** A cell may go to another key when its window began so long before that one's: the longest window is a month. */
const FORGOTTEN_AFTER_SEC = 32 * 86_400;
const NONE = -1;
const VERSION = 1;

export type VisitQuota = (low: number, high: number, startSec: number, used: number) => void;

/**
 * How much of each quota was used in its window of the calendar. Windows are told by the second of their begin, a whole minute; which
 * window holds a moment is the caller's business.
 *
 * Invariants
 * - VALUE is one 64-bit word, window and use, changed by swaps only. A later window takes the place of an earlier one; nothing goes back:
 *   a `take` or `peek` of an earlier window is one of the cell's own, an `add` or `give` of an earlier one does nothing.
 * - After a change of VALUE its author swaps STATE, so that whoever has judged the cell to be idle before cannot take it any more. If it was
 *   taken already the change went with it, and is made anew elsewhere. It never goes to the other key: VALUE of that one has a later window.
 * - After each change CHANGED is set, then the bit of the bucket; the visitor takes the bit, then CHANGED, then reads VALUE. So whatever
 *   changes after it was read is visited again. What a thread that died in between has not said, `recover` says.
 * - A cell is given to another key only when its window began more than 32 days before that one's. If there is none the key is not
 *   counted: nothing is refused, and `withoutCell` tells. What stands in a cell is exact.
 *
 * Its 64-bit swaps cost some 100 ns and a few small objects a call (V8 has no other way to them); the rolling limits, which are asked
 * first, cost neither.
 */
export class QuotaTable {
  readonly memory: SharedArrayBuffer;
  readonly seed: Uint8Array;
  /** After each call: what is used in the window, this call's cost too if it was admitted. */
  used = 0;
  readonly #cells: Int32Array;
  readonly #values: BigUint64Array;
  readonly #changed: Int32Array;
  readonly #control: Int32Array;
  readonly #keys: KeyCells;
  #startSec = 0;

  /** `self`: this thread's index, 0..127. */
  constructor(memory: SharedArrayBuffer, self: number) {
    const [buckets = 0, slots = 0] = readDimensions(memory, SEGMENT_KINDS.quotas, VERSION);
    const plan = planQuotas(buckets, slots);
    this.memory = memory;
    this.seed = new Uint8Array(memory, plan.regions.seed.offset, SEED_BYTES);
    this.#cells = cellsIn(memory, plan, 'cells');
    this.#values = new BigUint64Array(memory, plan.regions.cells.offset, plan.regions.cells.bytes / 8);
    this.#changed = cellsIn(memory, plan, 'changed');
    this.#control = cellsIn(memory, plan, 'control');
    const shape = { cells: this.#cells, control: this.#control, buckets, slots, stride: STRIDE, lowAt: LOW, self };
    this.#keys = new KeyCells(shape, {
      isIdle: (cell) => quotaStartSec(this.#load(cell)) + FORGOTTEN_AFTER_SEC < this.#startSec,
      initialize: (cell) => this.#initialize(cell),
    });
  }

  /** Uses `cost` (whole, 0 or more) of the window if no more than `amount` is used then. */
  take(low: number, high: number, startSec: number, amount: number, cost: number): boolean {
    for (;;) {
      const cell = this.#findOrMake(low, high, startSec);
      if (cell === NONE) return true;
      const word = this.#load(cell);
      if (!this.#isStill(cell, low, high)) continue;
      const isLater = startSec > quotaStartSec(word);
      const used = isLater ? 0 : quotaUsed(word);
      this.used = used;
      if (used + cost > amount) return false;
      if (this.#change(cell, word, isLater ? startSec : quotaStartSec(word), used + cost) && this.#settle(cell, low, high)) return true;
    }
  }

  /** Uses `cost`, allowed or not; the answer is what is used then. Nothing, if the key's window is a later one. */
  add(low: number, high: number, startSec: number, cost: number): number {
    return this.#put(low, high, startSec, cost);
  }

  /** Takes back what `take` or `add` has used of that window. */
  give(low: number, high: number, startSec: number, cost: number): void {
    if (this.#keys.find(low, high) !== NONE) this.#put(low, high, startSec, -cost);
  }

  /** What is used of the window. */
  peek(low: number, high: number, startSec: number): number {
    const cell = this.#keys.find(low, high);
    const word = cell === NONE ? 0n : this.#load(cell);
    this.used = startSec > quotaStartSec(word) ? 0 : quotaUsed(word);
    return this.used;
  }

  /** The key has a place, which no other key gets in the 32 days from the begin of the window on. Nothing is used, and nothing has changed. */
  reserve(low: number, high: number, startSec: number): void {
    this.#findOrMake(low, high, startSec);
  }

  /** Nothing is used of the key's present window. False: nothing was. */
  reset(low: number, high: number): boolean {
    const cell = this.#keys.find(low, high);
    if (cell === NONE) return false;
    const word = this.#load(cell);
    if (quotaUsed(word) === 0) return false;
    this.#put(low, high, quotaStartSec(word), -MAX_USED);
    return true;
  }

  /** Calls `visit` with each key that has changed since it was visited last. For one thread at a time; costs next to nothing if none has. */
  forEachChanged(visit: VisitQuota): void {
    for (let word = 0; word < this.#changed.length; word += 1) {
      if (Atomics.load(this.#changed, word) === 0) continue;
      const bits = Atomics.exchange(this.#changed, word, 0);
      for (let bit = 0; bit < BUCKETS_PER_WORD; bit += 1) {
        if ((bits & (1 << bit)) === 0) continue;
        this.#keys.forEachCellOf(word * BUCKETS_PER_WORD + bit, (cell) => this.#visit(cell, visit));
      }
    }
  }

  /** After a thread has ended, before its index is given away. Everything counts as changed then. The answer is how many cells it was about to make. */
  recover(dead: number): number {
    const mended = this.#keys.recover(dead);
    this.#keys.forEachCell((cell) => {
      if (isLive(Atomics.load(this.#cells, cell + STATE))) this.#say(cell);
    });
    return mended;
  }

  stats(): QuotaTableStats {
    const count = (cell: number): number => Atomics.load(this.#control, cell) >>> 0;
    return {
      cells: this.#keys.cells,
      live: this.#keys.live,
      evicted: count(KEY_CONTROL.EVICTED),
      withoutCell: count(KEY_CONTROL.WITHOUT_CELL),
    };
  }

  /** Adds, or takes away (less than 0) what there is. */
  #put(low: number, high: number, startSec: number, added: number): number {
    for (;;) {
      const cell = this.#findOrMake(low, high, startSec);
      if (cell === NONE) return 0;
      const word = this.#load(cell);
      if (!this.#isStill(cell, low, high)) continue;
      const before = startSec > quotaStartSec(word) ? 0 : quotaUsed(word);
      this.used = before;
      if (startSec < quotaStartSec(word)) return before;
      const after = Math.max(0, before + added);
      if (this.#change(cell, word, startSec, after) && this.#settle(cell, low, high)) return after;
    }
  }

  #findOrMake(low: number, high: number, startSec: number): number {
    this.#startSec = startSec;
    const cell = this.#keys.findOrMake(low, high);
    if (cell !== NONE) return cell;
    Atomics.add(this.#control, KEY_CONTROL.WITHOUT_CELL, 1);
    this.used = 0;
    return NONE;
  }

  #load(cell: number): bigint {
    return Atomics.load(this.#values, (cell + VALUE) / 2);
  }

  #isStill(cell: number, low: number, high: number): boolean {
    return isLive(Atomics.load(this.#cells, cell + STATE)) && this.#keys.isStill(cell, low, high);
  }

  #change(cell: number, word: bigint, startSec: number, used: number): boolean {
    const next = packQuota(startSec, used);
    if (Atomics.compareExchange(this.#values, (cell + VALUE) / 2, word, next) !== word) return false;
    this.used = quotaUsed(next);
    return true;
  }

  /** After a change: the cell is worth keeping now. False: it was given away before that was known, and the change with it. */
  #settle(cell: number, low: number, high: number): boolean {
    for (;;) {
      const state = Atomics.load(this.#cells, cell + STATE);
      if (!isLive(state) || !this.#keys.isStill(cell, low, high)) break;
      const next = state === BLANK ? 1 : (state + 2) | 0;
      if (Atomics.compareExchange(this.#cells, cell + STATE, state, next) !== state) continue;
      this.#say(cell);
      return true;
    }
    return false;
  }

  #say(cell: number): void {
    const bucket = this.#keys.bucketOf(cell);
    const word = Math.floor(bucket / BUCKETS_PER_WORD);
    const bit = 1 << (bucket % BUCKETS_PER_WORD);
    if (Atomics.load(this.#cells, cell + CHANGED) === 0) Atomics.store(this.#cells, cell + CHANGED, 1);
    if ((Atomics.load(this.#changed, word) & bit) === 0) Atomics.or(this.#changed, word, bit);
  }

  #visit(cell: number, visit: VisitQuota): void {
    if (Atomics.load(this.#cells, cell + CHANGED) === 0 || Atomics.exchange(this.#cells, cell + CHANGED, 0) === 0) return;
    const state = Atomics.load(this.#cells, cell + STATE);
    const high = Atomics.load(this.#cells, cell + KEY);
    const low = Atomics.load(this.#cells, cell + LOW);
    const word = this.#load(cell);
    // Given to another key while it was read: that one says so itself.
    if (isLive(state) && this.#isStill(cell, low, high)) visit(low, high, quotaStartSec(word), quotaUsed(word));
  }

  #initialize(cell: number): void {
    Atomics.store(this.#values, (cell + VALUE) / 2, packQuota(this.#startSec, 0));
    Atomics.store(this.#cells, cell + CHANGED, 0);
  }
}

/** Makes the memory of a table, of no more bytes than are given. Called once, by the coordinator. Throws when the spec is out of bounds. */
export function createQuotaTable(spec: QuotaTableSpec): SharedArrayBuffer {
  // A word of `changed` for each 32 buckets of 512 bytes, and lines that are rounded up.
  const besides = planQuotas(0, SLOTS).totalBytes + 2 * LINE_BYTES;
  return layQuotaTable(bucketsIn((spec.bytes - besides) * (4096 / 4097), SLOTS * STRIDE), SLOTS, spec.seed);
}

/** A table of so many buckets; tests take small ones. */
export function layQuotaTable(buckets: number, slots: number, seed: Uint8Array): SharedArrayBuffer {
  return createSeeded(planQuotas(buckets, slots), seed);
}

function planQuotas(buckets: number, slots: number): SegmentPlan<'seed' | 'control' | 'changed' | 'cells'> {
  return planSegment({ kind: SEGMENT_KINDS.quotas, version: VERSION, dimensions: [buckets, slots] }, [
    ['seed', SEED_BYTES],
    ['control', Math.max(KEY_CONTROL.CELLS * Int32Array.BYTES_PER_ELEMENT, LINE_BYTES)],
    ['changed', Math.ceil(buckets / BUCKETS_PER_WORD) * Int32Array.BYTES_PER_ELEMENT],
    ['cells', buckets * slots * STRIDE * Int32Array.BYTES_PER_ELEMENT],
  ]);
}
