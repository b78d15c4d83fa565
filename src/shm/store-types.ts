import type { Numbers } from '../base/numbers.ts';

/** What a store is made with. */
export type StoreSpec = {
  /** The whole segment: arena, tables and all. Between `MIN_STORE_BYTES` and 64 GiB. */
  readonly bytes: number;
  /** How many threads will open it, 1..128: the workers' slots, the coordinator, the store thread. */
  readonly participants: number;
  /** 16 secret random bytes: the key of all hashes in it, so that nobody outside can make keys collide. */
  readonly seed: Uint8Array;
};

/** What a fill begins with. */
export type NewObject = {
  /** latin1 text, compared whole at every lookup. */
  readonly key: string;
  /** latin1 text, opaque to the store. Key and meta together hold at most `MAX_HEAD_BYTES`. */
  readonly meta: string;
  /**
   * Up to 16 opaque float64. By convention `[0]` is "useless after" in host ms (0 or Infinity: never): the store drops what is past it
   * first. The object that `publish` returns has this very array: do not change it afterwards.
   */
  readonly numbers: Numbers;
  /** Length of the body when it is known, -1 when not. A hint for room, not a limit. */
  readonly expectedBytes: number;
};

/** Why a fill did not become an object. */
export type FillFailure = 'tooLarge' | 'noRoom' | 'lockTimeout' | 'aborted';

export type StoreStats = {
  /** Objects that a reader can find. */
  readonly objects: number;
  /** Most objects that the tables can hold. */
  readonly maxObjects: number;
  /** Keys, metas and bodies of these objects. Never above `arenaBytes`. */
  readonly payloadBytes: number;
  /** The memory for payload and its block headers; the rest of the segment is tables. */
  readonly arenaBytes: number;
  readonly freeBytes: number;
  /** The largest contiguous free block. */
  readonly largestFreeBytes: number;
  /** Blocks of fills that run: at most half of the arena. */
  readonly fillingBytes: number;
  /** Objects dropped to make room. */
  readonly evictions: number;
  /** Objects dropped because somebody said so: replaced, purged, expired. */
  readonly dooms: number;
  /** Fills that were published. */
  readonly fills: number;
  readonly failedFills: Readonly<Record<FillFailure, number>>;
  /** How often a lock could not be had in time. */
  readonly lockTimeouts: number;
  /** Calls of `recover` that found something to mend. */
  readonly recoveries: number;
};

export type RecoverReport = {
  /** False when another thread held the lock all the time (it may be dead too): recover that one, then call again. */
  readonly isComplete: boolean;
  /** The dead thread held the lock: index, queues and arena were made anew. */
  readonly brokeLock: boolean;
  readonly fills: number;
  readonly pins: number;
  readonly claims: number;
};

/** A run through the table of objects in parts. */
export type TablePart = {
  /** Where to begin: 0, or what the call before returned. */
  readonly from: number;
  /** Entries to look at, at most. */
  readonly maxEntries: number;
};
