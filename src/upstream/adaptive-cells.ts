import { type CounterBlocks, createCounters } from '../shm/counters.ts';
import { SAMPLE_BUCKETS } from './adaptive-samples.ts';

/**
 * Where the workers and the regulator of adaptive limits meet: counters with one writer each (`shm/counters.ts`). Each worker has a block, the
 * regulator has the last one. A block has a place of so many cells for each upstream:
 *
 *   worker      in flight, shed, failed, answers, and the answers by response time; all but the first only ever grow
 *   regulator   the limit, and since when what is answered counts
 *
 * Invariants
 * - Nothing is locked, and no cell has two writers. Whoever admits adds up what all workers have in flight; two that do so at the very
 *   same moment may both get the last place. So the limit may be exceeded by one less than there are workers, for as long as that takes.
 * - Of a worker that died the regulator's thread clears what was in flight, before another thread takes its block.
 * - What is answered counts in the judgement of a limit from the time on when most of it was admitted under that limit. Picked by the time of
 *   the answer and not by that of the request, else a window would see the fast ones only.
 */
export const IN_FLIGHT = 0;
export const SHED = 1;
export const FAILED = 2;
export const ANSWERS = 3;
export const LIMIT = 4;
export const SINCE_MS = 5;
export const SAMPLES = 6;
const PLACE_CELLS = SAMPLES + SAMPLE_BUCKETS;

/** Upstreams that can have adaptive limits. Pages that nobody writes take no memory. */
export const MAX_ADAPTIVE_PLACES = 256;

/** Made once, by the coordinator: `workers` blocks and its own. */
export function createAdaptiveCells(workers: number): CounterBlocks {
  return createCounters(workers + 1, MAX_ADAPTIVE_PLACES * PLACE_CELLS);
}

/** The cells of one upstream in a block; views, so that a cell is found by its name alone. */
export function placeOf(blocks: CounterBlocks, writer: number, place: number): Float64Array {
  return blocks.block(writer).subarray(place * PLACE_CELLS, (place + 1) * PLACE_CELLS);
}

/** The place of one upstream in the blocks of all workers. */
export function placesOfWorkers(blocks: CounterBlocks, place: number): readonly Float64Array[] {
  return Array.from({ length: blocks.writers - 1 }, (_, writer) => placeOf(blocks, writer, place));
}

/** A cell added up over all workers. */
export function sumOf(places: readonly Float64Array[], cell: number): number {
  let sum = 0;
  for (let i = 0; i < places.length; i++) sum += places[i]?.[cell] ?? 0;
  return sum;
}

/** After the thread of a worker has ended: nothing of its is in flight. */
export function clearWorker(blocks: CounterBlocks, writer: number): void {
  const block = blocks.block(writer);
  for (let place = 0; place < MAX_ADAPTIVE_PLACES; place++) {
    const cell = place * PLACE_CELLS + IN_FLIGHT;
    // Pages that nobody has written stay untouched.
    if (block[cell] !== 0) block[cell] = 0;
  }
}
