import type { DiskShelf } from './disk-shelf.ts';

/**
 * Removes files that no row names: what a kill left between a file and its row, and what was thrown away whole. A step takes
 * some milliseconds; nothing may be written before the end, since until then the limit does not know of them.
 */
export class OrphanSweep {
  readonly #shelf: DiskShelf;
  readonly #isOwnId: (id: number) => boolean;
  #shard = 0;
  removed = 0;

  constructor(shelf: DiskShelf, isOwnId: (id: number) => boolean) {
    this.#shelf = shelf;
    this.#isOwnId = isOwnId;
  }

  /** False at the end. Throws what the disk throws. */
  step(): boolean {
    const { files, index } = this.#shelf;
    if (files.removeTrash()) return true;
    if (this.#shard >= files.shards) return false;
    for (const id of files.idsOf(this.#shard)) {
      if (this.#isOwnId(id) || index.has(id)) continue;
      files.remove(id);
      this.removed += 1;
    }
    this.#shard += 1;
    return true;
  }
}
