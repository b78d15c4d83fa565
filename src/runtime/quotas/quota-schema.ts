import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { SEED_BYTES } from '../../shm/keyed-hash.ts';
import { openDurable } from '../durable-database.ts';
import { troubleOf } from '../store/disk-schema.ts';

/** Another number: another version has made it, or has hashed its keys in another way (`policy/limit-hash.ts`). */
const SCHEMA_VERSION = 1;
/** What SQLite calls a file that is not what it should be. */
const SQLITE_CORRUPT = 11;
const BUSY_TIMEOUT_MS = 2_000;

/**
 * `facts` has the seed of the hash under which keys stand, without which what was used is nobody's. `quotas`: what was used in the
 * window that began at `start` (s since 1970), by the two halves of the key's hash. `moves`: consumers whose tier was changed at run time.
 */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS quotas (
    hi INTEGER NOT NULL, lo INTEGER NOT NULL, start INTEGER NOT NULL, used REAL NOT NULL, PRIMARY KEY (hi, lo)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE IF NOT EXISTS moves (consumer TEXT PRIMARY KEY, tier TEXT NOT NULL) WITHOUT ROWID, STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
  COMMIT;
`;

export function quotaFile(storePath: string): string {
  return join(storePath, 'usage', 'quotas.db');
}

/** Opens what is kept of usage, makes it where there is none. Throws where it cannot be had, or is damaged. */
export function openQuotas(storePath: string): DatabaseSync {
  mkdirSync(join(storePath, 'usage'), { recursive: true, mode: 0o700 });
  return open(quotaFile(storePath));
}

/**
 * The same for the first time in a process's life. What is damaged is set aside under another name, `damaged` tells which, and begun
 * anew: to refuse all of a gateway's traffic for it would be worse. Throws where it cannot be had at all.
 */
export function openSoundQuotas(storePath: string): { readonly database: DatabaseSync; readonly damaged: string | undefined } {
  try {
    return { database: check(openQuotas(storePath)), damaged: undefined };
  } catch (error) {
    if (troubleOf(error) !== 'corrupt') throw error;
    const path = quotaFile(storePath);
    const damaged = `${path}.damaged-${Date.now()}`;
    renameSync(path, damaged);
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
    return { database: openQuotas(storePath), damaged };
  }
}

/** Throws what SQLite throws of a damaged page. Reads the whole file, some 50 bytes a key. */
function check(database: DatabaseSync): DatabaseSync {
  let found: unknown;
  try {
    found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
  } catch (error) {
    database.close();
    throw error;
  }
  if (found === 'ok') return database;
  database.close();
  throw Object.assign(new Error(`quotas: ${String(found)}`), { errcode: SQLITE_CORRUPT });
}

/** One commit in each `usage.flush`: what it costs to have it outlive the power as well does not matter. */
function open(path: string): DatabaseSync {
  const database = openDurable(path, { version: SCHEMA_VERSION, text: SCHEMA, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    chmodSync(path, 0o600);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * The seed of all that is counted under this store; whoever comes first makes it, or has `own` already. Who only reads it need not wait for somebody
 * who writes.
 */
export function seedOf(database: DatabaseSync, own: Uint8Array = randomBytes(SEED_BYTES)): Uint8Array {
  const read = database.prepare("SELECT value FROM facts WHERE name = 'seed'");
  const make = database.prepare("INSERT OR IGNORE INTO facts (name, value) VALUES ('seed', ?)");
  if (read.get() === undefined) make.run(own);
  const seed = read.get()?.['value'];
  if (!(seed instanceof Uint8Array) || seed.byteLength !== SEED_BYTES) throw new Error('the seed of the quotas is not one');
  return seed;
}
