import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DiskLock } from '../store/disk-lock.ts';

const SUFFIX = '.lock';

/**
 * Whether the process that a run belongs to still lives. Each records thread holds a lock of the kernel's on a file with its name;
 * it ends with the process, however that ends. Whoever finds it free knows that the owner is no more.
 */
export class RecordOwners {
  /** Our own name. */
  readonly self = randomBytes(9).toString('hex');
  readonly #folder: string;
  #lock: DiskLock | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Before the first run. Throws what the file system throws. */
  begin(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(this.self);
    const lock = new DiskLock(path);
    if (!lock.tryTake()) throw new Error(`${path} is locked`);
    chmodSync(path, 0o600);
    this.#lock = lock;
  }

  isAlive(owner: string): boolean {
    if (owner === this.self) return true;
    const path = this.#pathOf(owner);
    if (!existsSync(path)) return false;
    const lock = new DiskLock(path);
    if (!lock.tryTake()) return true;
    lock.release();
    this.#remove(path);
    return false;
  }

  /** Removes what dead owners have left. */
  sweep(): void {
    for (const name of readdirSync(this.#folder)) if (name.endsWith(SUFFIX)) this.isAlive(name.slice(0, -SUFFIX.length));
  }

  end(): void {
    this.#lock?.release();
    this.#lock = undefined;
    this.#remove(this.#pathOf(this.self));
  }

  #pathOf(owner: string): string {
    return join(this.#folder, owner + SUFFIX);
  }

  #remove(path: string): void {
    for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true });
  }
}
