import { BucketCell } from './bucket-cell.ts';
import { BLANK, KEY_CONTROL, KeyCells, STATE, isLive } from './key-cells.ts';
import { TAKEN } from './limit-cell.ts';
import { LIMIT_CELL, LimitMemory, OVERFLOW_CELLS } from './limit-memory.ts';
import { bucketUnits, COARSE_MS, type CompiledLimit, compileLimit, windowUnits } from './rolling-limit.ts';
import { WindowCell } from './window-cell.ts';

/** Keys without a cell share so many cells for each limit. */
const OVERFLOW_SETS = 16;
const OVERFLOW_PROBES = 16;
const NONE = -1;
/** A new cell is kept for so long (in `COARSE_MS`) before its first charge. */
const NEW_KEPT = 2;
const ANY_LIMIT = compileLimit({ algorithm: 'token-bucket', amount: 1, windowMs: 1000, burst: 1 });

export type LimitTableStats = {
  /** Cells of the table. */
  readonly cells: number;
  /** Of these, with a key. */
  readonly live: number;
  /** Counts of the table's life; they wrap at 2^32. Idle keys that the sweep has freed; idle keys whose cell was given to another. */
  readonly reclaimed: number;
  readonly evicted: number;
  /** Decisions for keys that found no place, by a cell that such keys share. */
  readonly withoutCell: number;
  /** Cells that ended threads were about to make. */
  readonly recovered: number;
};

/**
 * Rolling limits of any number of keys, exact over all threads. Nothing here allocates, and nobody waits for anybody.
 *
 * Keys are the two words of a `KeyedHash` over a text that names the limit too; `limit` has to be the same for a key as long as it is in
 * use. `nowMs` is host time. `cost` is in tokens, 0 or more, and need not be whole. After each call the fields tell how things are.
 *
 * Cells are found, made and given away as in `KeyCells`, and charged as in `BucketCell` and `WindowCell`. Only cells whose bucket
 * is full are given to other keys, and only they are freed by `sweep`.
 *
 * **A full table.** A key that finds no cell (all of its bucket of 63 are in use by others) is decided upon by a cell that it shares
 * with all such keys of its limit and set (16 sets). So a flood of new keys has 16 times the limit together, while keys with a cell go
 * on as before. Counted in `withoutCell`. Where limits of more than 256 kinds overflow at once, the last ones refuse.
 */
export class LimitTable {
  readonly memory: SharedArrayBuffer;
  readonly seed: Uint8Array;
  /**
   * After a refusal: ms until the same call would pass (if it never can, because it costs more than there ever is: `resetMs`). After an admission:
   * ms that it has to wait first, at most `maxDelayMs`; 0 without that.
   */
  waitMs = 0;
  readonly #cells: Int32Array;
  readonly #control: Int32Array;
  readonly #keys: KeyCells;
  readonly #bucket: BucketCell;
  readonly #window: WindowCell;
  readonly #overflowAt: number;
  #coarse = 0;
  /** What the last call was about. */
  #last: BucketCell | WindowCell;

