import { createHash } from 'node:crypto';
import { FLAG_INVALID, FLAG_STALE, N_USELESS_AFTER } from '../../cache/numbers.ts';
import { decodeMeta, epochNames, type StoredMeta } from '../../cache/stored.ts';
import type { StoredObject } from '../../shm/stored-object.ts';
import { blockBytes } from './body-files.ts';
import type { DiskCounts } from './disk-figures.ts';
import type { DiskRecord } from './disk-record.ts';
import type { DiskChange, DiskShelf } from './disk-shelf.ts';
import { type DiskNeed, type DiskSpace, rowBytes } from './disk-space.ts';
import { numbersToDisk } from './disk-times.ts';
import { arrivedAt, judge, type MemoryView, replacesPart, variantOf } from './disk-view.ts';

/** What will be useless sooner is not worth the wear of writing it. */
const MIN_LIFE_MS = 10_000;
/**
 * Bodies up to this stand in the database. Measured (64 a transaction, µs to write and to read): 1 KiB 7 and 14 against 28 and
 * 13 in a file; 4 KiB 59 and 27 against 41 and 16; 16 KiB 118 and 68 against 110 and 14. A file takes 4 KiB at least.
 */
const MAX_INLINE_BYTES = 4096;
const IDS_PER_RUN = 2 ** 32;
export const DIGEST_BYTES = 16;
const MS_A_MINUTE = 60_000;

/** The two clocks, read once for a batch. */
export type Moment = { readonly hostNowMs: number; readonly wallNowMs: number };

/** An object of the memory, pinned, and its row to be. */
type Candidate = {
  readonly object: StoredObject;
  readonly names: readonly string[];
  readonly record: DiskRecord;
};

export type WriterParts = { readonly shelf: DiskShelf; readonly space: DiskSpace; readonly counts: DiskCounts };

/** Copies objects from memory to disk, some in one transaction. */
export class DiskWriter {
  readonly #shelf: DiskShelf;
  readonly #space: DiskSpace;
  readonly #counts: DiskCounts;
  readonly #run: number;
  #lastId: number;

  /** `run` is this process's own number among all that have written here. */
  constructor({ shelf, space, counts }: WriterParts, run: number) {
    this.#shelf = shelf;
    this.#space = space;
    this.#counts = counts;
    this.#run = run;
    this.#lastId = run * IDS_PER_RUN;
  }

  get run(): number {
    return this.#run;
  }

  /** Whether a file of that id may be of this process, and so may have its row still to come. */
  isOwnId(id: number): boolean {
    return id >= this.#run * IDS_PER_RUN;
  }

