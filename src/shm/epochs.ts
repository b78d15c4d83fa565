import { KeyedHash, MAX_HASHED_LENGTH, SEED_BYTES } from './keyed-hash.ts';
import { createSeeded, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

/** What `since` is worth: still valid, to be revalidated (soft), or not to be used any more (hard). */
export type EpochVerdict = 'valid' | 'stale' | 'gone';

/** Cells for names, and as many for URLs. A power of two. */
const CELLS = 65_536;
const VERSION = 1;
/** The first cells of a table stand for everything; cells of names and URLs come after it. */
const EVERYTHING = 0;
const FIRST_CELL = LINE_BYTES / BigInt64Array.BYTES_PER_ELEMENT;
const ONE = 1n;

/**
 * Invalidation without scanning. What is stored keeps the sequence number of the moment its request was sent (`now`) and the
 * cells of its names; whoever invalidates a name stores the next sequence number in the name's cell. A collision of two names
 * in one cell invalidates too much, never too little.
 *
 * Cells and writers
 * - `sequence` (int64): one addition for each bump, by anybody. 64 bits, so it does not wrap.
 * - two tables of int64, hard and soft: the highest sequence number at which the cell was bumped. Only ever raised.
 * - `version` (int32, wraps): one addition after each bump.
 *
 * Order: sequence, cell, version. A request sent before the sequence moved on has a lower number than the cell: it is
 * invalid, whenever its answer is stored. One sent after it may have the cell's own number: it is valid, the origin had
 * been changed before the bump began. A reader loads the version, then the cells: if the version it remembers is the
 * present one, every bump that has returned is in what it has judged.
 *
 * A thread that dies in a bump leaves a sequence number without a cell (nothing is invalid by it, nobody was told so), or a
 * cell without a version (invalid for who judges anew). Each call is whole for whoever makes it again.
 */
export class Epochs {
  readonly memory: SharedArrayBuffer;
  readonly #hash: KeyedHash;
  readonly #sequence: BigInt64Array;
  readonly #version: Int32Array;
  readonly #hard: BigInt64Array;
  readonly #soft: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    readDimensions(memory, SEGMENT_KINDS.epochs, VERSION);
    const { regions } = planEpochs();
    const table = (offset: number) => new BigInt64Array(memory, offset, FIRST_CELL + 2 * CELLS);
    this.memory = memory;
    this.#hash = new KeyedHash(new Uint8Array(memory, regions.seed.offset, SEED_BYTES));
    this.#sequence = new BigInt64Array(memory, regions.sequence.offset, 1);
    this.#version = new Int32Array(memory, regions.version.offset, 1);
    this.#hard = table(regions.hard.offset);
    this.#soft = table(regions.soft.offset);
  }

  /** Take it before the request is sent upstream and keep it with what is stored. Whole, exact up to 2^53. */
  now(): number {
    return Number(Atomics.load(this.#sequence, 0));
  }

  /** Changes with every bump: who has judged at version v need not judge again while it is v. One load. Read it before judging. Wraps. */
  version(): number {
    return Atomics.load(this.#version, 0);
  }

  /** The cell of a tag or group (latin1 text; of a longer one than `MAX_HASHED_LENGTH` the beginning counts). */
  cellOf(name: string): number {
    return FIRST_CELL + this.#slotOf(name);
  }

  /** The cell of a URL (cells of URLs and names are apart). */
  urlCellOf(url: string): number {
    return FIRST_CELL + CELLS + this.#slotOf(url);
  }

  bumpAll(soft: boolean): void {
    this.#bump(EVERYTHING, soft);
  }

  /** Invalidates everything stored with the name whose request was sent before now. */
  bump(name: string, soft: boolean): void {
    this.#bump(this.cellOf(name), soft);
  }

  bumpUrl(url: string, soft: boolean): void {
    this.#bump(this.urlCellOf(url), soft);
  }

  /** When this URL was invalidated last, hard, as a number to compare with `now` of another moment; 0: never. */
  lastOfUrl(url: string): number {
    return Number(Atomics.load(this.#hard, this.urlCellOf(url)));
  }

  /** The worst that has befallen any of the cells, or everything, after `since`. */
  verdict(cells: readonly number[], since: number): EpochVerdict {
    if (this.#isBumped(this.#hard, cells, since)) return 'gone';
    return this.#isBumped(this.#soft, cells, since) ? 'stale' : 'valid';
  }

  #isBumped(table: BigInt64Array, cells: readonly number[], since: number): boolean {
    if (Number(Atomics.load(table, EVERYTHING)) > since) return true;
    for (const cell of cells) if (Number(Atomics.load(table, cell)) > since) return true;
    return false;
  }

  #bump(cell: number, soft: boolean): void {
    const table = soft ? this.#soft : this.#hard;
    const sequence = Atomics.add(this.#sequence, 0, ONE) + ONE;
    let found = Atomics.load(table, cell);
    // Another bump of the cell may have taken a later number and been quicker.
    while (found < sequence) {
      const before = Atomics.compareExchange(table, cell, found, sequence);
      if (before === found) break;
      found = before;
    }
    Atomics.add(this.#version, 0, 1);
  }

  #slotOf(name: string): number {
    this.#hash.hash(name.length > MAX_HASHED_LENGTH ? name.slice(0, MAX_HASHED_LENGTH) : name);
    return this.#hash.low & (CELLS - 1);
  }
}

/** Makes the memory. Called once, by the coordinator. `seed`: 16 secret random bytes. */
export function createEpochs(seed: Uint8Array): SharedArrayBuffer {
  return createSeeded(planEpochs(), seed);
}

function planEpochs(): SegmentPlan<'seed' | 'sequence' | 'version' | 'hard' | 'soft'> {
  const tableBytes = (FIRST_CELL + 2 * CELLS) * BigInt64Array.BYTES_PER_ELEMENT;
  return planSegment({ kind: SEGMENT_KINDS.epochs, version: VERSION, dimensions: [] }, [
    ['seed', SEED_BYTES],
    ['sequence', 8],
    ['version', 4],
    ['hard', tableBytes],
    ['soft', tableBytes],
  ]);
}