  /** `self`: this thread's index among all that open the table, 0..127. Each index is one thread's at a time. */
  constructor(memory: SharedArrayBuffer, self: number) {
    const table = new LimitMemory(memory);
    this.memory = memory;
    this.seed = table.seed;
    this.#cells = table.cells;
    this.#control = table.control;
    this.#overflowAt = table.overflowAt;
    this.#bucket = new BucketCell(table.cells, ANY_LIMIT);
    this.#window = new WindowCell(table.cells, ANY_LIMIT);
    this.#last = this.#bucket;
    const { cells, control, buckets, slots } = table;
    const shape = { cells, control, buckets, slots, stride: LIMIT_CELL.WORDS, lowAt: 0, self };
    this.#keys = new KeyCells(shape, {
      isIdle: (cell) => this.#isIdle(cell),
      initialize: (cell) => this.#initialize(cell),
    });
  }

  /** Whole tokens that are left now; 0 in debt. */
  get remaining(): number {
    return this.#last.remaining();
  }

  /** Ms until all tokens are back, if nothing more is taken. */
  get resetMs(): number {
    return this.#last.resetMs();
  }

  /**
   * Takes `cost` tokens if they are there, all or none. With `maxDelayMs` (buckets only) also if they will be within that time: the
   * request then waits for `waitMs`. Delays above 24 s, or twelve times what the bucket takes to fill if that is longer, count as that.
   */
  take(limit: CompiledLimit, low: number, high: number, nowMs: number, cost: number, maxDelayMs: number): boolean {
    if (limit.isWindow) return this.#takeWindow(limit, low, high, nowMs, cost);
    const bucket = this.#bucket;
    bucket.limit = limit;
    bucket.nowMs = nowMs;
    bucket.units = cost === 1 ? limit.unitsOfOne : bucketUnits(limit, cost);
    bucket.delay = maxDelayMs * limit.unitsPerMs;
    this.#aim(bucket, nowMs);
    let cell = this.#keys.guess(low, high);
    let taken = cell === NONE ? (TAKEN.LOST as number) : bucket.take(cell, high);
    while (taken === TAKEN.LOST) {
      cell = cell === NONE ? this.#keys.make(low, high) : this.#keys.findOrMake(low, high);
      taken = cell === NONE ? this.#takeOverflow(bucket, low) : bucket.take(cell, high);
    }
    const isAdmitted = taken === TAKEN.ADMITTED;
    if (isAdmitted) this.waitMs = maxDelayMs === 0 ? 0 : bucket.waitMs(bucket.ahead);
    else this.waitMs = bucket.units > limit.capacity ? this.resetMs : bucket.waitMs(bucket.ahead + bucket.units);
    return isAdmitted;
  }

  /** Gives back what `take` has taken, because the request was refused elsewhere. Never above full; of a window that is over nothing is given back. */
  give(limit: CompiledLimit, low: number, high: number, nowMs: number, cost: number): void {
    this.#move(limit, low, high, nowMs, -cost);
  }

  /** Takes `cost` tokens that have been spent, there or not: the bucket may get into debt by as much as it is large, the window by its amount. */
  charge(limit: CompiledLimit, low: number, high: number, nowMs: number, cost: number): void {
    this.#move(limit, low, high, nowMs, cost);
  }

  /** Only sets the fields; makes no cell. `waitMs`: until one token would pass. */
  peek(limit: CompiledLimit, low: number, high: number, nowMs: number): void {
    const aimed = this.#choose(limit, nowMs);
    const cell = this.#keys.find(low, high);
    if (cell !== NONE) aimed.look(cell);
    else this.#clear();
    this.#tell(aimed);
  }

  /** Makes the bucket full. False: it was. */
  reset(_limit: CompiledLimit, low: number, high: number): boolean {
    for (;;) {
      const cell = this.#keys.find(low, high);
      if (cell === NONE) return false;
      const state = Atomics.load(this.#cells, cell + STATE);
      if (!this.#keys.isStill(cell, low, high) || !isLive(state)) continue;
      if (state === BLANK) return false;
      if (Atomics.compareExchange(this.#cells, cell + STATE, state, BLANK) === state) return true;
    }
  }

  /** Frees the idle ones among the next `cells` cells, in turn. The answer is how many. For the coordinator; nothing depends on it but room. */
  sweep(nowMs: number, cells: number): number {
    this.#coarse = Math.floor(nowMs / COARSE_MS) | 0;
    return this.#keys.sweep(cells);
  }

  /** After a thread has ended, before its index is given away: mends what it was about to make. The answer is how many cells. Looks at all of them. */
  recover(dead: number): number {
    return this.#keys.recover(dead);
  }

  stats(): LimitTableStats {
    const count = (cell: number): number => Atomics.load(this.#control, cell) >>> 0;
    return {
      cells: this.#keys.cells,
      live: this.#keys.live,
      reclaimed: count(KEY_CONTROL.RECLAIMED),
      evicted: count(KEY_CONTROL.EVICTED),
      withoutCell: count(KEY_CONTROL.WITHOUT_CELL),
      recovered: count(KEY_CONTROL.RECOVERED),
    };
  }

  #takeWindow(limit: CompiledLimit, low: number, high: number, nowMs: number, cost: number): boolean {
    const window = this.#window;
    window.limit = limit;
    window.nowMs = nowMs;
    window.units = windowUnits(limit, cost);
    this.#aim(window, nowMs);
    let taken = TAKEN.LOST as number;
    while (taken === TAKEN.LOST) {
      const cell = this.#keys.findOrMake(low, high);
      taken = cell === NONE ? this.#takeOverflow(window, low) : window.take(cell, high);
    }
    const isAdmitted = taken === TAKEN.ADMITTED;
    this.waitMs = isAdmitted ? 0 : window.waitMs(window.units);
    return isAdmitted;
  }

  #move(limit: CompiledLimit, low: number, high: number, nowMs: number, cost: number): void {
    const aimed = this.#choose(limit, nowMs);
    const units = limit.isWindow ? windowUnits(limit, Math.abs(cost)) : bucketUnits(limit, Math.abs(cost));
    const signed = cost < 0 ? -units : units;
    let taken = TAKEN.LOST as number;
    while (taken === TAKEN.LOST) {
      const cell = cost < 0 ? this.#keys.find(low, high) : this.#keys.findOrMake(low, high);
      taken = cell === NONE ? this.#moveOverflow(aimed, low, signed) : aimed.move(cell, high, signed);
    }
    this.#tell(aimed);
  }

  #choose(limit: CompiledLimit, nowMs: number): BucketCell | WindowCell {
    const chosen = limit.isWindow ? this.#window : this.#bucket;
    chosen.limit = limit;
    chosen.nowMs = nowMs;
    chosen.delay = 0;
    this.#aim(chosen, nowMs);
    return chosen;
  }

  #aim(cell: BucketCell | WindowCell, nowMs: number): void {
    const at = nowMs / COARSE_MS;
    this.#coarse = at | 0;
    cell.at = at;
    cell.coarse = this.#coarse;
    this.#last = cell;
  }

  #tell(aimed: BucketCell | WindowCell): void {
    const one = aimed.limit.unitsPerToken;
    if (this.remaining > 0) this.waitMs = 0;
    else this.waitMs = aimed instanceof WindowCell ? aimed.waitMs(Math.ceil(one)) : aimed.waitMs(aimed.ahead + one);
  }

  #clear(): void {
    this.#bucket.ahead = 0;
    this.#window.clear();
  }

  #takeOverflow(aimed: BucketCell | WindowCell, low: number): number {
    Atomics.add(this.#control, KEY_CONTROL.WITHOUT_CELL, 1);
    this.#clear();
    const key = overflowKey(aimed.limit, low);
    const cell = this.#overflowCell(key);
    return cell === NONE ? TAKEN.REFUSED : aimed.take(cell, key);
  }

  #moveOverflow(aimed: BucketCell | WindowCell, low: number, units: number): number {
    this.#clear();
    const key = overflowKey(aimed.limit, low);
    const cell = this.#overflowCell(key);
    return cell === NONE ? TAKEN.REFUSED : aimed.move(cell, key, units);
  }

  /** Made by one swap of its key, and never given to another. */
  #overflowCell(key: number): number {
    for (let probe = 0; probe < OVERFLOW_PROBES; probe += 1) {
      const cell = this.#overflowAt + ((key + probe) & (OVERFLOW_CELLS - 1)) * LIMIT_CELL.WORDS;
      const found = Atomics.load(this.#cells, cell);
      if (found === key) return cell;
      if (found !== 0) continue;
      const before = Atomics.compareExchange(this.#cells, cell, 0, key);
      if (before === 0 || before === key) return cell;
    }
    return NONE;
  }

  /** Whatever is in STATE: FULL_AT is past. */
  #isIdle(cell: number): boolean {
    return ((this.#coarse - Atomics.load(this.#cells, cell + LIMIT_CELL.FULL_AT)) | 0) > 0;
  }

  #initialize(cell: number): void {
    Atomics.store(this.#cells, cell + LIMIT_CELL.FULL_AT, (this.#coarse + NEW_KEPT) | 0);
    Atomics.store(this.#cells, cell + LIMIT_CELL.PREVIOUS, 0);
  }
}

/** Not 0. */
function overflowKey(limit: CompiledLimit, low: number): number {
  const key = Math.imul(limit.salt ^ (low & (OVERFLOW_SETS - 1)), 0x9e3779b1);
  return key === 0 ? 1 : key ^ (key >>> 15);
}
