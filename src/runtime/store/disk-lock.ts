import { DatabaseSync } from 'node:sqlite';
import { troubleOf } from './disk-schema.ts';

/**
 * Who writes the store: one process at a time. The lock is the kernel's, on a file of its own, held through SQLite since Node
 * has no other way to one; it ends with the process, however that ends, so there is nothing to break.
 */
export class DiskLock {
  readonly #path: string;
  #held: DatabaseSync | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** Without waiting. Throws when the file cannot be had at all. */
  tryTake(): boolean {
    if (this.#held !== undefined) return true;
    const database = new DatabaseSync(this.#path, { timeout: 0 });
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
      this.#held = database;
      return true;
    } catch (error) {
      database.close();
      if (troubleOf(error) === 'busy') return false;
      throw error;
    }
  }

  release(): void {
    this.#held?.close();
    this.#held = undefined;
  }
}