  /**
   * Writes what is still current of these objects. Whatever is not written takes what the disk has in its place along, so that
   * the disk never goes back in time. Throws what the disk throws; nothing has changed then.
   */
  write(view: MemoryView, objects: readonly StoredObject[], moment: Moment): void {
    const pinned = new Map<StoredObject, Candidate>();
    try {
      for (const object of objects) {
        const candidate = this.#isWorthIt(object, moment) ? this.#prepare(view, object, moment) : undefined;
        if (candidate !== undefined) pinned.set(object, candidate);
      }
      const hasRoom = this.#space.makeRoom(needOf(pinned.values()));
      this.#shelf.change((change) => {
        for (const object of objects) this.#put(change, view, { object, candidate: hasRoom ? pinned.get(object) : undefined });
      });
    } finally {
      for (const object of pinned.keys()) view.store.unpin(object);
    }
  }

  #isWorthIt({ numbers, bodyLength }: StoredObject, { hostNowMs }: Moment): boolean {
    const uselessAfter = numbers[N_USELESS_AFTER] ?? 0;
    return (uselessAfter === 0 || uselessAfter - hostNowMs >= MIN_LIFE_MS) && bodyLength <= this.#space.maxObjectBytes;
  }

  #replacedBy({ key, meta, numbers }: StoredObject): readonly DiskRecord[] {
    const decoded = decodeMeta(meta);
    if (decoded === undefined) return this.#shelf.under(key);
    const { selecting, part } = variantOf(decoded, numbers);
    const variant = this.#shelf.hash.of(selecting);
    return this.#shelf.under(key).filter((row) => row.variant === variant && replacesPart(part, row.part));
  }

  /** `undefined`: it has gone. Else it is pinned. */
  #prepare(view: MemoryView, object: StoredObject, moment: Moment): Candidate | undefined {
    const meta = decodeMeta(object.meta);
    if (meta === undefined || !view.store.pin(object)) return undefined;
    const names = epochNames(meta);
    const record = {
      ...this.#describe(object, meta, moment),
      digest: digestOf(object.pieces),
      fileBytes: object.bodyLength <= MAX_INLINE_BYTES ? 0 : blockBytes(object.bodyLength),
      names: Float64Array.from(names, (name) => this.#shelf.hash.of(name)),
    };
    return { object, names, record };
  }

  #describe(object: StoredObject, meta: StoredMeta, { hostNowMs, wallNowMs }: Moment): Omit<DiskRecord, 'digest' | 'fileBytes' | 'names'> {
    const { key, bodyLength } = object;
    const { selecting, part } = variantOf(meta, object.numbers);
    const numbers = numbersToDisk(object.numbers, wallNowMs - hostNowMs);
    const uselessAfter = numbers[N_USELESS_AFTER] ?? 0;
    this.#lastId += 1;
    return {
      id: this.#lastId,
      hash: this.#shelf.hash.of(key),
      key,
      variant: this.#shelf.hash.of(selecting),
      part,
      run: this.#run,
      flags: 0,
      untilMs: uselessAfter === 0 ? Number.POSITIVE_INFINITY : uselessAfter,
      usedMin: Math.floor(wallNowMs / MS_A_MINUTE),
      arrivedMs: arrivedAt(numbers),
      bodyBytes: bodyLength,
      numbers,
    };
  }

  #put(change: DiskChange, view: MemoryView, { object, candidate }: { object: StoredObject; candidate: Candidate | undefined }): void {
    const replaced = this.#replacedBy(object);
    const kept = candidate === undefined ? undefined : this.#putCandidate(change, view, { candidate, replaced });
    for (const row of replaced) if (row !== kept) change.remove(row);
  }

  /** Returns the row that goes on under a new head. */
  #putCandidate(
    change: DiskChange,
    view: MemoryView,
    { candidate, replaced }: { candidate: Candidate; replaced: readonly DiskRecord[] },
  ): DiskRecord | undefined {
    const { object, record, names } = candidate;
    const same = replaced.find((row) => isSameBody(row, record));
    const row = same === undefined ? record : { ...record, id: same.id, fileBytes: same.fileBytes };
    // Before the last look at whether it is still wanted: who invalidates looks for what is announced after it has invalidated.
    change.announce(row);
    const flags = this.#flagsNow(view, object, names);
    if (flags === undefined) {
      change.withdraw(row);
      return undefined;
    }
    this.#counts.written += 1;
    if (same !== undefined) {
      change.update(same, { ...row, flags }, object.meta);
      return same;
    }
    this.#counts.writtenBytes += row.bodyBytes;
    change.insert({ ...row, flags }, object.meta, object.pieces);
    return undefined;
  }

  /** `undefined`: it is not to be kept. */
  #flagsNow({ store, epochs }: MemoryView, object: StoredObject, names: readonly string[]): number | undefined {
    if (!store.isCurrent(object)) return undefined;
    const verdict = judge(epochs, names, object.numbers);
    const flags = store.flagsOf(object) | (verdict === 'stale' ? FLAG_STALE : 0);
    return verdict === 'gone' || (flags & FLAG_INVALID) !== 0 ? undefined : flags;
  }
}

function isSameBody(row: DiskRecord, { part, bodyBytes, digest }: DiskRecord): boolean {
  return row.part === part && row.bodyBytes === bodyBytes && Buffer.compare(row.digest, digest) === 0;
}

function needOf(candidates: Iterable<Candidate>): DiskNeed {
  let fileBytes = 0;
  let rows = 0;
  for (const { record, object } of candidates) {
    fileBytes += record.fileBytes;
    rows += rowBytes(record.key, object.meta, record.fileBytes > 0 ? 0 : record.bodyBytes);
  }
  return { fileBytes, rowBytes: rows };
}

/** Tells a body from another, and whether what is read is what was written. */
function digestOf(pieces: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest().subarray(0, DIGEST_BYTES);
}
