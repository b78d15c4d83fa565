import type { StoredEntry } from './stored-entry.ts';

/** Entries of one generation of the memo; there are two, so twice as many are known at most. */
const MAX_YOUNG = 2048;
/** Of one generation, in the memory of this thread: an origin with heads of 50 KB would have hundreds of MB of it otherwise. */
const MAX_YOUNG_BYTES = 16 * 2 ** 20;
/** The meta, and the fields for clients without and with their `Age`. */
const COPIES_OF_HEAD = 3;
/** A text of its own, its place in a list, and its cell. */
const BYTES_OF_MEMBER = 48;

/**
 * A bounded memory in two generations: when the young one is full it becomes the old one, and what is not asked for until
 * the next time is forgotten. Costs one look for what is hot, no list to keep in order.
 */
export class EntryMemo<Key extends string | number> {
  private young = new Map<Key, StoredEntry>();
  private old = new Map<Key, StoredEntry>();
  private youngBytes = 0;

  get(key: Key): StoredEntry | undefined {
    const entry = this.young.get(key);
    if (entry !== undefined) return entry;
    const aged = this.old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: Key, entry: StoredEntry): void {
    const before = this.young.get(key);
    if (before !== undefined) this.youngBytes -= bytesOf(before);
    else if (this.young.size >= MAX_YOUNG || this.youngBytes >= MAX_YOUNG_BYTES) {
      this.old = this.young;
      this.young = new Map();
      this.youngBytes = 0;
    }
    this.youngBytes += bytesOf(entry);
    this.young.set(key, entry);
  }
}

/** About as many as it may come to hold here. */
function bytesOf({ object, meta }: StoredEntry): number {
  const members = meta.vary.length + meta.tags.length + meta.groups.length;
  return object.key.length + COPIES_OF_HEAD * object.meta.length + BYTES_OF_MEMBER * members;
}
