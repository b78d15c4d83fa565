import { floatAt, wordAt } from '../base/elements.ts';
import { ARENA_STATE, GRANULE_WORDS, MAX_BLOCK_GRANULES, type StoreMemory, TOTALS } from './store-layout.ts';

const FREE_SIZE = 0;
const FREE_NEXT = 1;
const FREE_BEFORE = 2;
const FOOTER = GRANULE_WORDS - 1;
const NONE = -1;

/**
 * The allocator: boundary tags and segregated free lists (after TLSF, Masmano and others 2004). Everything is O(1), free
 * neighbours become one block at once.
 *
 * Where its state lives
 * - A free block holds its size in its first and in its last word of memory, and its list's links (+ 1) behind the first.
 * - `usedGranules`: a bit for the first and the last granule of each used block is 1, of each free block 0; the bits between
 *   mean nothing.
 * - `arenaState`: for each class of sizes the list's head (+ 1), and two levels of bits that find a non-empty class.
 *
 * Invariants
 * - Only touched under the store's lock, so all access is plain.
 * - Two free blocks never touch. Every granule is in one free block or in one block that an entry owns.
 * - All of it is derived: `rebuild` makes it anew from the blocks that entries own. So a thread may die anywhere in here.
 * - It writes to free memory only. Readers that still look at freed bytes find out by the entry's generation, which has
 *   changed before the block came here.
 */
export class Arena {
  readonly granules: number;
  readonly #words: Int32Array;
  readonly #used: Int32Array;
  readonly #state: Int32Array;
  readonly #totals: Float64Array;
  /** How large the block is that `take` found. */
  taken = 0;

  constructor(store: StoreMemory) {
    this.granules = store.granules;
    this.#words = store.words;
    this.#used = store.usedGranules;
    this.#state = store.arenaState;
    this.#totals = store.totals;
  }

