import { BLANK, isLive, STATE } from './key-cells.ts';
import { LimitCell, TAKEN } from './limit-cell.ts';
import { LIMIT_CELL } from './limit-memory.ts';
import { COARSE_MS } from './rolling-limit.ts';

const { PREVIOUS } = LIMIT_CELL;
const TAG_SHIFT = 27;
const TAG_MASK = 0x1f;
const COUNT_MASK = 0x3ff_ffff;

/**
 * A sliding window in two words: what was counted in this window of the clock (STATE) and in the one before (PREVIOUS). The count that a
 * decision goes by is that of this window, and of the one before as much as a window that ends now still covers.
 *
 * Both words: bit 0 is set, 26 bits of count, 5 bits of the window's number.
 *
 * Invariants
 * - Before STATE goes on to a later window, PREVIOUS holds, for the window just before that one, no less than STATE has counted in it: a
 *   swap of STATE from a count succeeds only while that is still the count, and PREVIOUS of one window is only raised.
 * - Who sees that PREVIOUS is of STATE's window or of a later one knows that time has gone on: it decides as of the window after that.
 * - So no window of the clock ever admits more than its amount, and no decision forgets a count that it should have seen.
 * - A clock so late that windows would look like later ones is noticed by FULL_AT (`catchUp`).
 * - What is older than FULL_AT says nothing (`LimitCell`), long before a window's number comes again.
 */
export class WindowCell extends LimitCell {
  /** After each call: the counts, and how much of this window is over (0..1). */
  current = 0;
  before = 0;
  passed = 0;
  #tag = 0;
  #fullMs = 0;

