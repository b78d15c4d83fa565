import { randomInt } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { BeginOrder, GivingUp, KeptAnswer, RunToken } from '../../exchange/idempotency-records.ts';
import { DONE, RUNNING, UNKEPT, UNKNOWN } from './record-schema.ts';

/** What a record takes beside its answer: row, index entries, what pages waste. */
export const RECORD_BYTES = 320;
const MAX_RUN = 2 ** 47;
/** Answers that make room are looked for so many at a time. */
const DROP_ROWS = 16;

/** `full`: there is no room for another record, and nothing that could make some. `running`: `isOurs` = in this process. */
export type BookAnswer =
  | { readonly kind: 'run'; readonly token: RunToken }
  | { readonly kind: 'replay'; readonly answer: KeptAnswer }
  | { readonly kind: 'running' | 'mismatch' | 'unknown' | 'unkept' | 'full' };

export type BookOptions = {
  limitBytes: number;
  /** Whose runs are begun here. */
  readonly self: string;
  /** Whether the owner of a run may still tell how it ends. */
  readonly isAlive: (owner: string) => boolean;
};

type Row = {
  readonly id: number;
  readonly fingerprint: string;
  readonly state: number;
  readonly owner: string;
  readonly until: number;
  readonly bytes: number;
};

/**
 * The records of Idempotency-Key on disk. All of it is synchronous, and everything that changes something belongs into `transact`,
 * which makes it durable.
 *
 * - A key has one record. Only `begin` makes one, in state running, and whoever made it may run the request.
 * - It leaves that state once: by its answer, by being given up, or because its owner is dead.
 * - A record that is running never expires; the others do so `ttl` after they left that state.
 */
export class RecordBook {
  droppedAnswers = 0;
  readonly #database: DatabaseSync;
  readonly #options: BookOptions;
  readonly #sql: Statements;
  #records = 0;
  #bytes = 0;
  #version = 0;

  constructor(database: DatabaseSync, options: BookOptions) {
    this.#database = database;
    this.#options = options;
    this.#sql = prepare(database);
    this.#recount();
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  set limitBytes(bytes: number) {
    this.#options.limitBytes = bytes;
  }

  /** All or nothing, and on disk when it returns. Throws what SQLite throws. */
  transact<T>(work: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#recount();
      throw error;
    }
  }

