import type { Numbers } from '../base/numbers.ts';
import {
  BIT_PARTIAL,
  BIT_VARY,
  BIT_NO_VARY_SEARCH,
  BIT_HEADERS_ONLY,
  FLAG_STALE,
  N_BITS,
  N_EPOCH,
  N_FRESH_UNTIL,
} from '../cache/numbers.ts';
import type { Epochs } from '../shm/epochs.ts';
import type { Flights } from '../shm/flights.ts';
import type { ObjectStore } from '../shm/object-store.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import type { DiskTier } from './disk-tier.ts';
import { EntryMemo } from './entry-memo.ts';
import { PREFIX_PURGE_EPOCH } from './purge-epoch.ts';
import { readEntry, type StoredEntry } from './stored-entry.ts';

/** What all workers of the host cache in. */
export type CachingServices = {
  readonly store: ObjectStore;
  readonly epochs: Epochs;
  readonly disk: DiskTier | undefined;
  /** `undefined`: nothing is collapsed. */
  readonly flights?: Flights | undefined;
};

/** Entries that are not answered by key alone: the request has to be compared with them. */
const NOT_PLAIN = BIT_VARY | BIT_PARTIAL | BIT_HEADERS_ONLY | BIT_NO_VARY_SEARCH;

/** One worker's way into the shared cache, and its memory of what it has read there. */
export class Caching {
  readonly store: ObjectStore;
  readonly epochs: Epochs;
  readonly disk: DiskTier | undefined;
  readonly flights: Flights | undefined;
  /** Purges by prefix have no epoch for each prefix: one for all, which counts for what is being stored just then. */
  private readonly prefixCells: readonly number[];
  private readonly byEntry = new EntryMemo<number>();
  private readonly byKey = new EntryMemo<string>();

  constructor(services: CachingServices) {
    this.store = services.store;
    this.epochs = services.epochs;
    this.disk = services.disk;
    this.flights = services.flights;
    this.prefixCells = [services.epochs.cellOf(PREFIX_PURGE_EPOCH)];
  }

  /** The entry that answers every plain GET of this key, if it is known here and fresh. Three atomic loads. */
  findPlain(key: string, hostMs: number): StoredEntry | undefined {
    const entry = this.byKey.get(key);
    if (entry === undefined) return undefined;
    const { store } = this;
    if (!store.isCurrent(entry.object) || hostMs >= (entry.numbers[N_FRESH_UNTIL] ?? 0)) return undefined;
    return store.flagsOf(entry.object) === 0 && entry.flags === 0 && entry.version === this.epochs.version() ? entry : undefined;
  }

  /** All entries that are stored under the key, newest first, with their flags as of now. */
  findAll(key: string): StoredEntry[] {
    const { store } = this;
    const found: StoredEntry[] = [];
    for (let at = store.find(key); at >= 0; ) {
      const entry = this.entryAt(at);
      // Before it may be dropped: a dropped one leads nowhere.
      at = store.next(at, key);
      // Between the find and the open the place may have gone to another key.
      if (entry !== undefined && entry.object.key === key && this.refresh(entry)) found.push(entry);
    }
    return found;
  }

  /** Remembers that `entry` alone answers the key, where that is so. */
  rememberPlain(entry: StoredEntry): void {
    if (((entry.numbers[N_BITS] ?? 0) & NOT_PLAIN) === 0) this.byKey.set(entry.object.key, entry);
  }

  /** What has just been published or updated here. `undefined`: it was purged while it was under way. */
  adopt(object: StoredObject): StoredEntry | undefined {
    if (this.isPrefixPurged(object.numbers)) {
      this.store.doom(object);
      return undefined;
    }
    const entry = readEntry(this.epochs, object);
    if (entry === undefined || !this.refresh(entry)) return undefined;
    this.byEntry.set(object.entry, entry);
    return entry;
  }

  /** Some purge by prefix has come since its request was sent; it may have been one for this. */
  isPrefixPurged(numbers: Numbers): boolean {
    return this.epochs.verdict(this.prefixCells, numbers[N_EPOCH] ?? 0) !== 'valid';
  }

  /** Whether an entry that was found some time ago is there still and has not been invalidated since; its flags are as of now. */
  isGoodStill(entry: StoredEntry): boolean {
    return this.store.isCurrent(entry.object) && this.refresh(entry);
  }

  private entryAt(at: number): StoredEntry | undefined {
    const known = this.byEntry.get(at);
    if (known !== undefined && this.store.isCurrent(known.object)) return known;
    const object = this.store.open(at);
    const entry = object === undefined ? undefined : readEntry(this.epochs, object);
    if (entry !== undefined) this.byEntry.set(at, entry);
    return entry;
  }

  /** Takes the flags anew. False: it has been invalidated, and is dropped. */
  private refresh(entry: StoredEntry): boolean {
    const version = this.epochs.version();
    const flags = this.store.flagsOf(entry.object);
    if (version !== entry.version) {
      const verdict = entry.judge(this.epochs);
      if (verdict === 'gone') {
        this.store.doom(entry.object);
        return false;
      }
      entry.isSoftPurged = verdict === 'stale';
      entry.version = version;
    }
    entry.flags = entry.isSoftPurged ? flags | FLAG_STALE : flags;
    return true;
  }
}
