import { wordAt } from '../base/elements.ts';
import { BLOCK } from './blocks.ts';
import { type EntryTable, STATE, stateOf } from './entry-table.ts';
import type { KeyedHash } from './keyed-hash.ts';
import { settleReads } from './ordering.ts';
import { GRANULE_WORDS, RECORD, RECORD_WORDS, type StoreMemory } from './store-layout.ts';

/** A walk that lost its way begins again so often, then it is a miss. */
const MAX_RESTARTS = 4;
/** No chain is so long but by a walk that goes in circles while entries move under it. */
const MAX_STEPS = 1024;
const NONE = -1;
const LOST = -2;

/**
 * The hash index: buckets of chains through the records, newest entry first.
 *
 * - Chains change under the lock: `insert` at the head, `remove` anywhere. What is linked is LIVE, or DOOMED and not yet tidied.
 * - Walkers take no lock. An entry may leave the chain, be freed and appear in another chain while a walker stands on it. The
 *   walker sees that: the state word is no more what it was, or the entry's hash belongs to another bucket; it begins again. So a
 *   walk may miss an entry in rare cases; it never returns one whose whole key it did not compare within one generation.
 */
export class EntryIndex {
  readonly #table: EntryTable;
  readonly #records: Int32Array;
  readonly #buckets: Int32Array;
  readonly #words: Int32Array;
  readonly #bucketMask: number;

  constructor(store: StoreMemory, table: EntryTable) {
    this.#table = table;
    this.#records = store.records;
    this.#buckets = store.buckets;
    this.#words = store.words;
    this.#bucketMask = store.buckets.length - 1;
  }

  /** The newest live entry with the key that `hash` has hashed last; -1 none. */
  first(hash: KeyedHash, keyLength: number): number {
    for (let attempt = 0; attempt < MAX_RESTARTS; attempt += 1) {
      const found = this.#walk(Atomics.load(this.#buckets, hash.low & this.#bucketMask), hash, keyLength);
      if (found !== LOST) return found;
    }
    return NONE;
  }

  /** The next one after `entry`. A walk that loses its way ends: what it has passed may not be returned twice. */
  after(entry: number, hash: KeyedHash, keyLength: number): number {
    if (!this.#belongs(entry, this.#table.word(entry), hash.low)) return NONE;
    const found = this.#walk(Atomics.load(this.#records, entry * RECORD_WORDS + RECORD.CHAIN_NEXT), hash, keyLength);
    return found === LOST ? NONE : found;
  }

  insert(entry: number): void {
    const bucket = this.#table.get(entry, RECORD.HASH_LOW) & this.#bucketMask;
    Atomics.store(this.#records, entry * RECORD_WORDS + RECORD.CHAIN_NEXT, Atomics.load(this.#buckets, bucket));
    Atomics.store(this.#buckets, bucket, entry + 1);
  }

  /** Under the lock. The removed entry keeps its link, for walkers that stand on it. */
  remove(entry: number): void {
    const bucket = this.#table.get(entry, RECORD.HASH_LOW) & this.#bucketMask;
    const next = this.#table.get(entry, RECORD.CHAIN_NEXT);
    let at = wordAt(this.#buckets, bucket);
    if (at === entry + 1) {
      Atomics.store(this.#buckets, bucket, next);
      return;
    }
    while (at !== 0) {
      const cell = (at - 1) * RECORD_WORDS + RECORD.CHAIN_NEXT;
      at = wordAt(this.#records, cell);
      if (at === entry + 1) Atomics.store(this.#records, cell, next);
    }
  }

  /**
   * Under the lock. Links exactly these entries, given oldest first. Only what is not as it should be is written, so that walkers
   * go on finding what a death has not touched.
   */
  rebuild(entries: Float64Array): void {
    const heads = new Int32Array(this.#buckets.length);
    const records = this.#records;
    for (const entry of entries) {
      const at = entry * RECORD_WORDS;
      const bucket = wordAt(records, at + RECORD.HASH_LOW) & this.#bucketMask;
      const next = wordAt(heads, bucket);
      if (records[at + RECORD.CHAIN_NEXT] !== next) Atomics.store(records, at + RECORD.CHAIN_NEXT, next);
      heads[bucket] = entry + 1;
    }
    for (let bucket = 0; bucket < heads.length; bucket += 1) {
      if (this.#buckets[bucket] !== heads[bucket]) Atomics.store(this.#buckets, bucket, wordAt(heads, bucket));
    }
  }

  #walk(from: number, hash: KeyedHash, keyLength: number): number {
    const records = this.#records;
    let link = from;
    for (let steps = 0; link !== 0; steps += 1) {
      const entry = link - 1;
      const at = entry * RECORD_WORDS;
      const word = Atomics.load(records, at + RECORD.STATE);
      if (steps >= MAX_STEPS || !this.#belongs(entry, word, hash.low)) return LOST;
      const isCandidate = records[at + RECORD.HASH_LOW] === hash.low && records[at + RECORD.HASH_HIGH] === hash.high;
      if (isCandidate && stateOf(word) === STATE.LIVE && this.#hasKey(entry, hash, keyLength)) {
        settleReads();
        if (Atomics.load(records, at + RECORD.STATE) === word) return entry;
        return LOST;
      }
      link = Atomics.load(records, at + RECORD.CHAIN_NEXT);
      if (Atomics.load(records, at + RECORD.STATE) !== word && !this.#belongs(entry, this.#table.word(entry), hash.low)) return LOST;
    }
    return NONE;
  }

  /** Whether an entry can be part of the chain of this hash. */
  #belongs(entry: number, word: number, hashLow: number): boolean {
    if (stateOf(word) !== STATE.LIVE && stateOf(word) !== STATE.DOOMED) return false;
    return ((wordAt(this.#records, entry * RECORD_WORDS + RECORD.HASH_LOW) ^ hashLow) & this.#bucketMask) === 0;
  }

  /** Compares the whole key. What it reads may be changing; the caller checks the state word afterwards. */
  #hasKey(entry: number, hash: KeyedHash, keyLength: number): boolean {
    const block = wordAt(this.#records, entry * RECORD_WORDS + RECORD.FIRST);
    const words = this.#words;
    const wanted = hash.words;
    const at = block * GRANULE_WORDS;
    if (words[at + BLOCK.KEY_LENGTH] !== keyLength) return false;
    const from = at + BLOCK.KEY_AT / 4;
    const count = (keyLength + 3) >>> 2;
    for (let index = 0; index < count; index += 1) if (words[from + index] !== wanted[index]) return false;
    return true;
  }
}
