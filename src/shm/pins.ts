import { wordAt } from '../base/elements.ts';
import { type EntryTable, STATE, stateOf } from './entry-table.ts';
import type { ReleasedSet } from './released-set.ts';
import { RECORD } from './store-layout.ts';

/**
 * Pins keep the bytes of an entry where they are. In the record each participant has one bit; how often it has pinned an
 * entry it counts for itself.
 *
 * - To pin: set the bit, then look at the state word; take the bit back when the entry has gone.
 * - To free: change the state word, then look at the bits. So at least one side sees the other.
 * - To unpin for the last time: clear the bit, then look at the state word; a doomed entry goes into the released set. To find
 *   an entry pinned: change the state word first. So a doomed entry without pins is always seen by one of the two.
 * - A bit may stand for a moment on an entry that has become another object: that only delays its going.
 */
export class Pins {
  readonly #table: EntryTable;
  readonly #released: ReleasedSet;
  readonly #counts: Int32Array;
  readonly #word: number;
  readonly #bit: number;

  constructor(table: EntryTable, released: ReleasedSet, self: number, maxEntries: number) {
    this.#table = table;
    this.#released = released;
    this.#counts = new Int32Array(maxEntries);
    this.#word = RECORD.PINS + (self >>> 5);
    this.#bit = 1 << (self & 31);
  }

  /** Pins if the state word is `word`. */
  pin(entry: number, word: number): boolean {
    const count = wordAt(this.#counts, entry);
    if (count > 0) {
      if (this.#table.word(entry) !== word) return false;
      this.#counts[entry] = count + 1;
      return true;
    }
    Atomics.or(this.#table.records, this.#table.cellAt(entry, this.#word), this.#bit);
    if (this.#table.word(entry) === word) {
      this.#counts[entry] = 1;
      return true;
    }
    this.#clear(entry, this.#word, this.#bit);
    return false;
  }

  /** This participant pins it. */
  holds(entry: number): boolean {
    return wordAt(this.#counts, entry) > 0;
  }

  unpin(entry: number): void {
    const count = wordAt(this.#counts, entry);
    if (count === 0) return;
    this.#counts[entry] = count - 1;
    if (count === 1) this.#clear(entry, this.#word, this.#bit);
  }

  /** Takes away what a dead participant has pinned. True when it had. */
  clearOf(entry: number, dead: number): boolean {
    const word = RECORD.PINS + (dead >>> 5);
    const bit = 1 << (dead & 31);
    if ((Atomics.load(this.#table.records, this.#table.cellAt(entry, word)) & bit) === 0) return false;
    this.#clear(entry, word, bit);
    return true;
  }

  #clear(entry: number, word: number, bit: number): void {
    Atomics.and(this.#table.records, this.#table.cellAt(entry, word), ~bit);
    if (stateOf(this.#table.word(entry)) === STATE.DOOMED) this.#released.add(entry);
  }
}
