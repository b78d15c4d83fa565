import type { EntryTable } from './entry-table.ts';
import { RECORD } from './store-layout.ts';

/** A claim older than this may be taken over: its owner is alive but has forgotten it. */
export const MAX_CLAIM_MS = 60_000;

const OWNER = 0xff;
const SECONDS = 0x7fffff;

/**
 * The right to revalidate an entry, one on the whole host: a word in the record, 0 or its owner + 1 with the second of the
 * claim above it (23 bits, wraps after 97 days; an age is a difference).
 *
 * A claim belongs to one generation: whoever changes the generation or dooms the entry clears the word afterwards and wakes
 * the waiters; whoever sets it looks at the state word afterwards and takes it back if that has changed. Both go past each
 * other at most so that a claim of the next generation is cleared early: two revalidations, never none.
 */
export class Claims {
  readonly #table: EntryTable;
  readonly #records: Int32Array;
  readonly #self: number;

  constructor(table: EntryTable, self: number) {
    this.#table = table;
    this.#records = table.records;
    this.#self = self + 1;
  }

  /** `word`: the state word for which the claim is to hold. */
  take(entry: number, word: number, nowMs: number): boolean {
    const cell = this.#table.cellAt(entry, RECORD.CLAIM);
    const second = Math.floor(nowMs / 1000) & SECONDS;
    const found = Atomics.load(this.#records, cell);
    const ageSec = (second - (found >>> 8)) & SECONDS;
    // A second that lies ahead of the own one (up to half the range) is another thread's claim of this moment.
    if (found !== 0 && (ageSec <= MAX_CLAIM_MS / 1000 || ageSec > SECONDS / 2)) return false;
    const mine = (second << 8) | this.#self;
    if (Atomics.compareExchange(this.#records, cell, found, mine) !== found) return false;
    if (this.#table.word(entry) === word) return true;
    if (Atomics.compareExchange(this.#records, cell, mine, 0) === mine) Atomics.notify(this.#records, cell);
    return false;
  }

  /** Gives the own claim back if it still holds for this state word. */
  release(entry: number, word: number): void {
    if (this.#table.word(entry) === word) this.clearOf(entry, this.#self - 1);
  }

  /** Ends the claim of one participant, if it has it. */
  clearOf(entry: number, participant: number): boolean {
    const cell = this.#table.cellAt(entry, RECORD.CLAIM);
    const found = Atomics.load(this.#records, cell);
    if ((found & OWNER) !== participant + 1) return false;
    if (Atomics.compareExchange(this.#records, cell, found, 0) !== found) return false;
    Atomics.notify(this.#records, cell);
    return true;
  }

  /** Ends whatever claim there is. */
  clear(entry: number): void {
    const cell = this.#table.cellAt(entry, RECORD.CLAIM);
    if (Atomics.exchange(this.#records, cell, 0) !== 0) Atomics.notify(this.#records, cell);
  }

  /** Resolves when the claim has ended or changed hands, or after `timeoutMs`. Undefined when there is none. */
  wait(entry: number, timeoutMs: number): Promise<void> | undefined {
    const cell = this.#table.cellAt(entry, RECORD.CLAIM);
    const found = Atomics.load(this.#records, cell);
    if (found === 0) return undefined;
    const waiting = Atomics.waitAsync(this.#records, cell, found, timeoutMs);
    return waiting.async ? waiting.value.then(ignore) : undefined;
  }
}

function ignore(): void {}
