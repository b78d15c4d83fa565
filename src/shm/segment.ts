import { assert } from '../base/assert.ts';
import { wordAt } from '../base/elements.ts';
import { SEED_BYTES } from './keyed-hash.ts';

/** One cache line. Every region begins on one, so that two writers of two regions never share a line. */
export const LINE_BYTES = 64;

const MAGIC = 0x534c4355; // "SLCU"
const HEADER_CELLS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;
const CELL_MAGIC = 0;
const CELL_KIND = 1;
const CELL_VERSION = 2;
const CELL_LINES = 3;
const CELL_DIMENSIONS = 4;
const MAX_DIMENSIONS = HEADER_CELLS - CELL_DIMENSIONS;

/**
 * What a segment is. `kind` tells structures apart, `version` their layouts, and `dimensions` (at most 12 int32) are the
 * capacities from which the layout follows: whoever opens a segment computes the same plan from them.
 */
export type SegmentIdentity = {
  readonly kind: number;
  readonly version: number;
  readonly dimensions: readonly number[];
};

/** A part of a segment; `offset` is in bytes from the segment's begin and a multiple of `LINE_BYTES`. */
export type Region = { readonly offset: number; readonly bytes: number };

export type SegmentPlan<Name extends string> = {
  readonly identity: SegmentIdentity;
  readonly regions: Readonly<Record<Name, Region>>;
  /** Header included, a multiple of `LINE_BYTES`. */
  readonly totalBytes: number;
};

/** `bytes` rounded up to whole cache lines. */
export function alignToLine(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES;
}

/** Lays the regions (sizes in bytes) out behind the header, in the order given. Pure: the same arguments give the same plan on every thread. */
export function planSegment<Name extends string>(
  identity: SegmentIdentity,
  sizes: readonly (readonly [Name, number])[],
): SegmentPlan<Name> {
  assert(identity.dimensions.length <= MAX_DIMENSIONS, 'a segment header holds at most 12 dimensions');
  const regions: Partial<Record<Name, Region>> = {};
  let offset = LINE_BYTES;
  for (const [name, bytes] of sizes) {
    assert(Number.isSafeInteger(bytes) && bytes >= 0, `the size of region ${name} is a whole number of bytes`);
    assert(regions[name] === undefined, `region ${name} is laid out once`);
    regions[name] = Object.freeze({ offset, bytes });
    offset += alignToLine(bytes);
  }
  // Every name of `sizes` has been filled in above.
  return Object.freeze({ identity, regions: Object.freeze(regions) as Record<Name, Region>, totalBytes: offset });
}

/** Makes the memory for a plan, zeroed but for its header. Only the coordinator calls it. */
export function createSegment(plan: SegmentPlan<string>): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(plan.totalBytes);
  const header = new Int32Array(memory, 0, HEADER_CELLS);
  header[CELL_KIND] = plan.identity.kind;
  header[CELL_VERSION] = plan.identity.version;
  header[CELL_LINES] = plan.totalBytes / LINE_BYTES;
  plan.identity.dimensions.forEach((dimension, at) => {
    header[CELL_DIMENSIONS + at] = dimension;
  });
  // Published last: a segment without its magic is not one.
  Atomics.store(header, CELL_MAGIC, MAGIC);
  return memory;
}

/** The same for a structure that hashes with a secret seed, which stands in the region `seed`. */
export function createSeeded(
  plan: SegmentPlan<string> & { readonly regions: { readonly seed: Region } },
  seed: Uint8Array,
): SharedArrayBuffer {
  assert(seed.byteLength === SEED_BYTES, `a seed has ${SEED_BYTES} bytes`);
  const memory = createSegment(plan);
  new Uint8Array(memory, plan.regions.seed.offset, SEED_BYTES).set(seed);
  return memory;
}

/**
 * Reads the dimensions of a segment, so that its plan can be computed again.
 * Throws when the memory is no segment, or is one of another kind or version.
 */
export function readDimensions(memory: SharedArrayBuffer, kind: number, version: number): readonly number[] {
  assert(memory.byteLength >= LINE_BYTES, 'a segment holds at least its header');
  const header = new Int32Array(memory, 0, HEADER_CELLS);
  assert(Atomics.load(header, CELL_MAGIC) === MAGIC, 'the memory is a segment of Sluice');
  assert(header[CELL_KIND] === kind, `the segment is of kind ${kind}, not ${header[CELL_KIND]}`);
  assert(header[CELL_VERSION] === version, `the segment's layout is version ${version}, not ${header[CELL_VERSION]}`);
  assert(wordAt(header, CELL_LINES) * LINE_BYTES === memory.byteLength, 'the segment is as long as its header says');
  return Array.from(header.subarray(CELL_DIMENSIONS));
}

/** Kinds of segments, each used by one file. */
export const SEGMENT_KINDS = Object.freeze({
  counters: 1,
  heartbeats: 2,
  objectStore: 3,
  epochs: 4,
  presence: 5,
  flights: 6,
  limits: 7,
  concurrency: 8,
  quotas: 9,
  wordLines: 10,
});
