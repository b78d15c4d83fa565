import { statSync } from 'node:fs';
import { logPagesFor } from './disk-schema.ts';
import type { DiskCounts } from './disk-figures.ts';
import type { DiskRecord } from './disk-record.ts';
import type { DiskChange, DiskShelf } from './disk-shelf.ts';

const PAGE_BYTES = 4096;
/** What a row takes in the database beside its key, head and body, and a little more. */
const ROW_BYTES = 1024;
/** The index of the log, and the pages of the database that are not the objects'. */
const FIXED_BYTES = 128 * 1024;
/** The log may be longer than where it is copied back by what one transaction adds. */
const LOG_MARGIN_PAGES = 512;
const EVICT_ROWS = 32;
const SHRINK_PAGES = 256;
/** Rows that are spared in a row because memory uses them; then one goes all the same. */
const MAX_SPARED = 256;
const MS_A_MINUTE = 60_000;

/** Bytes in files, and bytes in the database. */
export type DiskNeed = { readonly fileBytes: number; readonly rowBytes: number };

export type SpaceOptions = {
  readonly limitBytes: number;
  readonly databasePath: string;
  readonly counts: DiskCounts;
  /** Whether the object is in memory, and so used whatever its row says. */
  isInMemory(record: DiskRecord): boolean;
  wallNowMs(): number;
};

/** What a row with so much text takes. */
export function rowBytes(key: string, meta: string, inlineBytes: number): number {
  return ROW_BYTES + key.length * 2 + meta.length + inlineBytes;
}

/**
 * Keeps all files of the tier together below the limit: bodies, database and log. Room is made before anything is written,
 * from what has expired, then from what was used longest ago. Files without rows are not known here: see `OrphanSweep`.
 */
export class DiskSpace {
  readonly #shelf: DiskShelf;
  readonly #options: SpaceOptions;
  readonly #logBytes: number;

  constructor(shelf: DiskShelf, options: SpaceOptions) {
    this.#shelf = shelf;
    this.#options = options;
    this.#logBytes = (logPagesFor(options.limitBytes) + LOG_MARGIN_PAGES) * PAGE_BYTES;
  }

  /** What could ever fit. */
  get maxObjectBytes(): number {
    return Math.floor((this.#options.limitBytes - this.#logBytes - FIXED_BYTES) / 4);
  }

  /** All that the tier takes on disk now. */
  usedBytes(): number {
    const { databasePath } = this.#options;
    return this.#shelf.fileBytes + sizeOf(databasePath) + sizeOf(`${databasePath}-wal`) + sizeOf(`${databasePath}-shm`);
  }

  /** True: so much more may be written. Changes the index, so not within a transaction. Throws what the disk throws. */
  makeRoom(need: DiskNeed): boolean {
    let spared = 0;
    for (;;) {
      const overBytes = this.#forecast(need) - this.#options.limitBytes;
      if (overBytes <= 0) return true;
      if (this.#shrink(need)) continue;
      const evicted = this.#evict(overBytes, spared < MAX_SPARED);
      if (evicted === undefined) return false;
      spared += evicted.spared;
    }
  }

  /** Drops what has expired. Returns how many rows, at most `limit`. */
  dropExpired(limit: number): number {
    const rows = this.#shelf.index.expired(this.#options.wallNowMs(), limit);
    if (rows.length > 0) this.#shelf.change((change) => removeAll(change, rows));
    return rows.length;
  }

  /** Bytes on disk when `need` is written: the database grows where its free pages do not do. The log is counted at its longest. */
  #forecast(need: DiskNeed): number {
    const { index, fileBytes } = this.#shelf;
    const database = index.pages * PAGE_BYTES;
    const growth = Math.max(0, need.rowBytes - index.freePages * PAGE_BYTES);
    return fileBytes + database + growth + need.fileBytes + this.#logBytes + FIXED_BYTES;
  }

  /** True: the database has become smaller. It keeps what the need would take from its free pages. */
  #shrink(need: DiskNeed): boolean {
    const { index } = this.#shelf;
    if (index.freePages * PAGE_BYTES <= need.rowBytes + SHRINK_PAGES * PAGE_BYTES) return false;
    const before = index.pages;
    index.shrink(SHRINK_PAGES);
    return index.pages < before;
  }

  /** `undefined`: there is nothing left to evict. */
  #evict(overBytes: number, maySpare: boolean): { readonly spared: number } | undefined {
    if (this.dropExpired(EVICT_ROWS) > 0) return { spared: 0 };
    const { index } = this.#shelf;
    const going: DiskRecord[] = [];
    const spared: DiskRecord[] = [];
    let freed = 0;
    for (const row of index.longestUnused(EVICT_ROWS)) {
      if (freed >= overBytes) break;
      if (maySpare && this.#options.isInMemory(row)) {
        spared.push(row);
        continue;
      }
      going.push(row);
      freed += row.fileBytes > 0 ? row.fileBytes : row.bodyBytes + ROW_BYTES;
    }
    if (going.length + spared.length === 0) return undefined;
    const used = Math.floor(this.#options.wallNowMs() / MS_A_MINUTE);
    this.#shelf.change((change) => {
      removeAll(change, going);
      for (const { id } of spared) index.setUsed(id, used);
    });
    this.#options.counts.evicted += going.length;
    return { spared: spared.length };
  }
}

function removeAll(change: DiskChange, rows: readonly DiskRecord[]): void {
  for (const row of rows) change.remove(row);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
