import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { HASH_BITS } from '../../shm/presence-cells.ts';
import { bytesIn, type DiskContent, type DiskRecord, floatBytes, numberIn, recordOf, textIn } from './disk-record.ts';
import { readPragma } from './disk-schema.ts';

const COLUMNS = 'id, hash, key, variant, part, run, flags, until, used, arrived, body_bytes, file_bytes, digest, numbers, names';
/** More variants of one key are not looked at. */
const MAX_VARIANTS = 64;
const HASHES = 2 ** HASH_BITS;
const RANGE = HASHES / 16;

export type DiskTotals = { readonly objects: number; readonly fileBytes: number };

/** The statements over one open database; what they mean together is said elsewhere. All throw what SQLite throws. */
export class DiskIndex {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  begin(): void {
    this.#sql('BEGIN IMMEDIATE').run();
  }

  commit(): void {
    this.#sql('COMMIT').run();
  }

  /** Harmless when SQLite has rolled back by itself. */
  rollback(): void {
    if (this.#database.isTransaction) this.#sql('ROLLBACK').run();
  }

  fact(name: string): number | undefined {
    const row = this.#sql('SELECT value FROM facts WHERE name = ?').get(name);
    return row === undefined ? undefined : numberIn(row, 'value');
  }

  setFact(name: string, value: number): void {
    this.#sql('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, value);
  }

  /** Newest response first. Keys are still to be compared. */
  byHash(hash: number): readonly DiskRecord[] {
    return this.#sql(`SELECT ${COLUMNS} FROM objects WHERE hash = ? ORDER BY arrived DESC LIMIT ${MAX_VARIANTS}`).all(hash).map(recordOf);
  }

  /** Hashes from `from` to before `to`. */
  byHashes(from: number, to: number): readonly DiskRecord[] {
    return this.#sql(`SELECT ${COLUMNS} FROM objects WHERE hash >= ? AND hash < ?`).all(from, to).map(recordOf);
  }

  /** Names from `from` to before `to`. */
  byNames(from: number, to: number): readonly DiskRecord[] {
    return this.#sql(`SELECT ${COLUMNS} FROM objects WHERE id IN (SELECT id FROM names WHERE hash >= ? AND hash < ?)`)
      .all(from, to)
      .map(recordOf);
  }

  expired(nowMs: number, limit: number): readonly DiskRecord[] {
    return this.#sql(`SELECT ${COLUMNS} FROM objects WHERE until < ? ORDER BY until LIMIT ?`).all(nowMs, limit).map(recordOf);
  }

  longestUnused(limit: number): readonly DiskRecord[] {
    return this.#sql(`SELECT ${COLUMNS} FROM objects ORDER BY used LIMIT ?`).all(limit).map(recordOf);
  }

  /** Those whose key has `part` in it, by ids, after `id`. Looks at every key that comes. */
  withKeyPart(part: string, id: number, limit: number): readonly DiskRecord[] {
    return this.#sql(`SELECT ${COLUMNS} FROM objects WHERE id > ? AND instr(key, ?) > 0 ORDER BY id LIMIT ?`)
      .all(id, latin1(part), limit)
      .map(recordOf);
  }

  has(id: number): boolean {
    return this.#sql('SELECT 1 FROM objects WHERE id = ?').get(id) !== undefined;
  }

  content(id: number): DiskContent | undefined {
    const row = this.#sql('SELECT meta, body FROM contents WHERE id = ?').get(id);
    if (row === undefined) return undefined;
    return { meta: textIn(row, 'meta'), body: row['body'] === null ? undefined : bytesIn(row, 'body') };
  }

  insert(record: DiskRecord, { meta, body }: DiskContent): void {
    const { id, hash, key, variant, part, run, flags, untilMs, usedMin, arrivedMs, bodyBytes, fileBytes, digest } = record;
    this.#sql(`INSERT INTO objects (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
      ...[id, hash, latin1(key), variant, part, run, flags, untilMs, usedMin, arrivedMs, bodyBytes, fileBytes, digest],
      floatBytes(record.numbers),
      floatBytes(record.names),
    );
    this.#sql('INSERT INTO contents (id, meta, body) VALUES (?, ?, ?)').run(id, latin1(meta), body ?? null);
    for (const name of record.names) this.#sql('INSERT OR IGNORE INTO names VALUES (?, ?)').run(name, id);
  }