  take(cell: number, key: number): number {
    for (;;) {
      const state = Atomics.load(this.cells, cell + STATE);
      if (!isLive(state) || Atomics.load(this.cells, cell) !== key) return TAKEN.LOST;
      if (!this.#read(cell, state)) continue;
      if (this.counted() + this.units > this.limit.capacity) return TAKEN.REFUSED;
      if (!this.#swap(cell, state, this.current + this.units)) continue;
      return Atomics.load(this.cells, cell) === key ? TAKEN.ADMITTED : this.#undo(cell, state, this.units);
    }
  }

  /** Units forth, up to twice the amount, or back (less than 0), in this window. */
  move(cell: number, key: number, units: number): number {
    for (;;) {
      const state = Atomics.load(this.cells, cell + STATE);
      if (!isLive(state) || Atomics.load(this.cells, cell) !== key) return TAKEN.LOST;
      if (!this.#read(cell, state)) continue;
      const next = Math.max(0, Math.min(this.current + units, Math.max(this.limit.maxAhead, this.current)));
      const moved = next - this.current;
      if (moved === 0) return TAKEN.ADMITTED;
      if (!this.#swap(cell, state, next)) continue;
      return Atomics.load(this.cells, cell) === key ? TAKEN.ADMITTED : this.#undo(cell, state, moved);
    }
  }

  /** Goes on to this window, but counts nothing. */
  look(cell: number): void {
    for (;;) {
      const state = Atomics.load(this.cells, cell + STATE);
      if ((state & 1) !== 0 && !this.isStale(cell)) {
        if (this.#read(cell, state)) return;
        continue;
      }
      this.clear();
      return;
    }
  }

  clear(): void {
    this.current = 0;
    this.before = 0;
  }

  counted(): number {
    return this.current + this.before * (1 - this.passed);
  }

  remaining(): number {
    return Math.max(0, Math.floor((this.limit.capacity - this.counted()) / this.limit.unitsPerToken));
  }

  /** Until nothing that was counted counts any more. */
  resetMs(): number {
    const windows = this.current > 0 ? 2 : this.before > 0 ? 1 : 0;
    return windows === 0 ? 0 : (windows - this.passed) * this.limit.windowMs;
  }

  /** Until so many units pass; they are more than pass now. */
  waitMs(units: number): number {
    const { capacity, windowMs } = this.limit;
    const room = capacity - units;
    if (room < 0) return this.resetMs();
    const here = room - this.current;
    // In this window if its own count leaves room, else in the next, when this one is the one before.
    const windows = here >= 0 ? 1 - here / this.before : 2 - room / this.current;
    return (windows - this.passed) * windowMs + 0.001;
  }

  /** Sets the counts as of now, so that STATE may be swapped. False: another thread was quicker, look again. */
  #read(cell: number, state: number): boolean {
    const { cells, limit } = this;
    if (state !== BLANK && this.isStale(cell)) {
      this.blank(cell, state);
      return false;
    }
    if (this.isLate(cell)) {
      this.catchUp(cell, state);
      return false;
    }
    const windows = this.nowMs / limit.windowMs;
    const number = Math.floor(windows);
    const previous = Atomics.load(cells, cell + PREVIOUS);
    if (state === BLANK) return this.#begin(cell, previous, windows);
    const tag = state >>> TAG_SHIFT;
    const lag = between(tag, number & TAG_MASK);
    const steps = Math.max(lag, 0, between(tag, previous >>> TAG_SHIFT) + 1);
    this.passed = steps === lag ? windows - number : 0;
    this.#tag = (tag + steps) & TAG_MASK;
    this.#fullMs = (number + (steps - lag) + 2) * limit.windowMs;
    this.current = steps === 0 ? countIn(state) : 0;
    return this.#settle(cell, previous, steps === 1 ? countIn(state) : 0);
  }

  /** Nothing is known, so nothing was counted in the window before either. */
  #begin(cell: number, previous: number, windows: number): boolean {
    const number = Math.floor(windows);
    const nothing = pack((number - 1) & TAG_MASK, 0);
    if (previous !== nothing) {
      // As it was read with STATE still blank, nobody has counted on it.
      if (Atomics.load(this.cells, cell + STATE) === BLANK) {
        Atomics.compareExchange(this.cells, cell + PREVIOUS, previous, nothing);
      }
      return false;
    }
    this.passed = windows - number;
    this.#tag = number & TAG_MASK;
    this.#fullMs = (number + 2) * this.limit.windowMs;
    this.clear();
    return true;
  }

  /** PREVIOUS is of the window before, and no less than `least`. */
  #settle(cell: number, previous: number, least: number): boolean {
    const tag = (this.#tag - 1) & TAG_MASK;
    if (previous >>> TAG_SHIFT === tag && countIn(previous) >= least) {
      this.before = countIn(previous);
      return true;
    }
    this.before = least;
    return Atomics.compareExchange(this.cells, cell + PREVIOUS, previous, pack(tag, least)) === previous;
  }

  #swap(cell: number, state: number, count: number): boolean {
    this.keepUntil(cell, this.#fullMs / COARSE_MS);
    if (Atomics.compareExchange(this.cells, cell + STATE, state, pack(this.#tag, count)) !== state) return false;
    this.current = count;
    return true;
  }

  /** As in a bucket: the cell became another key's with the same word in it. */
  #undo(cell: number, before: number, units: number): number {
    const { cells } = this;
    const ours = pack(this.#tag, this.current);
    let state = Atomics.compareExchange(cells, cell + STATE, ours, before);
    while (state !== ours && (state & 1) !== 0) {
      const less = pack(state >>> TAG_SHIFT, Math.max(0, countIn(state) - units));
      const found = Atomics.compareExchange(cells, cell + STATE, state, less);
      if (found === state) break;
      state = found;
    }
    return TAKEN.LOST;
  }
}

function pack(tag: number, count: number): number {
  return (tag << TAG_SHIFT) | (count << 1) | 1;
}

function countIn(word: number): number {
  return (word >>> 1) & COUNT_MASK;
}

/** How many windows `to` is later than `from`, -16..15. */
function between(from: number, to: number): number {
  return ((to - from) << TAG_SHIFT) >> TAG_SHIFT;
}
