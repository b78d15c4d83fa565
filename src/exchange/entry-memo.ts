import type { StoredEntry } from './stored-entry.ts';

/** Entries of one generation of the memo; there are two, so twice as many are known at most. */
const MAX_YOUNG = 2048;

/**
 * A bounded memory in two generations: when the young one is full it becomes the old one, and what is not asked for until
 * the next time is forgotten. Costs one look for what is hot, no list to keep in order.
 */
export class EntryMemo<Key extends string | number> {
  private young = new Map<Key, StoredEntry>();
  private old = new Map<Key, StoredEntry>();

  get(key: Key): StoredEntry | undefined {
    const entry = this.young.get(key);
    if (entry !== undefined) return entry;
    const aged = this.old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  set(key: Key, entry: StoredEntry): void {
    if (this.young.size >= MAX_YOUNG && !this.young.has(key)) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, entry);
  }
}
