/**
 * Log-linear buckets over time: every doubling from 100 µs up is cut into four equal parts, so a bucket is at most a
 * quarter as wide as its values are large.
 *
 *   bucket 0          (0, 100 µs]
 *   bucket 1 .. 80    100 µs .. 104.8576 s: 125, 150, 175, 200, 250, 300, 350, 400 µs, …
 *   bucket 81         beyond
 *
 * A histogram takes `HISTOGRAM_CELLS` cells: the sum of what was observed in ms, then the buckets (not cumulative). The count
 * is not stored: readers add the buckets up, so that count and buckets agree however a reader meets a writer.
 */
const PARTS = 4;
const DOUBLINGS = 20;
/** The width of the first parts: a quarter of 100 µs. */
const UNITS_PER_MS = 40;
const FIRST_BOUND_MS = PARTS / UNITS_PER_MS;

export const BUCKETS = DOUBLINGS * PARTS + 2;
export const LAST_BOUND_MS = FIRST_BOUND_MS * 2 ** DOUBLINGS;
export const HISTOGRAM_CELLS = BUCKETS + 1;

/** The bucket of a time in ms; each bucket holds its upper bound. What is not above zero (NaN too) goes to the first. */
export function bucketOf(ms: number): number {
  if (!(ms > FIRST_BOUND_MS)) return 0;
  if (ms > LAST_BOUND_MS) return BUCKETS - 1;
  // A whole number of units below the value, from 4 on: its highest three bits are the doubling and the part.
  const units = Math.ceil(ms * UNITS_PER_MS) - 1;
  const doubling = 29 - Math.clz32(units);
  return 1 + doubling * PARTS + (units >> doubling) - PARTS;
}

/** The upper bound of a bucket in ms, itself inside; Infinity for the last. */
export function boundOf(bucket: number): number {
  if (bucket === 0) return FIRST_BOUND_MS;
  if (bucket >= BUCKETS - 1) return Number.POSITIVE_INFINITY;
  const doubling = Math.floor((bucket - 1) / PARTS);
  const part = (bucket - 1) % PARTS;
  return ((PARTS + part + 1) * 2 ** doubling) / UNITS_PER_MS;
}

/** Adds one time in ms to the histogram whose cells begin at `slot`. */
export function observeInto(cells: Float64Array, slot: number, ms: number): void {
  const cell = slot + 1 + bucketOf(ms);
  cells[cell] = (cells[cell] ?? 0) + 1;
  // A clock that stepped back, or a NaN, must not spoil the sum for good.
  if (ms > 0) cells[slot] = (cells[slot] ?? 0) + ms;
}
