import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SEED_BYTES = 16;

/** Where things are in the tier's own folder of `store.path`. */
export class DiskFolder {
  readonly path: string;
  readonly database: string;
  readonly lock: string;
  readonly #trust: string;

  constructor(storePath: string) {
    this.path = join(storePath, 'cache');
    this.database = join(this.path, 'index.db');
    this.lock = join(this.path, 'lock.db');
    this.#trust = join(this.path, 'trusted');
  }

  /** Throws what the file system throws. */
  make(): void {
    // What is cached is for whoever may ask the proxy, not for everybody on this machine.
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
  }

  /** The key of all hashes on this disk, made at the first call. Another process may be making it at the same time. */
  readSeed(): Uint8Array {
    const path = join(this.path, 'seed');
    const found = readIfThere(path);
    if (found?.length === SEED_BYTES) return found;
    if (found !== undefined) rmSync(path);
    const partial = `${path}.${process.pid}`;
    writeFileSync(partial, randomBytes(SEED_BYTES), { mode: 0o600 });
    try {
      linkSync(partial, path);
    } catch (error) {
      // The other one was quicker.
      if (!existsSync(path)) throw error;
    } finally {
      rmSync(partial, { force: true });
    }
    return readFileSync(path);
  }

  /** False: something was to be removed here and could not be, in the process that ran last; so all of it goes. */
  get isTrusted(): boolean {
    return existsSync(this.#trust);
  }

  get hasDatabase(): boolean {
    return existsSync(this.database);
  }

  trust(): void {
    writeFileSync(this.#trust, '');
  }

  distrust(): void {
    rmSync(this.#trust, { force: true });
  }

  removeDatabase(): void {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(this.database + suffix, { force: true });
  }
}

function readIfThere(path: string): Uint8Array | undefined {
  return existsSync(path) ? readFileSync(path) : undefined;
}
