import type { DatabaseSync, StatementSync } from 'node:sqlite';

/** What the book needs of the table in shared memory; `shm/quota-table.ts` has it. Keys are hashes in two int32, starts are s since 1970. */
export type QuotaCells = {
  forEachChanged(visit: (lo: number, hi: number, startSec: number, used: number) => void): void;
  /** The answer is what is used then; 0 when there is no room for the key. */
  add(lo: number, hi: number, startSec: number, cost: number): number;
  give(lo: number, hi: number, startSec: number, cost: number): unknown;
};

/**
 * `restore`: the table is empty, all that is on disk comes into it. `adopt`: a thread before this one has done that; what it wrote
 * last is taken for what is in the table.
 */
export type QuotaBookStart = 'restore' | 'adopt';

type Change = { readonly lo: number; readonly hi: number; readonly startSec: number; readonly used: number };

/** Windows that began longer ago are over, whatever their length. */
const MAX_WINDOW_SEC = 32 * 86_400;

/** Per connection: what of each row this process's table accounts for, so that only the difference goes either way. */
const SEEN = `
  ATTACH ':memory:' AS own;
  CREATE TABLE own.seen (
    hi INTEGER NOT NULL, lo INTEGER NOT NULL, start INTEGER NOT NULL, used REAL NOT NULL, PRIMARY KEY (hi, lo)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE own.arrived (hi INTEGER NOT NULL, lo INTEGER NOT NULL, start INTEGER NOT NULL, more REAL NOT NULL, used REAL NOT NULL) STRICT;
`;

/** `:more` is what was used since the last time. A row of a later window stays; one of an earlier window is over. */
const PUSH = `
  INSERT INTO main.quotas (hi, lo, start, used) VALUES (:hi, :lo, :start, max(0, :more))
  ON CONFLICT DO UPDATE SET used = iif(start = excluded.start, max(0, used + :more), excluded.used), start = excluded.start
  WHERE start <= excluded.start
`;
const SEE = 'INSERT OR REPLACE INTO own.seen (hi, lo, start, used) VALUES (?, ?, ?, ?)';
const SEEN_OF = 'SELECT start, used FROM own.seen WHERE hi = ? AND lo = ?';
/** What others have written, set aside: there may be more of it than should be in this thread's memory at once. */
const ARRIVE = `
  INSERT INTO own.arrived (hi, lo, start, more, used)
  SELECT quotas.hi, quotas.lo, quotas.start, quotas.used - iif(seen.start = quotas.start, seen.used, 0) AS more, quotas.used
  FROM main.quotas LEFT JOIN own.seen AS seen ON seen.hi = quotas.hi AND seen.lo = quotas.lo
  WHERE seen.start IS NULL OR quotas.start > seen.start OR (quotas.start = seen.start AND quotas.used <> seen.used)
`;

/**
 * What was used of quotas, in shared memory and on disk.
 *
 * - Only differences are written and read, so two processes with one store (hot upgrade) add up and neither undoes the other.
 * - What could not be written is kept and written with the next.
 * - After the death of the process the disk has all but what was used since the last `sync`.
 */
export class QuotaBook {
  readonly #database: DatabaseSync;
  readonly #cells: QuotaCells;
  readonly #push: StatementSync;
  readonly #see: StatementSync;
  readonly #seenOf: StatementSync;
  readonly #arrive: StatementSync;
  readonly #arrived: StatementSync;
  readonly #dataVersion: StatementSync;
  /** Changed since the last commit, by key. */
  readonly #pending = new Map<string, Change>();
  /** Of the database as others changed it; NaN = not looked at yet. */
  #version = Number.NaN;

  constructor(database: DatabaseSync, cells: QuotaCells, start: QuotaBookStart) {
    database.exec(SEEN);
    this.#database = database;
    this.#cells = cells;
    this.#push = database.prepare(PUSH);
    this.#see = database.prepare(SEE);
    this.#seenOf = database.prepare(SEEN_OF);
    this.#arrive = database.prepare(ARRIVE);
    this.#arrived = database.prepare('SELECT hi, lo, start, more, used FROM own.arrived');
    this.#dataVersion = database.prepare('PRAGMA main.data_version');
    if (start === 'restore') return;
    database.exec('INSERT INTO own.seen (hi, lo, start, used) SELECT hi, lo, start, used FROM main.quotas');
    this.#version = this.#readVersion();
  }

  /** How many keys are on disk. */
  get rows(): number {
    return Number(this.#database.prepare('SELECT count(*) AS rows FROM main.quotas').get()?.['rows'] ?? 0);
  }

  /**
   * Writes what has changed in the table and brings into it what others have written; the first time, all that is on disk.
   * Returns how many keys were written. Throws what SQLite throws; then nothing is written and nothing lost.
   */
  sync(): number {
    this.#cells.forEachChanged((lo, hi, startSec, used) => {
      this.#pending.set(`${hi}:${lo}`, { lo, hi, startSec, used });
    });
    const version = this.#readVersion();
    if (this.#pending.size === 0 && version === this.#version) return 0;
    this.#transact('BEGIN IMMEDIATE', () => {
      for (const change of this.#pending.values()) this.#write(change);
      this.#database.exec('DELETE FROM own.arrived');
      if (version !== this.#version) this.#arrive.run();
    });
    const written = this.#pending.size;
    this.#pending.clear();
    this.#transact('BEGIN', () => {
      for (const row of this.#arrived.iterate()) this.#bring(row);
    });
    this.#version = version;
    return written;
  }

  /** Drops windows that are over. Returns how many. */
  prune(nowSec: number): number {
    const beforeSec = Math.floor(nowSec) - MAX_WINDOW_SEC;
    this.#database.prepare('DELETE FROM own.seen WHERE start < ?').run(beforeSec);
    return Number(this.#database.prepare('DELETE FROM main.quotas WHERE start < ?').run(beforeSec).changes);
  }

  close(): void {
    this.#database.close();
  }

  #write({ lo, hi, startSec, used }: Change): void {
    const seen = this.#seenOf.get(hi, lo);
    const before = seen !== undefined && numberOf(seen, 'start') === startSec ? numberOf(seen, 'used') : 0;
    this.#push.run({ ':hi': hi, ':lo': lo, ':start': startSec, ':more': used - before });
    this.#see.run(hi, lo, startSec, used);
  }

  /** The table takes what others have used, or given back. What found no room there is not taken for seen, and tried again. */
  #bring(row: Readonly<Record<string, unknown>>): void {
    const [lo, hi, startSec, more] = [numberOf(row, 'lo'), numberOf(row, 'hi'), numberOf(row, 'start'), numberOf(row, 'more')];
    if (more <= 0) this.#cells.give(lo, hi, startSec, -more);
    else if (this.#cells.add(lo, hi, startSec, more) === 0) return;
    this.#see.run(hi, lo, startSec, numberOf(row, 'used'));
  }

  #transact(begin: string, work: () => void): void {
    this.#database.exec(begin);
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Another number: another connection has written. */
  #readVersion(): number {
    return Number(this.#dataVersion.get()?.['data_version'] ?? 0);
  }
}

function numberOf(row: Readonly<Record<string, unknown>>, name: string): number {
  return Number(row[name]);
}