  get freeGranules(): number {
    return floatAt(this.#totals, TOTALS.FREE_GRANULES);
  }

  /** A contiguous block of `size` granules (1..`MAX_BLOCK_GRANULES`); -1 when there is none so large. */
  take(size: number): number {
    const block = this.#find(size);
    if (block !== NONE) this.#cut(block, size);
    return block;
  }

  /** The largest block there is, but no more than `maxSize` of it; `taken` says how much. -1 when nothing is free. */
  takeLargest(maxSize: number): number {
    const block = this.#largest();
    if (block !== NONE) this.#cut(block, Math.min(this.#sizeOf(block), maxSize));
    return block;
  }

  /** Gives the end of a used block back: of its `size` granules the first `kept` (at least 1) stay. */
  shorten(block: number, size: number, kept: number): void {
    // What was in the middle of the block is its end now.
    this.#markUsed(block, block + kept - 1);
    this.give(block + kept, size - kept);
  }

  /** Gives a whole block back. */
  give(block: number, size: number): void {
    let from = block;
    let total = size;
    const after = block + size;
    if (after < this.granules && !this.#isUsed(after)) {
      total += this.#sizeOf(after);
      this.#unlist(after);
    }
    if (block > 0 && !this.#isUsed(block - 1)) {
      const before = wordAt(this.#words, (block - 1) * GRANULE_WORDS + FOOTER);
      from -= before;
      total += before;
      this.#unlist(from);
    }
    this.#list(from, total);
    this.#totals[TOTALS.FREE_GRANULES] = this.freeGranules + size;
  }

  /** Size of the largest free block, in granules. Looks at no more than 64 blocks of the highest class. */
  largestFree(): number {
    let largest = 0;
    let block = this.#largest();
    for (let looked = 0; block !== NONE && looked < 64; looked += 1) {
      largest = Math.max(largest, this.#sizeOf(block));
      block = wordAt(this.#words, block * GRANULE_WORDS + FREE_NEXT) - 1;
    }
    return largest;
  }

  /** Makes everything free but `blocks`, given as `[start, size]` pairs, each `start * 2048 + size`, sorted. */
  rebuild(blocks: Float64Array): void {
    this.#state.fill(0);
    this.#totals[TOTALS.FREE_GRANULES] = 0;
    let end = 0;
    for (const packed of blocks) {
      const start = Math.floor(packed / PACK);
      const size = packed % PACK;
      if (start > end) this.#release(end, start - end);
      this.#markUsed(start, start + size - 1);
      end = Math.max(end, start + size);
    }
    if (end < this.granules) this.#release(end, this.granules - end);
  }

  /** Each free block, for tests. */
  forEachFree(visit: (block: number, size: number) => void): void {
    for (let sizeClass = 0; sizeClass < ARENA_STATE.CELLS - ARENA_STATE.HEADS; sizeClass += 1) {
      let block = this.#head(sizeClass);
      for (let steps = 0; block !== NONE && steps < this.granules; steps += 1) {
        visit(block, this.#sizeOf(block));
        block = wordAt(this.#words, block * GRANULE_WORDS + FREE_NEXT) - 1;
      }
    }
  }

  #release(block: number, size: number): void {
    this.#list(block, size);
    this.#totals[TOTALS.FREE_GRANULES] = this.freeGranules + size;
  }

  /** Good fit: the head of the first list in which every block is large enough; failing that, the head of the list it would be in itself. */
  #find(size: number): number {
    const found = this.#firstFrom(classOf(roundUp(size)));
    if (found !== NONE) return found;
    const near = this.#head(classOf(size));
    return near !== NONE && this.#sizeOf(near) >= size ? near : NONE;
  }

  #firstFrom(sizeClass: number): number {
    const row = sizeClass >>> 4;
    const inRow = wordAt(this.#state, ARENA_STATE.ROWS + row) & (-1 << (sizeClass & 15));
    if (inRow !== 0) return this.#head(row * 16 + lowestBit(inRow));
    const rows = wordAt(this.#state, ARENA_STATE.SUMMARY) & (-2 << row);
    if (rows === 0) return NONE;
    const higher = lowestBit(rows);
    return this.#head(higher * 16 + lowestBit(wordAt(this.#state, ARENA_STATE.ROWS + higher)));
  }

  #largest(): number {
    const rows = wordAt(this.#state, ARENA_STATE.SUMMARY);
    if (rows === 0) return NONE;
    const row = 31 - Math.clz32(rows);
    return this.#head(row * 16 + 31 - Math.clz32(wordAt(this.#state, ARENA_STATE.ROWS + row)));
  }

  /** Takes the first `size` granules of a free block and lists the rest again. */
  #cut(block: number, size: number): void {
    const whole = this.#sizeOf(block);
    this.#unlist(block);
    if (whole > size) this.#list(block + size, whole - size);
    this.#markUsed(block, block + size - 1);
    this.#totals[TOTALS.FREE_GRANULES] = this.freeGranules - size;
    this.taken = size;
  }

  #list(block: number, size: number): void {
    const at = block * GRANULE_WORDS;
    const sizeClass = classOf(size);
    const next = this.#head(sizeClass);
    this.#words[at + FREE_SIZE] = size;
    this.#words[(block + size - 1) * GRANULE_WORDS + FOOTER] = size;
    this.#words[at + FREE_NEXT] = next + 1;
    this.#words[at + FREE_BEFORE] = 0;
    if (next !== NONE) this.#words[next * GRANULE_WORDS + FREE_BEFORE] = block + 1;
    this.#setHead(sizeClass, block);
    this.#markFree(block, block + size - 1);
  }

  #unlist(block: number): void {
    const at = block * GRANULE_WORDS;
    const next = wordAt(this.#words, at + FREE_NEXT) - 1;
    const before = wordAt(this.#words, at + FREE_BEFORE) - 1;
    if (next !== NONE) this.#words[next * GRANULE_WORDS + FREE_BEFORE] = before + 1;
    if (before !== NONE) this.#words[before * GRANULE_WORDS + FREE_NEXT] = next + 1;
    else this.#setHead(classOf(this.#sizeOf(block)), next);
  }

  #head(sizeClass: number): number {
    return wordAt(this.#state, ARENA_STATE.HEADS + sizeClass) - 1;
  }

  #setHead(sizeClass: number, block: number): void {
    const row = sizeClass >>> 4;
    const bit = 1 << (sizeClass & 15);
    const before = wordAt(this.#state, ARENA_STATE.ROWS + row);
    const after = block === NONE ? before & ~bit : before | bit;
    const rows = wordAt(this.#state, ARENA_STATE.SUMMARY);
    this.#state[ARENA_STATE.HEADS + sizeClass] = block + 1;
    this.#state[ARENA_STATE.ROWS + row] = after;
    this.#state[ARENA_STATE.SUMMARY] = after === 0 ? rows & ~(1 << row) : rows | (1 << row);
  }

  #sizeOf(freeBlock: number): number {
    return wordAt(this.#words, freeBlock * GRANULE_WORDS + FREE_SIZE);
  }

  #isUsed(granule: number): boolean {
    return ((wordAt(this.#used, granule >>> 5) >>> (granule & 31)) & 1) === 1;
  }

  #markUsed(first: number, last: number): void {
    this.#used[first >>> 5] = wordAt(this.#used, first >>> 5) | (1 << (first & 31));
    this.#used[last >>> 5] = wordAt(this.#used, last >>> 5) | (1 << (last & 31));
  }

  #markFree(first: number, last: number): void {
    this.#used[first >>> 5] = wordAt(this.#used, first >>> 5) & ~(1 << (first & 31));
    this.#used[last >>> 5] = wordAt(this.#used, last >>> 5) & ~(1 << (last & 31));
  }
}

const PACK = 2 * MAX_BLOCK_GRANULES;

/** A block as one number that sorts by place; see `Arena.rebuild`. */
export function packBlock(start: number, size: number): number {
  return start * PACK + size;
}

/** 0..15 exactly, then 16 classes for each power of two. */
function classOf(size: number): number {
  if (size < 16) return size;
  const power = 31 - Math.clz32(size);
  return (power - 3) * 16 + ((size >>> (power - 4)) & 15);
}

/** The least size of the first class in which every block holds `size`. */
function roundUp(size: number): number {
  return size < 16 ? size : size + (1 << (27 - Math.clz32(size))) - 1;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
