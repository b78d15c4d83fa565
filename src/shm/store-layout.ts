import { assert } from '../base/assert.ts';
import { SEED_BYTES } from './keyed-hash.ts';
import { createSeeded, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';
import type { StoreSpec } from './store-types.ts';

/** The unit of the arena. A block is a run of granules. */
export const GRANULE_BYTES = 64;
export const GRANULE_WORDS = GRANULE_BYTES / 4;
/** A block holds at most this much; what is longer is a chain of blocks. */
export const MAX_BLOCK_GRANULES = 1024;

export const MIN_STORE_BYTES = 64 * 1024;
export const MAX_STORE_BYTES = 64 * 2 ** 30;
export const MAX_PARTICIPANTS = 128;

/** One entry of the table for each KiB of the segment: smaller objects than that run out of entries before they run out of arena. */
const BYTES_PER_ENTRY = 1024;

/**
 * The record of an entry: 32 int32, two cache lines. The first line is what readers read; the second what they and writers
 * change. `[lock]`: only touched under the lock. `[fixed]`: written before the entry is filling, then constant for its generation.
 */
export const RECORD_WORDS = 32;
export const RECORD = Object.freeze({
  /** generation << 2 | state; see entry-table.ts. */
  STATE: 0,
  /** [fixed] */
  HASH_LOW: 1,
  /** [fixed] */
  HASH_HIGH: 2,
  /** Next entry of the bucket's chain, + 1. Written under the lock, read by walkers. */
  CHAIN_NEXT: 3,
  /** [fixed] The first block: key and begin of the body. */
  FIRST: 4,
  /** Blocks with numbers and meta of even and odd generations, so that an update is one store of the state. Written under the lock. */
  HEAD_EVEN: 5,
  HEAD_ODD: 6,
  /** Whole body; while filling: what is written so far. */
  BODY_LENGTH: 7,
  /** S3-FIFO: hits since it was last looked at, 0..3. Racy on purpose. */
  MARKS: 8,
  /** generation << 8 | 8 flags. */
  FLAGS: 9,
  /** [fixed] The participant that fills it. */
  OWNER: 10,
  /** [lock] 0 none, 1 small, 2 main. */
  QUEUE: 11,
  /** float64, two cells: useless after, in host ms. A hint for eviction and sweep. */
  USELESS_AFTER: 12,
  /** [lock] Towards the head (newer), + 1. */
  NEWER: 14,
  /** [lock] Towards the tail (older), + 1. For a free entry: the next free one, + 1. */
  OLDER: 15,
  /** One bit a participant; four cells. */
  PINS: 16,
  /** 0, or participant + 1 in the low byte and the second of the claim above it. */
  CLAIM: 20,
  /** [lock] All granules it owns. */
  GRANULES: 21,
  /** [lock] Order of entry into its queue, for recovery. Wraps. */
  QUEUE_TURN: 22,
  /** [lock] Order of publication, for recovery. Wraps. */
  BIRTH: 23,
  /** [lock] Payload of its first block other than body: key and meta. */
  HEAD_PAYLOAD: 24,
  /** What readers of a running fill wait for: twice the number of changes (a write, the end), and 1 while somebody waits. See filling-object.ts. Wraps. */
  CHANGE: 25,
  /** How far a fill is: see `STAGE` in entry-table.ts. Written by the filler alone. */
  STAGE: 26,
  /** [lock] How many of its granules count against the limit of running fills; 0 once it is published. */
  FILLING: 27,
});

/** int32 cells that belong to the whole store. Two lines: what the lock protects, what it does not. */
export const CONTROL = Object.freeze({
  LOCK: 0,
  /** The lock's second cell. */
  TURN: 1,
  /** [lock] First free entry, + 1. */
  FREE_ENTRY: 2,
  /** [lock] Entries from here on have never been used. Read without the lock by scans. */
  USED_ENTRIES: 3,
  /** [lock] Heads and tails of the queues small and main, + 1. */
  QUEUE_ENDS: 4,
  /** [lock] Counters that wrap: ghost clock (granules), queue turn, birth. */
  GHOST_CLOCK: 8,
  QUEUE_TURN: 9,
  BIRTH: 10,
  /** On a line of its own: set when the released set holds something. */
  RELEASED_HINT: 16,
  /** Counted without the lock (they wrap): lock timeouts, dooms, then failed fills by reason. */
  LOCK_TIMEOUTS: 17,
  DOOMS: 18,
  FAILED_FILLS: 19,
  CELLS: 32,
});

/** float64 cells, written under the lock and read by anybody. */
export const TOTALS = Object.freeze({
  OBJECTS: 0,
  PAYLOAD: 1,
  FREE_GRANULES: 2,
  EVICTIONS: 3,
  FILLS: 4,
  RECOVERIES: 5,
  SMALL_GRANULES: 6,
  MAIN_GRANULES: 7,
  /** Granules of running fills, also of those given up and still pinned. */
  FILLING_GRANULES: 9,
  /** Host time as of the last sweep, for evictions (the coordinator alone writes it, without the lock). */
  HOST_MS: 8,
  CELLS: 16,
});

/** Blocks of one granule up to the largest arena: 16 exact classes, then 16 a power of two. */
export const SIZE_CLASSES = 28 * 16;
/** int32 of the arena's state: a bit a non-empty class (a word a power of two), a bit a non-empty word, then the lists' heads. */
export const ARENA_STATE = Object.freeze({ ROWS: 0, SUMMARY: 28, HEADS: 32, CELLS: 32 + SIZE_CLASSES });

/** Slots of one set of the ghost table: fingerprint and time each, one cache line. */
export const GHOST_WAYS = 8;

const VERSION = 1;

type StoreRegion = 'seed' | 'control' | 'totals' | 'arenaState' | 'released' | 'buckets' | 'ghosts' | 'usedGranules' | 'records' | 'arena';

/** All views of one thread over the memory of a store. No behaviour. */
export class StoreMemory {
  readonly memory: SharedArrayBuffer;
  readonly participants: number;
  readonly maxEntries: number;
  readonly granules: number;
  readonly seed: Uint8Array;
  readonly control: Int32Array;
  readonly totals: Float64Array;
  readonly arenaState: Int32Array;
  /** Two levels of bits over the entries: `releasedWords` words of entries, then a bit for each of these words. */
  readonly released: Int32Array;
  readonly buckets: Int32Array;
  readonly ghosts: Int32Array;
  /** One bit a granule; true at the first and last granule of each used block. */
  readonly usedGranules: Int32Array;
  readonly records: Int32Array;
  /** The records once more, for `USELESS_AFTER`. */
  readonly recordNumbers: Float64Array;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly bytes: Buffer;

  constructor(memory: SharedArrayBuffer) {
    const dimensions = readDimensions(memory, SEGMENT_KINDS.objectStore, VERSION);
    const [participants = 0, maxEntries = 0, granules = 0] = dimensions;
    const { regions } = planStore(participants, maxEntries, granules);
    const int32 = (name: StoreRegion) => new Int32Array(memory, regions[name].offset, regions[name].bytes / 4);
    this.memory = memory;
    this.participants = participants;
    this.maxEntries = maxEntries;
    this.granules = granules;
    this.seed = new Uint8Array(memory, regions.seed.offset, SEED_BYTES);
    this.control = int32('control');
    this.totals = new Float64Array(memory, regions.totals.offset, TOTALS.CELLS);
    this.arenaState = int32('arenaState');
    this.released = int32('released');
    this.buckets = int32('buckets');
    this.ghosts = int32('ghosts');
    this.usedGranules = int32('usedGranules');
    this.records = int32('records');
    this.recordNumbers = new Float64Array(memory, regions.records.offset, regions.records.bytes / 8);
    this.words = int32('arena');
    this.numbers = new Float64Array(memory, regions.arena.offset, regions.arena.bytes / 8);
    this.bytes = Buffer.from(memory, regions.arena.offset, regions.arena.bytes);
  }
}

/** Lays out and makes the memory of a store, no larger than asked for; the arena's state is still to be made. Throws when the spec is out of bounds. */
export function createStoreMemory(spec: StoreSpec): StoreMemory {
  assert(spec.bytes >= MIN_STORE_BYTES && spec.bytes <= MAX_STORE_BYTES, `a store has ${MIN_STORE_BYTES} to ${MAX_STORE_BYTES} bytes`);
  assert(spec.participants >= 1 && spec.participants <= MAX_PARTICIPANTS, `a store has 1 to ${MAX_PARTICIPANTS} participants`);
  const maxEntries = Math.floor(spec.bytes / BYTES_PER_ENTRY);
  const tableBytes = planStore(spec.participants, maxEntries, 0).totalBytes;
  // Each granule takes its bit of `usedGranules` too; that region is rounded up to a line.
  const granules = Math.floor(((spec.bytes - tableBytes - LINE_BYTES) * 8) / (GRANULE_BYTES * 8 + 1));
  return new StoreMemory(createSeeded(planStore(spec.participants, maxEntries, granules), spec.seed));
}

function planStore(participants: number, maxEntries: number, granules: number): SegmentPlan<StoreRegion> {
  const identity = { kind: SEGMENT_KINDS.objectStore, version: VERSION, dimensions: [participants, maxEntries, granules] };
  return planSegment(identity, [
    ['seed', SEED_BYTES],
    ['control', CONTROL.CELLS * 4],
    ['totals', TOTALS.CELLS * 8],
    ['arenaState', ARENA_STATE.CELLS * 4],
    ['released', (releasedWords(maxEntries) + wordsOfBits(releasedWords(maxEntries))) * 4],
    ['buckets', powerOfTwo(maxEntries * 0.75) * 4],
    ['ghosts', powerOfTwo(maxEntries / GHOST_WAYS) * GHOST_WAYS * 8],
    ['usedGranules', wordsOfBits(granules) * 4],
    ['records', maxEntries * RECORD_WORDS * 4],
    ['arena', granules * GRANULE_BYTES],
  ]);
}

/** Words of the released set's first level. */
export function releasedWords(maxEntries: number): number {
  return wordsOfBits(maxEntries);
}

function wordsOfBits(bits: number): number {
  return Math.ceil(bits / 32);
}

/** The smallest power of two that is not below `value`. */
function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(value, 1)));
}
