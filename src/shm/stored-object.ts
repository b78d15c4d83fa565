import { wordAt } from '../base/elements.ts';
import type { Numbers } from '../base/numbers.ts';
import { BLOCK, type ObjectHead } from './blocks.ts';
import { type EntryTable, generationOf } from './entry-table.ts';
import { GRANULE_BYTES, GRANULE_WORDS, RECORD, type StoreMemory } from './store-layout.ts';

/** What a store hands to the objects it opens. */
export type ObjectSource = { readonly memory: StoreMemory; readonly table: EntryTable };

/**
 * A consistent picture of an object in the store, as of `open`. Key, meta and numbers are copies and stay true for this
 * generation; `pieces` are views over shared memory.
 */
export class StoredObject {
  readonly entry: number;
  /** The state word of this generation, live: the object is current while the entry's word is this one. */
  readonly word: number;
  readonly key: string;
  /** latin1 */
  readonly meta: string;
  /** 16 float64 */
  readonly numbers: Numbers;
  readonly bodyLength: number;
  readonly #source: ObjectSource;
  #pieces: readonly Buffer[] | undefined;

  constructor(source: ObjectSource, at: { entry: number; word: number; bodyLength: number }, head: ObjectHead) {
    this.entry = at.entry;
    this.word = at.word;
    this.key = head.key;
    this.meta = head.meta;
    this.numbers = head.numbers;
    this.bodyLength = at.bodyLength;
    this.#source = source;
    this.#pieces = undefined;
  }

  /** 30 bits, wraps. */
  get generation(): number {
    return generationOf(this.word);
  }

  /**
   * The body, in order. Views over shared memory: read them only between `pin` and `unpin`, or copy and then check
   * `isCurrent`. Made at the first call (an object of which only the meta is wanted costs no views), so make that call while
   * the object is pinned or current: views of what has gone are of no use, but harmless.
   */
  get pieces(): readonly Buffer[] {
    this.#pieces ??= viewPieces(this.#source, this.entry, this.bodyLength);
    return this.#pieces;
  }
}

/** Follows the chain. It may be changing under us when the entry is not pinned, so nothing in it is trusted. */
function viewPieces(source: ObjectSource, entry: number, bodyLength: number): readonly Buffer[] {
  const { memory, table } = source;
  const pieces: Buffer[] = [];
  let block = table.get(entry, RECORD.FIRST);
  let isFirst = true;
  for (let left = bodyLength; left > 0; block = table.nextBlock(block)) {
    const end = table.blockGranules(block) * GRANULE_BYTES;
    if (end === 0) return [];
    const used = wordAt(memory.words, block * GRANULE_WORDS + BLOCK.USED);
    const from = wordAt(memory.words, block * GRANULE_WORDS + BLOCK.BODY_AT);
    // Only the first block of a body may hold none of it.
    const isSane = from >= BLOCK.HEADER_BYTES && used >= 0 && used <= left && from + used <= end;
    if (!isSane || (used === 0 && !isFirst)) return [];
    const at = block * GRANULE_BYTES + from;
    if (used > 0) pieces.push(memory.bytes.subarray(at, at + used));
    isFirst = false;
    left -= used;
  }
  return pieces;
}
