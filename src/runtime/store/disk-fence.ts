import type { Presence } from '../../shm/presence.ts';
import type { DiskFolder } from './disk-folder.ts';
import type { DiskHash } from './disk-hash.ts';
import type { DiskRemover, SmallRemoval } from './disk-remover.ts';

/**
 * Around what was to be removed and could not be: nobody in this process reads it, and a process that starts before it was
 * made good trusts nothing on this disk.
 */
export class DiskFence {
  readonly #folder: DiskFolder;
  readonly #presence: Presence;
  readonly #hash: DiskHash;
  #isDistrusted = false;

  constructor(folder: DiskFolder, presence: Presence, hash: DiskHash) {
    this.#folder = folder;
    this.#presence = presence;
    this.#hash = hash;
  }

  put(removals: readonly SmallRemoval[]): void {
    for (const removal of removals) {
      const cells = removal.kind === 'name' ? this.#presence.names : this.#presence.keys;
      cells.voidSlot(cells.slotOf(this.#hash.of(removal.kind === 'name' ? removal.name : removal.key)));
    }
    this.#presence.tellVoided();
    this.distrust();
  }

  /** Removes all that is fenced in, by workers too. Throws what the disk throws; the fence stands then. */
  mend(remover: DiskRemover): void {
    try {
      remover.removeVoided();
    } catch (error) {
      this.#presence.tellVoided();
      throw error;
    }
    if (this.#isDistrusted) this.#folder.trust();
    this.#isDistrusted = false;
  }

  /** Where even that cannot be written, a later start cannot read either, or finds what was true before. */
  distrust(): void {
    this.#isDistrusted = true;
    try {
      this.#folder.distrust();
    } catch {
      return;
    }
  }
}
