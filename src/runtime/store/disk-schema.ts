import { DatabaseSync } from 'node:sqlite';

/** Another number: what is on disk is of another make, and is thrown away. */
const SCHEMA_VERSION = 1;
/** Another process may hold the write lock for as long as one of its short transactions takes. */
const BUSY_TIMEOUT_MS = 5_000;
const PAGE_BYTES = 4096;
/** SQLite copies the log back into the database when it has so many pages; so the log stays near that size. */
export const MAX_LOG_PAGES = 1000;
const MIN_LOG_PAGES = 64;

/**
 * `objects` has what is looked up and scanned, `contents` what is only wanted when an object is read; so a scan reads some
 * 200 bytes an object. Names are hashes of epoch names. `until` and times in `numbers` are wall time in ms; `used` is in
 * minutes since 1970. `file_bytes` 0: the body is in `contents`.
 */
const SCHEMA = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  BEGIN IMMEDIATE;
  CREATE TABLE facts (name TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;
  CREATE TABLE objects (
    id INTEGER PRIMARY KEY, hash INTEGER NOT NULL, key BLOB NOT NULL, variant INTEGER NOT NULL, part REAL NOT NULL,
    run INTEGER NOT NULL, flags INTEGER NOT NULL, until REAL NOT NULL, used INTEGER NOT NULL, arrived REAL NOT NULL,
    body_bytes INTEGER NOT NULL, file_bytes INTEGER NOT NULL, digest BLOB NOT NULL, numbers BLOB NOT NULL, names BLOB NOT NULL
  ) STRICT;
  CREATE INDEX objects_by_hash ON objects (hash);
  CREATE INDEX objects_by_use ON objects (used, file_bytes);
  CREATE INDEX objects_by_end ON objects (until);
  CREATE TABLE contents (id INTEGER PRIMARY KEY, meta BLOB NOT NULL, body BLOB) STRICT;
  CREATE TABLE names (hash INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (hash, id)) WITHOUT ROWID, STRICT;
  PRAGMA user_version = ${SCHEMA_VERSION};
  COMMIT;
`;

/** The database of an index that can be used, or why it cannot. Throws what SQLite throws when it cannot even be opened. */
export function openDatabase(path: string, limitBytes: number): DatabaseSync | 'foreign' {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    // Whatever is not promised to anybody may be lost when the power goes; it is never torn.
    database.exec('PRAGMA synchronous = NORMAL');
    const version = readPragma(database, 'user_version');
    if (version !== SCHEMA_VERSION && !isEmpty(database)) {
      database.close();
      return 'foreign';
    }
    if (version !== SCHEMA_VERSION) database.exec(SCHEMA);
    const logPages = logPagesFor(limitBytes);
    database.exec(`PRAGMA wal_autocheckpoint = ${logPages}; PRAGMA journal_size_limit = ${logPages * PAGE_BYTES}`);
    return database;
  } catch (error) {
    if (database.isOpen) database.close();
    throw error;
  }
}

/** A small store must not spend itself on its log. */
export function logPagesFor(limitBytes: number): number {
  return Math.round(Math.min(Math.max(limitBytes / 32 / PAGE_BYTES, MIN_LOG_PAGES), MAX_LOG_PAGES));
}

export function readPragma(database: DatabaseSync, name: string): number {
  const value = database.prepare(`PRAGMA ${name}`).get()?.[name];
  return typeof value === 'number' ? value : 0;
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

/** Result codes of SQLite that mean something to us; the rest are trouble without a name. */
export type DiskTrouble = 'full' | 'corrupt' | 'busy' | 'failed';

const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;
const EXTENDED_BITS = 0xff;

/** What kind of trouble an error of SQLite or of the file system is. */
export function troubleOf(error: unknown): DiskTrouble {
  if (!(error instanceof Error)) return 'failed';
  const { code, errcode } = error as Error & { readonly code?: unknown; readonly errcode?: unknown };
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'full';
  switch (typeof errcode === 'number' ? errcode & EXTENDED_BITS : 0) {
    case SQLITE_BUSY:
      return 'busy';
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return 'corrupt';
    case SQLITE_FULL:
      return 'full';
    default:
      return 'failed';
  }
}
