import { DatabaseSync } from 'node:sqlite';

const MAX_LOG_BYTES = 8 * 2 ** 20;

export type DurableSchema = {
  /** Of what this version reads and writes; `text` sets it as `user_version`. */
  readonly version: number;
  /** Makes all that is not there. */
  readonly text: string;
  /** Another process may hold the write lock for as long as one of its short transactions takes. */
  readonly busyTimeoutMs: number;
};

/** Opens a database whose commits are there when the power has gone, and makes it where there is none. Throws where it cannot be had, or is of a newer Sluice. */
export function openDurable(path: string, { version, text, busyTimeoutMs }: DurableSchema): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  try {
    const found = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0);
    if (found > version) throw new Error(`${path} is of a newer version of Sluice`);
    database.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${MAX_LOG_BYTES}`);
    if (found === 0) database.exec(text);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