  begin({ key, fingerprint, ttlMs }: BeginOrder, nowMs: number): BookAnswer {
    const row = this.#find(key, nowMs);
    if (row === undefined) return this.#run(key, fingerprint, { ttlMs, nowMs });
    if (row.fingerprint !== fingerprint) return { kind: 'mismatch' };
    switch (row.state) {
      case DONE:
        return { kind: 'replay', answer: this.#answerOf(row.id) };
      case UNKEPT:
        return { kind: 'unkept' };
      case RUNNING:
        return { kind: 'running' };
      default:
        return { kind: 'unknown' };
    }
  }

  /** False: that run has been given up, or is another one's. */
  complete({ key, run }: RunToken, { statusText, block, body }: KeptAnswer, nowMs: number): boolean {
    const blockBytes = Buffer.from(block, 'latin1');
    const bytes = RECORD_BYTES + statusText.length + blockBytes.length + body.length;
    const isOurs = this.#sql.complete.run(statusText, blockBytes, body, bytes, nowMs, key, run).changes === 1;
    if (isOurs) this.#bytes += bytes - RECORD_BYTES;
    this.#makeRoom(0);
    return isOurs;
  }

  giveUp({ key, run }: RunToken, how: GivingUp, nowMs: number): boolean {
    if (how === 'unsent') {
      const isOurs = this.#sql.remove.run(key, run).changes === 1;
      if (isOurs) this.#count(-1, -RECORD_BYTES);
      return isOurs;
    }
    return this.#sql.giveUp.run(how === 'unkept' ? UNKEPT : UNKNOWN, nowMs, key, run).changes === 1;
  }

  /** Takes over a run that an earlier owner began in this process. */
  adopt({ key, run }: RunToken, from: string): boolean {
    return this.#sql.adopt.run(this.#options.self, key, run, from).changes === 1;
  }

  /** What runs and has a dead owner is unknown from now on. Returns how many those were. */
  loseOfDead(nowMs: number): number {
    let lost = 0;
    for (const { owner } of this.#sql.owners.all() as { owner: string }[])
      if (!this.#options.isAlive(owner)) lost += this.loseOf(owner, nowMs);
    return lost;
  }

  loseOf(owner: string, nowMs: number): number {
    return Number(this.#sql.lose.run(nowMs, owner).changes);
  }

  /** Removes up to `maxRows` records whose time is over. Returns how many. */
  expire(nowMs: number, maxRows: number): number {
    let expired = 0;
    for (const state of [DONE, UNKNOWN, UNKEPT]) {
      for (const { id, bytes } of this.#sql.expired.all(state, nowMs, maxRows - expired) as Pick<Row, 'id' | 'bytes'>[]) {
        this.#sql.removeRow.run(id);
        this.#count(-1, -bytes);
        expired += 1;
      }
    }
    return expired;
  }

  /** Another process has written meanwhile, which our figures do not know. */
  recountIfForeign(): void {
    const { data_version: version } = this.#sql.version.get() as { data_version: number };
    if (version === this.#version) return;
    this.#version = version;
    this.#recount();
  }

  /** Gives back to the file system what is free, a part at a time. */
  shrink(pages: number): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${pages})`);
  }

  close(): void {
    this.#database.close();
  }

  #find(key: string, nowMs: number): Row | undefined {
    // A statement gives rows of exactly these columns.
    const row = this.#sql.find.get(key) as Row | undefined;
    if (row === undefined) return undefined;
    if (row.state === RUNNING) {
      if (this.#options.isAlive(row.owner)) return row;
      this.loseOf(row.owner, nowMs);
      return { ...row, state: UNKNOWN };
    }
    if (row.until > nowMs) return row;
    this.#sql.removeRow.run(row.id);
    this.#count(-1, -row.bytes);
    return undefined;
  }

  #run(key: string, fingerprint: string, { ttlMs, nowMs }: { readonly ttlMs: number; readonly nowMs: number }): BookAnswer {
    if (!this.#makeRoom(RECORD_BYTES)) return { kind: 'full' };
    const token = { key, run: randomInt(1, MAX_RUN) };
    this.#sql.insert.run(key, fingerprint, RUNNING, this.#options.self, token.run, ttlMs, nowMs + ttlMs, RECORD_BYTES);
    this.#count(1, RECORD_BYTES);
    return { kind: 'run', token };
  }

  #answerOf(id: number): KeptAnswer {
    // SQLite keeps a blob without bytes as NULL.
    const { status, block, body } = this.#sql.answer.get(id) as { status: string; block: Uint8Array | null; body: Uint8Array | null };
    return { statusText: status, block: block === null ? '' : latin1Of(block), body: body ?? new Uint8Array(0) };
  }

  /** The answers that would go first anyhow make room; that their keys have run stays. */
  #makeRoom(bytes: number): boolean {
    const { limitBytes } = this.#options;
    while (this.#bytes + bytes > limitBytes) {
      const oldest = this.#sql.oldest.all(DROP_ROWS) as Pick<Row, 'id' | 'bytes'>[];
      if (oldest.length === 0) return false;
      for (const row of oldest) {
        if (this.#bytes + bytes <= limitBytes) break;
        this.#sql.drop.run(RECORD_BYTES, row.id);
        this.#count(0, RECORD_BYTES - row.bytes);
        this.droppedAnswers += 1;
      }
    }
    return true;
  }

  #count(records: number, bytes: number): void {
    this.#records += records;
    this.#bytes += bytes;
  }

  #recount(): void {
    const { records, bytes } = this.#sql.totals.get() as { records: number; bytes: number };
    this.#records = records;
    this.#bytes = bytes;
  }
}

function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const OURS = `WHERE key = ? AND run = ? AND state = ${RUNNING}`;

const SQL = {
  find: 'SELECT id, fingerprint, state, owner, until, bytes FROM records WHERE key = ?',
  answer: 'SELECT status, block, body FROM records WHERE id = ?',
  insert: 'INSERT INTO records (key, fingerprint, state, owner, run, ttl, until, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  complete: `UPDATE records SET state = ${DONE}, status = ?, block = ?, body = ?, bytes = ?, until = ? + ttl ${OURS}`,
  giveUp: `UPDATE records SET state = ?, until = ? + ttl ${OURS}`,
  remove: `DELETE FROM records ${OURS}`,
  adopt: `UPDATE records SET owner = ? ${OURS} AND owner = ?`,
  owners: `SELECT DISTINCT owner FROM records WHERE state = ${RUNNING}`,
  lose: `UPDATE records SET state = ${UNKNOWN}, until = ? + ttl WHERE state = ${RUNNING} AND owner = ?`,
  expired: 'SELECT id, bytes FROM records WHERE state = ? AND until <= ? ORDER BY until LIMIT ?',
  removeRow: 'DELETE FROM records WHERE id = ?',
  oldest: `SELECT id, bytes FROM records WHERE state = ${DONE} ORDER BY until LIMIT ?`,
  drop: `UPDATE records SET state = ${UNKEPT}, status = NULL, block = NULL, body = NULL, bytes = ? WHERE id = ?`,
  version: 'PRAGMA data_version',
  totals: 'SELECT count(*) AS records, CAST(total(bytes) AS INTEGER) AS bytes FROM records',
} as const;

function prepare(database: DatabaseSync): Statements {
  // Every key of SQL becomes one.
  return Object.fromEntries(Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)])) as Statements;
}
