import { BUCKETS } from '../../src/observe/histogram.ts';

/** How many times were observed by the histogram whose cells begin at `slot`. */
export function timesIn(cells: Float64Array, slot: number): number {
  return cells.subarray(slot + 1, slot + 1 + BUCKETS).reduce((sum, count) => sum + count, 0);
}