  /** Another head for the same body. `record.id` is that of `before`. */
  update(before: DiskRecord, record: DiskRecord, meta: string): void {
    const { id, run, flags, untilMs, usedMin, arrivedMs } = record;
    this.#sql('UPDATE objects SET run = ?, flags = ?, until = ?, used = ?, arrived = ?, numbers = ?, names = ? WHERE id = ?').run(
      ...[run, flags, untilMs, usedMin, arrivedMs, floatBytes(record.numbers), floatBytes(record.names), id],
    );
    this.#sql('UPDATE contents SET meta = ? WHERE id = ?').run(latin1(meta), id);
    for (const name of before.names) this.#sql('DELETE FROM names WHERE hash = ? AND id = ?').run(name, id);
    for (const name of record.names) this.#sql('INSERT OR IGNORE INTO names VALUES (?, ?)').run(name, id);
  }

  remove({ id, names }: DiskRecord): void {
    this.#sql('DELETE FROM objects WHERE id = ?').run(id);
    this.#sql('DELETE FROM contents WHERE id = ?').run(id);
    for (const name of names) this.#sql('DELETE FROM names WHERE hash = ? AND id = ?').run(name, id);
  }

  removeAll(): void {
    this.#database.exec('DELETE FROM objects; DELETE FROM contents; DELETE FROM names');
  }

  flag(id: number, bits: number): void {
    this.#sql('UPDATE objects SET flags = flags | ? WHERE id = ?').run(bits, id);
  }

  flagAll(bits: number): void {
    this.#sql('UPDATE objects SET flags = flags | ?').run(bits);
  }

  setUsed(id: number, usedMin: number): void {
    this.#sql('UPDATE objects SET used = ? WHERE id = ?').run(usedMin, id);
  }

  totals(): DiskTotals {
    const row = this.#sql('SELECT count(*) AS objects, total(file_bytes) AS bytes FROM objects').get() ?? {};
    return { objects: numberIn(row, 'objects'), fileBytes: numberIn(row, 'bytes') };
  }

  /**
   * The slot of every key hash (`table` objects) or name, out of an index alone: heads and bodies are not touched. As one
   * text a range, which takes a fifth of the time that rows take.
   */
  eachSlot(table: 'objects' | 'names', shift: number, visit: (slot: number) => void): void {
    for (let from = 0; from < HASHES; from += RANGE) {
      const text = this.#sql(`SELECT group_concat(hash >> ?) AS slots FROM ${table} WHERE hash >= ? AND hash < ?`).get(
        shift,
        from,
        from + RANGE,
      );
      const slots: unknown = JSON.parse(`[${text?.['slots'] ?? ''}]`);
      if (Array.isArray(slots)) for (const slot of slots) if (typeof slot === 'number') visit(slot);
    }
  }

  /** Pages of the database that hold nothing. */
  get freePages(): number {
    return readPragma(this.#database, 'freelist_count');
  }

  get pages(): number {
    return readPragma(this.#database, 'page_count');
  }

  /** Gives free pages back to the file system, as far as nobody is reading from the log. Not within a transaction. */
  shrink(pages: number): void {
    this.#database.exec(`PRAGMA incremental_vacuum(${pages})`);
    this.checkpoint();
  }

  /** Copies the log into the database and empties it. */
  checkpoint(): void {
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  #sql(text: string): StatementSync {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(text);
    this.#statements.set(text, statement);
    return statement;
  }
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
