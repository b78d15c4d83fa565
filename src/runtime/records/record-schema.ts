import type { DatabaseSync } from 'node:sqlite';
import { openDurable } from '../durable-database.ts';

/** Another number: another version has made it, and this one cannot tell what it promises. */
const SCHEMA_VERSION = 1;
const BUSY_TIMEOUT_MS = 5_000;

/**
 * `state`: 0 running, 1 done, 2 unknown, 3 unkept. `owner`: whose run it is, while it runs. `run`: a number by chance, which tells
 * one run of a key from a later one. Times are ms since 1970. What is long stands last, so that a look at the rest does not read it.
 */
const SCHEMA = `
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL, state INTEGER NOT NULL, owner TEXT NOT NULL,
    run INTEGER NOT NULL, ttl REAL NOT NULL, until REAL NOT NULL, bytes INTEGER NOT NULL, status TEXT, block BLOB, body BLOB
  ) STRICT;
  CREATE INDEX IF NOT EXISTS records_by_end ON records (state, until, bytes);
  PRAGMA user_version = ${SCHEMA_VERSION};
  COMMIT;
`;

export const RUNNING = 0;
export const DONE = 1;
export const UNKNOWN = 2;
export const UNKEPT = 3;

/**
 * Opens the records, makes them where there are none. Throws where they cannot be used: they are a promise, so they are never thrown
 * away to go on without them. What was told to a client is there when the power has gone.
 */
export function openRecords(path: string): DatabaseSync {
  return openDurable(path, { version: SCHEMA_VERSION, text: SCHEMA, busyTimeoutMs: BUSY_TIMEOUT_MS });
}
