import { floatAt, wordAt } from '../base/elements.ts';
import { BLOCK } from './blocks.ts';
import { GRANULE_WORDS, MAX_BLOCK_GRANULES, RECORD, RECORD_WORDS, type StoreMemory } from './store-layout.ts';

/**
 * States of an entry, the low two bits of its state word; the rest is the generation (30 bits, wraps).
 *
 * ```
 * FREE g ──begin──▶ FILLING g ──publish──▶ LIVE g ──update──▶ LIVE g+1
 *   ▲                  │ abort, death        │ doom, evict, replace (compare-and-swap: one wins)
 *   └──── FREE g+1 ◀── DOOMED g ◀────────────┘
 *          under the lock, once no pin is left
 * ```
 * - FREE → FILLING → LIVE and DOOMED → FREE happen under the lock; FILLING → DOOMED is the owner's (or its recoverer's);
 *   LIVE → anything is a compare-and-swap of the whole word, by anybody.
 * - The word changes before any byte of what it described is reused. So whoever read bytes and then finds the word as it was has
 *   read the bytes of that generation.
 */
export const STATE = Object.freeze({ FREE: 0, FILLING: 1, LIVE: 2, DOOMED: 3 });
const STATE_BITS = 3;

/** How far the filling of an entry is: no head yet, readable as it grows, whole (before it is LIVE, and if that fails). */
export const STAGE = Object.freeze({ HEADLESS: 0, GROWING: 1, WHOLE: 2 });

export function stateOf(word: number): number {
  return word & STATE_BITS;
}

export function generationOf(word: number): number {
  return word >>> 2;
}

/** The word of the same generation in another state. */
export function withState(word: number, state: number): number {
  return (word & ~STATE_BITS) | state;
}

/** The word of the next generation. */
export function nextGeneration(word: number, state: number): number {
  return ((word & ~STATE_BITS) + STATE_BITS + 1) | state | 0;
}

/** Where the record's cell with the head block of this generation is. */
export function headCell(word: number): number {
  return (generationOf(word) & 1) === 0 ? RECORD.HEAD_EVEN : RECORD.HEAD_ODD;
}

/**
 * The records of a store: what is true of each entry. Everything else (index, queues, arena, totals) can be made anew from them.
 * The cells and who writes them: `RECORD` in store-layout.ts.
 */
export class EntryTable {
  readonly records: Int32Array;
  readonly #uselessAfter: Float64Array;
  readonly #words: Int32Array;
  readonly #granules: number;
  readonly #pinWords: number;

  constructor(store: StoreMemory) {
    this.records = store.records;
    this.#uselessAfter = store.recordNumbers;
    this.#words = store.words;
    this.#granules = store.granules;
    this.#pinWords = Math.ceil(store.participants / 32);
  }

  /** The state word. One atomic load. */
  word(entry: number): number {
    return Atomics.load(this.records, entry * RECORD_WORDS + RECORD.STATE);
  }

  setWord(entry: number, word: number): void {
    Atomics.store(this.records, entry * RECORD_WORDS + RECORD.STATE, word);
  }

  /** Changes the state word if it still is `from`. */
  swapWord(entry: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.records, entry * RECORD_WORDS + RECORD.STATE, from, to) === from;
  }

  /** Where a cell is in `records`, for atomic access. */
  cellAt(entry: number, cell: number): number {
    return entry * RECORD_WORDS + cell;
  }

  get(entry: number, cell: number): number {
    return wordAt(this.records, entry * RECORD_WORDS + cell);
  }

  set(entry: number, cell: number, value: number): void {
    this.records[entry * RECORD_WORDS + cell] = value;
  }

  hasPins(entry: number): boolean {
    const at = entry * RECORD_WORDS + RECORD.PINS;
    for (let word = 0; word < this.#pinWords; word += 1) if (Atomics.load(this.records, at + word) !== 0) return true;
    return false;
  }

  /** Host ms; 0 or Infinity: never. */
  uselessAfter(entry: number): number {
    return floatAt(this.#uselessAfter, (entry * RECORD_WORDS + RECORD.USELESS_AFTER) / 2);
  }

  setUselessAfter(entry: number, hostMs: number): void {
    this.#uselessAfter[(entry * RECORD_WORDS + RECORD.USELESS_AFTER) / 2] = hostMs;
  }

  isUseless(entry: number, hostMs: number): boolean {
    const afterMs = this.uselessAfter(entry);
    return afterMs > 0 && afterMs < hostMs;
  }

  /** Calls `visit` for each block that the entry owns, as of the state word `word`. False when the chain makes no sense. */
  forEachBlock(entry: number, word: number, visit: (block: number, granules: number) => void): boolean {
    const first = this.get(entry, RECORD.FIRST);
    const head = this.get(entry, headCell(word));
    let block = first;
    for (let steps = 0; steps <= this.#granules; steps += 1) {
      const granules = this.blockGranules(block);
      if (granules === 0) return false;
      const next = this.nextBlock(block);
      visit(block, granules);
      if (next !== -1) {
        block = next;
        continue;
      }
      if (head === first) return true;
      const headGranules = this.blockGranules(head);
      if (headGranules !== 0) visit(head, headGranules);
      return headGranules !== 0;
    }
    return false;
  }

  /** How long an owned block is by its own header; 0 when that cannot be. */
  blockGranules(block: number): number {
    if (block < 0 || block >= this.#granules) return 0;
    const granules = wordAt(this.#words, block * GRANULE_WORDS + BLOCK.GRANULES);
    return granules > 0 && granules <= MAX_BLOCK_GRANULES && block + granules <= this.#granules ? granules : 0;
  }

  /** The next block of the chain; -1 at its end. */
  nextBlock(block: number): number {
    return Atomics.load(this.#words, block * GRANULE_WORDS + BLOCK.NEXT) - 1;
  }
}
