import type { Presence } from '../../shm/presence.ts';
import { HASH_BITS } from '../../shm/presence-cells.ts';
import type { BodyFiles } from './body-files.ts';
import type { DiskHash } from './disk-hash.ts';
import type { DiskIndex } from './disk-index.ts';
import type { DiskRecord } from './disk-record.ts';

export type ShelfParts = {
  readonly index: DiskIndex;
  readonly files: BodyFiles;
  readonly presence: Presence;
  readonly hash: DiskHash;
};

/**
 * Index, files and presence of what is on disk, kept in step.
 *
 * Invariants
 * - All changes of the index are made within `change`. What else belongs to a change follows its commit (files of removed
 *   rows go, they are no longer counted as present) or its failure (files of rows that did not come to be go).
 * - A row whose body is in a file is committed after the file is whole, and the file goes after the row: the index never names
 *   a missing file. A kill in between leaves a file without a row, which `OrphanSweep` finds.
 * - Whoever inserts has counted the row's key and names as present before (`DiskChange.announce`), see `PresenceCells`.
 */
export class DiskShelf {
  readonly index: DiskIndex;
  readonly files: BodyFiles;
  readonly presence: Presence;
  readonly hash: DiskHash;
  objects = 0;
  /** Of all bodies that are in files, whole blocks. */
  fileBytes = 0;

  constructor({ index, files, presence, hash }: ShelfParts) {
    this.index = index;
    this.files = files;
    this.presence = presence;
    this.hash = hash;
  }

  /** Live or not: rows under a key, newest first. */
  under(key: string): readonly DiskRecord[] {
    return this.index.byHash(this.hash.of(key)).filter((record) => record.key === key);
  }

  /** Counts everything anew, as after another process has written. Reads two indexes. */
  recount(): void {
    const { index, presence } = this;
    const { objects, fileBytes } = index.totals();
    this.objects = objects;
    this.fileBytes = fileBytes;
    presence.keys.forgetHeld();
    presence.names.forgetHeld();
    index.eachSlot('objects', HASH_BITS - Math.log2(presence.keys.slots), (slot) => presence.keys.hold(slot));
    index.eachSlot('names', HASH_BITS - Math.log2(presence.names.slots), (slot) => presence.names.hold(slot));
  }

  announce({ hash, names }: DiskRecord): void {
    const { keys, names: cells } = this.presence;
    keys.hold(keys.slotOf(hash));
    for (const name of names) cells.hold(cells.slotOf(name));
  }

  withdraw({ hash, names }: DiskRecord): void {
    const { keys, names: cells } = this.presence;
    keys.unhold(keys.slotOf(hash));
    for (const name of names) cells.unhold(cells.slotOf(name));
  }

  /** One transaction. Throws what went wrong, and then nothing has changed. */
  change(work: (change: DiskChange) => void): void {
    const { index } = this;
    const change = new DiskChange(this);
    index.begin();
    try {
      work(change);
      index.commit();
    } catch (error) {
      index.rollback();
      change.onUndone();
      throw error;
    }
    change.onDone();
  }

  /** Everything goes. */
  removeAll(now: number): number {
    const { objects, index, files, presence } = this;
    this.change(() => index.removeAll());
    this.objects = 0;
    this.fileBytes = 0;
    files.removeAll(now);
    presence.keys.forgetHeld();
    presence.names.forgetHeld();
    return objects;
  }
}

/** What one transaction does, and what follows from it. */
export class DiskChange {
  readonly #shelf: DiskShelf;
  readonly #announced = new Set<DiskRecord>();
  readonly #inserted: DiskRecord[] = [];
  readonly #outdated: DiskRecord[] = [];
  readonly #removed: DiskRecord[] = [];

  constructor(shelf: DiskShelf) {
    this.#shelf = shelf;
  }

  /** Before the last look whether it is wanted; `insert`, `update` or `withdraw` follows. */
  announce(record: DiskRecord): void {
    this.#shelf.announce(record);
    this.#announced.add(record);
  }

  withdraw(record: DiskRecord): void {
    this.#shelf.withdraw(record);
    this.#announced.delete(record);
  }

  /** `body`: pieces, for a file if the record says so, else for the index. */
  insert(record: DiskRecord, meta: string, body: readonly Uint8Array[]): void {
    const { files, index } = this.#shelf;
    this.#inserted.push(record);
    if (record.fileBytes > 0) files.write(record.id, body);
    index.insert(record, { meta, body: record.fileBytes > 0 ? undefined : Buffer.concat(body) });
  }

  /** Another head for the body of `before`. */
  update(before: DiskRecord, after: DiskRecord, meta: string): void {
    this.#outdated.push(before);
    this.#shelf.index.update(before, after, meta);
  }

  remove(record: DiskRecord): void {
    this.#removed.push(record);
    this.#shelf.index.remove(record);
  }

  onDone(): void {
    const shelf = this.#shelf;
    for (const record of this.#outdated) shelf.withdraw(record);
    for (const record of this.#inserted) {
      shelf.objects += 1;
      shelf.fileBytes += record.fileBytes;
    }
    for (const record of this.#removed) {
      shelf.objects -= 1;
      shelf.fileBytes -= record.fileBytes;
      shelf.withdraw(record);
      if (record.fileBytes > 0) shelf.files.remove(record.id);
    }
  }

  onUndone(): void {
    const shelf = this.#shelf;
    for (const record of this.#announced) shelf.withdraw(record);
    for (const record of this.#inserted) {
      if (record.fileBytes > 0) shelf.files.remove(record.id);
    }
  }
}
