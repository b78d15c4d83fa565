import { assert } from '../base/assert.ts';
import { SEED_BYTES } from './keyed-hash.ts';
import { BLANK, bucketsIn, cellsIn, KEY_CONTROL, STATE } from './key-cells.ts';
import { createSeeded, LINE_BYTES, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

export type LimitTableSpec = {
  /** Of the whole segment: at least 256 KiB. 16 bytes a key; half full is a good measure. */
  readonly bytes: number;
  /** 16 secret random bytes: the key of the fingerprints. */
  readonly seed: Uint8Array;
};

/** Holds a million keys, half full. */
export const DEFAULT_LIMIT_BYTES = 32 * 2 ** 20;

/** Of a bucket: so many that a table half full has room for every key, up to one in some millions. */
const SLOTS = 64;

/** Words of a cell; KEY and STATE come first. */
export const LIMIT_CELL = Object.freeze({
  /** Host time in units of `COARSE_MS`: from then on the bucket is full, and STATE means nothing. Only ever raised while the cell is one key's. */
  FULL_AT: 2,
  /** Of a sliding window: what the window before the one in STATE has counted. */
  PREVIOUS: 3,
  WORDS: 4,
});

/** Cells beside the table, for decisions that find no place in it. */
export const OVERFLOW_CELLS = 4096;
const MIN_BYTES = 256 * 1024;
const VERSION = 1;

/** All views of one thread over the memory of a table. No behaviour. */
export class LimitMemory {
  readonly memory: SharedArrayBuffer;
  readonly seed: Uint8Array;
  readonly control: Int32Array;
  /** The cells of all buckets; from `overflowAt` on those of the overflow. */
  readonly cells: Int32Array;
  readonly buckets: number;
  readonly slots: number;
  readonly overflowAt: number;

  constructor(memory: SharedArrayBuffer) {
    const [buckets = 0, slots = 0] = readDimensions(memory, SEGMENT_KINDS.limits, VERSION);
    const plan = planLimits(buckets, slots);
    this.memory = memory;
    this.seed = new Uint8Array(memory, plan.regions.seed.offset, SEED_BYTES);
    this.control = cellsIn(memory, plan, 'control');
    this.cells = cellsIn(memory, plan, 'cells');
    this.buckets = buckets;
    this.slots = slots;
    this.overflowAt = buckets * slots * LIMIT_CELL.WORDS;
  }
}

/** Makes the memory of a table, of no more bytes than are given. Called once, by the coordinator. Throws when the spec is out of bounds. */
export function createLimitTable(spec: LimitTableSpec): SharedArrayBuffer {
  assert(spec.bytes >= MIN_BYTES && spec.bytes < 2 ** 32, `a table of limits has ${MIN_BYTES} bytes to 4 GiB`);
  const besides = planLimits(0, SLOTS).totalBytes;
  return layLimitTable(bucketsIn(spec.bytes - besides, SLOTS * LIMIT_CELL.WORDS), SLOTS, spec.seed);
}

/** A table of so many buckets; tests take small ones. */
export function layLimitTable(buckets: number, slots: number, seed: Uint8Array): SharedArrayBuffer {
  const table = new LimitMemory(createSeeded(planLimits(buckets, slots), seed));
  for (let cell = table.overflowAt; cell < table.cells.length; cell += LIMIT_CELL.WORDS) table.cells[cell + STATE] = BLANK;
  return table.memory;
}

function planLimits(buckets: number, slots: number): SegmentPlan<'seed' | 'control' | 'cells'> {
  return planSegment({ kind: SEGMENT_KINDS.limits, version: VERSION, dimensions: [buckets, slots] }, [
    ['seed', SEED_BYTES],
    ['control', Math.max(KEY_CONTROL.CELLS * Int32Array.BYTES_PER_ELEMENT, LINE_BYTES)],
    ['cells', (buckets * slots + OVERFLOW_CELLS) * LIMIT_CELL.WORDS * Int32Array.BYTES_PER_ELEMENT],
  ]);
}
