import { setImmediate as nextTurn } from 'node:timers/promises';
import { never } from '../../base/never.ts';
import { FLAG_STALE } from '../../cache/numbers.ts';
import type { PresenceCells } from '../../shm/presence-cells.ts';
import { hasKeyPrefix, parseKeyPrefix } from '../key-prefix.ts';
import type { DiskRecord } from './disk-record.ts';
import type { DiskShelf } from './disk-shelf.ts';
import { arrivedAt, type MemoryView, objectsUnder } from './disk-view.ts';

/** Rows in one transaction: each changes some eight pages, and the log must stay short. */
const ROWS_A_CHANGE = 64;

/** What is to go from disk, or (`isSoft`) is stale from now on. */
export type Removal =
  /** All variants of a key. */
  | { readonly kind: 'key'; readonly key: string; readonly isSoft: boolean }
  /** As `key`, but what memory has of it is right: only the disk is behind. */
  | { readonly kind: 'outdated'; readonly key: string }
  /** Everything with that epoch name: a URL, a tag, a group. */
  | { readonly kind: 'name'; readonly name: string; readonly isSoft: boolean }
  /** Everything whose URL begins so: see `parseKeyPrefix`. */
  | { readonly kind: 'prefix'; readonly prefix: string; readonly isSoft: boolean }
  | { readonly kind: 'all'; readonly isSoft: boolean };

/** What is removed at once. */
export type SmallRemoval = Extract<Removal, { readonly kind: 'key' | 'outdated' | 'name' }>;

export type RemoverOptions = {
  /** What of it may be in memory because it was fetched. */
  views(): readonly MemoryView[];
  wallNowMs(): number;
};

/**
 * Removes from disk what memory has been told to forget. A fetch may have brought a copy into memory behind the back of whoever
 * forgot; a copy is known by its time of arrival, and forgotten with its row.
 */
export class DiskRemover {
  readonly #shelf: DiskShelf;
  readonly #options: RemoverOptions;

  constructor(shelf: DiskShelf, options: RemoverOptions) {
    this.#shelf = shelf;
    this.#options = options;
  }

  /** Returns how many rows went. Throws what the disk throws; what comes after is not removed then. */
  removeNow(removals: readonly SmallRemoval[]): number {
    let count = 0;
    for (let at = 0; at < removals.length; at += ROWS_A_CHANGE) {
      const outdated: DiskRecord[] = [];
      const flagged: DiskRecord[] = [];
      const removed: DiskRecord[] = [];
      for (const removal of removals.slice(at, at + ROWS_A_CHANGE)) {
        const rows = removal.kind === 'name' ? this.#named(removal.name) : this.#shelf.under(removal.key);
        if (removal.kind === 'outdated') outdated.push(...rows);
        else (removal.isSoft ? flagged : removed).push(...rows);
      }
      count += this.#apply(distinct(removed), false) + this.#apply(distinct(flagged), true);
      this.#change(
        distinct(outdated).filter(({ id }) => !removed.some((row) => row.id === id)),
        false,
      );
    }
    return count;
  }

  /** Prefixes and all, a part in each turn of the loop; keys and names as well. Returns how many rows went. */
  async remove(removal: Removal): Promise<number> {
    switch (removal.kind) {
      case 'key':
      case 'outdated':
      case 'name':
        return this.removeNow([removal]);
      case 'prefix': {
        const prefix = parseKeyPrefix(removal.prefix);
        return this.#inParts(removal.isSoft, prefix.begin, (key) => hasKeyPrefix(key, prefix));
      }
      case 'all':
        return removal.isSoft ? this.#inParts(true, '', () => true) : this.#shelf.removeAll(this.#options.wallNowMs());
      default:
        return never(removal, 'remove');
    }
  }

  /** Slots that somebody could not tell the removals of. */
  removeVoided(): void {
    const { presence, index } = this.#shelf;
    this.#emptySlots(presence.keys, (from, to) => index.byHashes(from, to));
    this.#emptySlots(presence.names, (from, to) => index.byNames(from, to));
  }

  #emptySlots(cells: PresenceCells, rowsBetween: (from: number, to: number) => readonly DiskRecord[]): void {
    for (const slot of cells.voided()) {
      this.#apply(rowsBetween(cells.firstHashOf(slot), cells.firstHashOf(slot + 1)), false);
      cells.clearVoid(slot);
    }
  }

  #named(name: string): readonly DiskRecord[] {
    const hash = this.#shelf.hash.of(name);
    return this.#shelf.index.byNames(hash, hash + 1);
  }

  /** By id, so that what is written meanwhile is met as well, and all comes to an end. */
  async #inParts(isSoft: boolean, begin: string, isMeant: (key: string) => boolean): Promise<number> {
    const { index } = this.#shelf;
    let count = 0;
    let after = -1;
    for (;;) {
      const rows = index.withKeyPart(begin, after, ROWS_A_CHANGE);
      const last = rows.at(-1);
      if (last === undefined) return count;
      after = last.id;
      count += this.#apply(
        rows.filter(({ key }) => isMeant(key)),
        isSoft,
      );
      await nextTurn();
    }
  }

  #apply(rows: readonly DiskRecord[], isSoft: boolean): number {
    this.#change(rows, isSoft);
    for (const row of rows) this.#forgetCopies(row, isSoft);
    return rows.length;
  }

  #change(rows: readonly DiskRecord[], isSoft: boolean): void {
    for (let at = 0; at < rows.length; at += ROWS_A_CHANGE) {
      const part = rows.slice(at, at + ROWS_A_CHANGE);
      this.#shelf.change((change) => {
        for (const row of part) {
          if (isSoft) this.#shelf.index.flag(row.id, FLAG_STALE);
          else change.remove(row);
        }
      });
    }
  }

  #forgetCopies({ key, arrivedMs }: DiskRecord, isSoft: boolean): void {
    for (const { store } of this.#options.views()) {
      for (const object of objectsUnder(store, key)) {
        if (arrivedAt(object.numbers) !== arrivedMs) continue;
        if (isSoft) store.setFlags(object, FLAG_STALE);
        // One with a flag is what the removal was told of: it may still be validated.
        else if (store.flagsOf(object) === 0) store.doom(object);
      }
    }
  }
}

function distinct(rows: readonly DiskRecord[]): readonly DiskRecord[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
