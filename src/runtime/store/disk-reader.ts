import { createHash } from 'node:crypto';
import { N_FRESH_UNTIL } from '../../cache/numbers.ts';
import { decodeMeta } from '../../cache/stored.ts';
import type { Fill } from '../../shm/fill.ts';
import type { StoredObject } from '../../shm/stored-object.ts';
import type { DiskCounts } from './disk-figures.ts';
import type { DiskContent, DiskRecord } from './disk-record.ts';
import type { DiskShelf } from './disk-shelf.ts';
import { numbersFromDisk } from './disk-times.ts';
import { findAsNew, type MemoryView, type Variant, variantOf } from './disk-view.ts';
import { DIGEST_BYTES, type Moment } from './disk-writer.ts';

/** Of the variants under one key, the newest that come to so much are brought. */
const MAX_FETCH_BYTES = 32 * 1024 * 1024;
/** Last use is kept by the minute, and not written for less. */
const MIN_USE_STEP_MIN = 5;
const MS_A_MINUTE = 60_000;

/** `damaged`: it is not what was written, and must go. `refused`: memory did not take it. */
type Loaded = 'loaded' | 'known' | 'damaged' | 'refused';

/** Brings objects from disk into memory. */
export class DiskReader {
  readonly #shelf: DiskShelf;
  /** Row to minute of last use, to be written with the next change. */
  readonly #uses = new Map<number, number>();
  readonly #counts: DiskCounts;

  constructor(shelf: DiskShelf, counts: DiskCounts) {
    this.#shelf = shelf;
    this.#counts = counts;
  }

  /** True: something under `key` has come into memory, or was there by now. `run`: of this process. Throws what the disk throws. */
  fetch(view: MemoryView, key: string, moment: Moment & { readonly run: number }): boolean {
    const { presence, hash } = this.#shelf;
    const slot = presence.keys.slotOf(hash.of(key));
    let bytes = 0;
    let isThere = false;
    const damaged: DiskRecord[] = [];
    for (const row of presence.keys.isOpen(slot) ? this.#shelf.under(key) : []) {
      bytes += row.bodyBytes;
      if (row.untilMs < moment.wallNowMs) continue;
      if (bytes === row.bodyBytes || bytes <= MAX_FETCH_BYTES) {
        const loaded = this.#load(view, row, moment);
        if (loaded === 'damaged') damaged.push(row);
        if (loaded === 'loaded' || loaded === 'known') isThere = true;
      }
    }
    if (isThere) this.#counts.fetched += 1;
    else this.#counts.missed += 1;
    this.#drop(damaged);
    return isThere;
  }

  /** Uses since the last call. */
  takeUses(): ReadonlyMap<number, number> {
    const uses = new Map(this.#uses);
    this.#uses.clear();
    return uses;
  }

  #load(view: MemoryView, row: DiskRecord, moment: Moment & { readonly run: number }): Loaded {
    const content = this.#shelf.index.content(row.id);
    const meta = content === undefined ? undefined : decodeMeta(content.meta);
    if (content === undefined || meta === undefined) return 'damaged';
    const variant = variantOf(meta, row.numbers);
    if (findAsNew(view.store, row.key, variant, row.arrivedMs) !== undefined) return 'known';
    const restored = numbersFromDisk(row.numbers, {
      wallOffsetMs: moment.wallNowMs - moment.hostNowMs,
      hostNowMs: moment.hostNowMs,
      isSameRun: row.run === moment.run,
    });
    const flags = row.flags | restored.flags;
    // Nobody must take it for fresh before its flags are set.
    if (flags !== 0) restored.numbers[N_FRESH_UNTIL] = Number.NEGATIVE_INFINITY;
    const fill = view.store.begin({ key: row.key, meta: content.meta, numbers: restored.numbers, expectedBytes: row.bodyBytes });
    if (fill === undefined) return 'refused';
    const copied = this.#copyBody(fill, row, content);
    if (copied !== 'loaded') {
      fill.abort();
      if (copied === 'damaged') this.#counts.damaged += 1;
      return copied;
    }
    return this.#publish(view, { fill, row, variant, flags, usedMin: Math.floor(moment.wallNowMs / MS_A_MINUTE) });
  }

  #copyBody(fill: Fill, row: DiskRecord, { body }: DiskContent): Loaded {
    const hash = createHash('sha256');
    let isTaken = true;
    const take = (piece: Uint8Array): boolean => {
      hash.update(piece);
      isTaken = fill.write(piece);
      return isTaken;
    };
    const isWhole = row.fileBytes > 0 ? this.#shelf.files.read(row.id, row.bodyBytes, take) : body !== undefined && take(body);
    if (!isTaken) return 'refused';
    const digest = hash.digest().subarray(0, DIGEST_BYTES);
    return isWhole && fill.bytesStored === row.bodyBytes && digest.equals(row.digest) ? 'loaded' : 'damaged';
  }

  /** What was invalidated while it was read does not come back, or not for longer than this call. */
  #publish(
    view: MemoryView,
    { fill, row, variant, flags, usedMin }: { fill: Fill; row: DiskRecord; variant: Variant; flags: number; usedMin: number },
  ): Loaded {
    const { keys } = this.#shelf.presence;
    const slot = keys.slotOf(row.hash);
    if (!keys.isOpen(slot)) {
      fill.abort();
      return 'refused';
    }
    const published = fill.publish([]);
    if (published === undefined) return 'refused';
    if (flags !== 0) view.store.setFlags(published, flags);
    if (!keys.isOpen(slot) || this.#isOutdated(view, published, variant, row)) {
      view.store.doom(published);
      return 'refused';
    }
    if (usedMin - row.usedMin >= MIN_USE_STEP_MIN) this.#uses.set(row.id, usedMin);
    return 'loaded';
  }

  /** A worker has published a newer one meanwhile. */
  #isOutdated(view: MemoryView, published: StoredObject, variant: Variant, row: DiskRecord): boolean {
    const newer = findAsNew(view.store, row.key, variant, row.arrivedMs);
    return newer !== undefined && newer.entry !== published.entry;
  }

  #drop(rows: readonly DiskRecord[]): void {
    if (rows.length === 0) return;
    this.#shelf.change((change) => {
      for (const row of rows) change.remove(row);
    });
  }
}
