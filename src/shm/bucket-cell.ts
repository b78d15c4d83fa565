import { BLANK, isLive, STATE } from './key-cells.ts';
import { LimitCell, TAKEN } from './limit-cell.ts';
import { MAX_AHEAD, MAX_KEPT } from './rolling-limit.ts';

/**
 * A token bucket in one word (GCRA): the time at which the bucket will be full, in units of the limit, 32 bits, odd. It is *ahead* of
 * now by what has been taken and has not flowed back; a time that is past is a full bucket. A decision is one swap of the word.
 *
 * Invariants
 * - A charge adds its units to the later of the word and now, and is made only if that is no further ahead than the bucket is large.
 *   So between any two moments no more is admitted than the bucket and what flows in between, to one unit (less than 2^-26 of
 *   the bucket), in whatever order threads come and however late their clocks are: a late clock sees more ahead, and admits less. One
 *   so late that the word would look like a time past is noticed by FULL_AT (`catchUp`).
 * - A swap that fails is another thread's charge. Nobody waits for anybody.
 * - What is further ahead than 2^31 units is a time past.
 */
export class BucketCell extends LimitCell {
  /** After each call: units ahead of now. */
  ahead = 0;

  take(cell: number, key: number): number {
    const { cells, limit, units } = this;
    let now = this.#now();
    const most = Math.min(limit.capacity + this.delay, MAX_AHEAD);
    for (;;) {
      const state = Atomics.load(cells, cell + STATE);
      if (!isLive(state) || Atomics.load(cells, cell) !== key) return TAKEN.LOST;
      if (this.isStale(cell) && state !== BLANK) {
        this.blank(cell, state);
        continue;
      }
      if (this.isLate(cell)) {
        this.catchUp(cell, state);
        now = this.#now();
        continue;
      }
      this.ahead = state === BLANK ? 0 : aheadOf(state, now);
      const next = this.ahead + units;
      if (next > most) return TAKEN.REFUSED;
      this.keepUntil(cell, this.at + Math.min(next * limit.coarsePerUnit, MAX_KEPT));
      if (Atomics.compareExchange(cells, cell + STATE, state, (now + next) | 0) !== state) continue;
      this.ahead = next;
      return Atomics.load(cells, cell) === key ? TAKEN.ADMITTED : this.#undo(cell, state, units);
    }
  }

  /** Units forth (a charge, unconditional, up to the end of all debts) or back (less than 0). */
  move(cell: number, key: number, units: number): number {
    const { cells, limit } = this;
    let now = this.#now();
    for (;;) {
      const state = Atomics.load(cells, cell + STATE);
      if (!isLive(state) || Atomics.load(cells, cell) !== key) return TAKEN.LOST;
      if (this.isStale(cell) && state !== BLANK) {
        this.blank(cell, state);
        continue;
      }
      if (this.isLate(cell)) {
        this.catchUp(cell, state);
        now = this.#now();
        continue;
      }
      this.ahead = state === BLANK ? 0 : aheadOf(state, now);
      const next = Math.max(0, Math.min(this.ahead + units, Math.max(limit.maxAhead, this.ahead)));
      if (next === this.ahead) return TAKEN.ADMITTED;
      if (next > this.ahead) this.keepUntil(cell, this.at + Math.min(next * limit.coarsePerUnit, MAX_KEPT));
      if (Atomics.compareExchange(cells, cell + STATE, state, (now + next) | 0) !== state) continue;
      const moved = next - this.ahead;
      this.ahead = next;
      return Atomics.load(cells, cell) === key ? TAKEN.ADMITTED : this.#undo(cell, state, moved);
    }
  }

  look(cell: number): void {
    const state = Atomics.load(this.cells, cell + STATE);
    this.ahead = (state & 1) === 0 || this.isStale(cell) ? 0 : aheadOf(state, this.#now());
  }

  /** Whole tokens that are left. */
  remaining(): number {
    return Math.max(0, Math.floor((this.limit.capacity - this.ahead) / this.limit.unitsPerToken));
  }

  /** Until the bucket is full. */
  resetMs(): number {
    return this.ahead / this.limit.unitsPerMs;
  }

  /** Until what is `ahead` units ahead is no more than a full bucket ahead; a unit more, since clocks cut time. */
  waitMs(ahead: number): number {
    const tooMuch = ahead - this.limit.capacity;
    return tooMuch <= 0 ? 0 : (tooMuch + 2) / this.limit.unitsPerMs;
  }

  /**
   * The cell became another key's with the same word in it, between two steps of ours: it gets its word back (ours may be in other units).
   * If it was charged on top of ours it gets back what we have taken.
   */
  #undo(cell: number, before: number, units: number): number {
    const { cells } = this;
    const ours = (this.#now() + this.ahead) | 0;
    let state = Atomics.compareExchange(cells, cell + STATE, ours, before);
    while (state !== ours && (state & 1) !== 0) {
      const found = Atomics.compareExchange(cells, cell + STATE, state, (state - units) | 0);
      if (found === state) break;
      state = found;
    }
    return TAKEN.LOST;
  }

  /** Now in units, cut to 32 bits and to the last odd one. */
  #now(): number {
    return ((((this.nowMs * this.limit.unitsPerMs) | 0) + 1) & ~1) - 1;
  }
}

function aheadOf(state: number, now: number): number {
  return Math.max(0, (state - now) | 0);
}
