import { realAtomics } from '../harness/steps.ts';

/** What the hammering threads tell each other, apart from the store: plain counts, one block of cells for each participant. */
export const TALLY = Object.freeze({
  OPERATIONS: 0,
  READS: 1,
  HITS: 2,
  FILLS: 3,
  PINS: 4,
  DROPS: 5,
  UPDATES: 6,
  CLAIMS: 7,
  REFUSED: 8,
});
const CELLS = 16;
/** Cells of the coordinator, before the participants' blocks. */
const STOP = 0;
const PAUSE = 1;
const IDLE = 15;

export class Tally {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(participants: number, memory: SharedArrayBuffer = new SharedArrayBuffer((participants + 1) * CELLS * 4)) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get isStopped(): boolean {
    return realAtomics.load(this.#cells, STOP) !== 0;
  }

  stop(): void {
    realAtomics.store(this.#cells, STOP, 1);
  }

  /** From now on a participant that has ended its operation waits. */
  pause(): void {
    realAtomics.store(this.#cells, PAUSE, 1);
  }

  resume(): void {
    realAtomics.store(this.#cells, PAUSE, 0);
    realAtomics.notify(this.#cells, PAUSE);
  }

  /** Called between two operations. */
  waitWhilePaused(who: number): void {
    if (realAtomics.load(this.#cells, PAUSE) === 0) return;
    this.setIdle(who, true);
    realAtomics.wait(this.#cells, PAUSE, 1);
    this.setIdle(who, false);
  }

  /** Idle: it does nothing until it is told to. */
  setIdle(who: number, isIdle: boolean): void {
    realAtomics.store(this.#cells, (who + 1) * CELLS + IDLE, isIdle ? 1 : 0);
  }

  isIdle(who: number): boolean {
    return realAtomics.load(this.#cells, (who + 1) * CELLS + IDLE) !== 0;
  }

  count(who: number, what: number): void {
    const cell = (who + 1) * CELLS + what;
    this.#cells[cell] = (this.#cells[cell] ?? 0) + 1;
  }

  of(who: number, what: number): number {
    return this.#cells[(who + 1) * CELLS + what] ?? 0;
  }

  sum(what: number): number {
    let total = 0;
    for (let at = CELLS + what; at < this.#cells.length; at += CELLS) total += this.#cells[at] ?? 0;
    return total;
  }
}

/** A small repeatable generator (xorshift). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  }

  /** A whole number, 0 to `below` - 1. */
  roll(below: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % below;
  }

  /** Small ones often, large ones rarely: as many between 1 and 10 as between 10 and 100. */
  size(max: number): number {
    return Math.floor(max ** (this.roll(10_000) / 10_000)) - 1;
  }
}
