import { realAtomics } from './steps.ts';
import type { BoardCells } from './steps-board-cells.ts';
import {
  MAX_PARTICIPANTS,
  MAX_DECISIONS,
  COUNT,
  PREFIX,
  DECISIONS,
  PREVIOUS,
  RANDOM,
  MAY_TIME_OUT,
  NOW_MS,
  STATE,
  AFTER,
  WAIT_BUFFER,
  WAIT_BYTE,
  WAIT_MODE,
  WAIT_ORDER,
  SPIN_BUFFER,
  SPIN_BYTE,
  SPIN_VALUE,
  STATES,
  WAITS,
  DECISIONS_AT,
  PREFIX_AT,
} from './steps-board-layout.ts';

/** Who takes the next step: as the prefix says, else at random, else whoever took the last one. */
export class StepChoice {
  readonly #parts: BoardCells;
  readonly #cells: Int32Array;

  constructor(parts: BoardCells) {
    this.#parts = parts;
    this.#cells = parts.cells;
  }

  /** Chooses who takes the next step and notes the choice. -1: all have ended. -2: nobody can ever go on. */
  choose(): number {
    const mask = this.#enabled();
    if (mask === 0) return this.#allEnded() ? -1 : this.#lastResort();
    const previous = this.#cells[PREVIOUS] ?? -1;
    const chosen = (mask & (mask - 1)) === 0 ? 31 - Math.clz32(mask) : this.#decide(mask, previous);
    this.#cells[PREVIOUS] = chosen;
    return chosen;
  }

  #decide(mask: number, previous: number): number {
    const at = this.#cells[DECISIONS] ?? 0;
    const first = 31 - Math.clz32(mask & -mask);
    let chosen = previous >= 0 && (mask & (1 << previous)) !== 0 ? previous : first;
    if (at < (this.#cells[PREFIX] ?? 0)) chosen = this.#cells[PREFIX_AT + at] ?? 0;
    else if (this.#cells[RANDOM] !== 0) chosen = this.#atRandom(mask, chosen);
    if (at < MAX_DECISIONS) this.#cells[DECISIONS_AT + at] = (chosen << 16) | ((previous + 1) << 8) | mask;
    this.#cells[DECISIONS] = at + 1;
    return chosen;
  }

  /** Mostly goes on with the same one: orders with few changes find more than a coin for each step. */
  #atRandom(mask: number, usual: number): number {
    if (this.#random() % 4 !== 0) return usual;
    const choices = Array.from({ length: MAX_PARTICIPANTS }, (_, who) => who).filter((who) => (mask & (1 << who)) !== 0);
    return choices[this.#random() % choices.length] ?? usual;
  }

  #random(): number {
    let x = this.#cells[RANDOM] ?? 1;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#cells[RANDOM] = x;
    return x >>> 1;
  }

  #enabled(): number {
    let mask = 0;
    for (let who = 0; who < (this.#cells[COUNT] ?? 0); who += 1) if (this.#isEnabled(who)) mask |= 1 << who;
    return mask;
  }

  #isEnabled(who: number): boolean {
    const state = this.#parts.get(who, STATE);
    if (state === STATES.waitingToBegin) return this.#hasPredecessorsEnded(who);
    if (state === STATES.waiting) {
      const mode = this.#parts.get(who, WAIT_MODE);
      return mode === WAITS.notified || (mode === WAITS.bounded && this.#cells[MAY_TIME_OUT] === 1);
    }
    if (state !== STATES.ready) return false;
    const buffer = this.#parts.get(who, SPIN_BUFFER);
    return (
      buffer < 0 || realAtomics.load(this.#parts.wordsOf(buffer), this.#parts.get(who, SPIN_BYTE) >> 2) !== this.#parts.get(who, SPIN_VALUE)
    );
  }

  #hasPredecessorsEnded(who: number): boolean {
    const after = this.#parts.get(who, AFTER);
    for (let other = 0; other < MAX_PARTICIPANTS; other += 1) {
      if ((after & (1 << other)) !== 0 && !this.#hasEnded(other)) return false;
    }
    return true;
  }

  #hasEnded(who: number): boolean {
    const state = this.#parts.get(who, STATE);
    return state === STATES.done || state === STATES.killed;
  }

  #allEnded(): boolean {
    for (let who = 0; who < (this.#cells[COUNT] ?? 0); who += 1) if (!this.#hasEnded(who)) return false;
    return true;
  }

  /** Nobody can go on by itself: somebody who spins goes on spinning, or the longest bounded wait times out. */
  #lastResort(): number {
    let found = -2;
    for (let who = 0; who < (this.#cells[COUNT] ?? 0); who += 1) {
      const state = this.#parts.get(who, STATE);
      if (state === STATES.waiting && this.#parts.get(who, WAIT_MODE) === WAITS.bounded && this.#isEarlier(who, found)) found = who;
    }
    for (let who = 0; found < 0 && who < (this.#cells[COUNT] ?? 0); who += 1) {
      if (this.#parts.get(who, STATE) !== STATES.ready) continue;
      this.#cells[NOW_MS] = (this.#cells[NOW_MS] ?? 0) + 1;
      found = who;
    }
    if (found >= 0) this.#cells[PREVIOUS] = found;
    return found;
  }

  #isEarlier(who: number, than: number): boolean {
    return than < 0 || this.#parts.get(who, WAIT_ORDER) < this.#parts.get(than, WAIT_ORDER);
  }

  /** Who has waited there the longest; -1 = nobody. */
  firstWaiter(buffer: number, byte: number): number {
    let found = -1;
    for (let who = 0; who < (this.#cells[COUNT] ?? 0); who += 1) {
      const mode = this.#parts.get(who, WAIT_MODE);
      if (mode !== WAITS.bounded && mode !== WAITS.forever) continue;
      if (this.#parts.get(who, WAIT_BUFFER) !== buffer || this.#parts.get(who, WAIT_BYTE) !== byte || this.#hasEnded(who)) continue;
      if (this.#isEarlier(who, found)) found = who;
    }
    return found;
  }
}
