import { wordAt } from '../base/elements.ts';
import { BLOCK } from './blocks.ts';
import type { EntryTable } from './entry-table.ts';
import { GRANULE_BYTES, GRANULE_WORDS, RECORD, type StoreMemory } from './store-layout.ts';

/**
 * A place in the body of a pinned entry. Goes forward over the chain of blocks without keeping views of what it has passed, so a
 * reader of a large object holds no more than what it is sending.
 */
export class BodyCursor {
  readonly #memory: StoreMemory;
  readonly #table: EntryTable;
  #block: number;
  /** Bytes of the block that it has passed. */
  #passed = 0;
  #position = 0;

  constructor(source: { readonly memory: StoreMemory; readonly table: EntryTable }, entry: number) {
    this.#memory = source.memory;
    this.#table = source.table;
    this.#block = source.table.get(entry, RECORD.FIRST);
  }

  /** Bytes of the body that it has passed. */
  get position(): number {
    return this.#position;
  }

  /**
   * The next contiguous bytes, a view over shared memory: at most `maxBytes`, none behind `length` (the published length). Undefined:
   * there are none now.
   */
  next(length: number, maxBytes: number): Buffer | undefined {
    const count = Math.min(this.#contiguous(length), maxBytes);
    if (count <= 0) return undefined;
    const bodyAt = wordAt(this.#memory.words, this.#block * GRANULE_WORDS + BLOCK.BODY_AT);
    const from = this.#block * GRANULE_BYTES + bodyAt + this.#passed;
    this.#advance(count);
    return this.#memory.bytes.subarray(from, from + count);
  }

  /** Passes `bytes` bytes, or all up to `length`. Returns how many. */
  skip(length: number, bytes: number): number {
    let left = bytes;
    while (left > 0) {
      const count = Math.min(this.#contiguous(length), left);
      if (count <= 0) break;
      this.#advance(count);
      left -= count;
    }
    return bytes - left;
  }

  #advance(count: number): void {
    this.#passed += count;
    this.#position += count;
  }

  /** How much is to be had in one run from here, going to the next block where this one is at its end. */
  #contiguous(length: number): number {
    const left = length - this.#position;
    if (left <= 0) return 0;
    for (;;) {
      // The published length was read after these were written, so for its bytes they are true; what is beyond it may be growing.
      const rest = wordAt(this.#memory.words, this.#block * GRANULE_WORDS + BLOCK.USED) - this.#passed;
      if (rest > 0) return Math.min(rest, left);
      const next = this.#table.nextBlock(this.#block);
      if (next === -1) return 0;
      this.#block = next;
      this.#passed = 0;
    }
  }
}
