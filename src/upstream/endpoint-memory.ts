import { assert } from '../base/assert.ts';
import { CounterBlocks, createCounters } from '../shm/counters.ts';
import { createWordLines, LINE_WORDS, WordLines } from '../shm/word-lines.ts';
import { SAMPLE_BUCKETS } from './adaptive-samples.ts';

/**
 * What all threads know of endpoints and upstreams. Each has a slot, which the coordinator gives: an endpoint one, an upstream one (its service
 * slot). A slot is a line of words that many write, by Atomics only, and in each writer's block of counts some cells that this one alone writes.
 *
 * Invariants
 * - STATE, WEIGHT and EPOCH have one writer, the coordinator. Who changes anything that a pick depends on raises VERSION of the service slot
 *   after it: a worker that has seen the new VERSION sees the change.
 * - A count only ever grows, but for IN_FLIGHT: what a dead worker had in flight is cleared by the coordinator before its block is given away.
 * - A slot is given to another endpoint only when no worker has a target for the one before, and with its words cleared.
 */

/** Endpoints and upstreams together. Pages that nobody writes take no memory. */
export const MAX_SLOTS = 4096;

/** Words of a slot. Those of a service slot are marked. */
export const WORD = Object.freeze({
  /** Flags of `STATE_FLAG`; 0 = may be asked. */
  STATE: 0,
  /** Thousandths of the configured weight. */
  WEIGHT: 1,
  /** Service slot. */
  VERSION: 2,
  /** Outcomes of a kind in a row, over the whole host; 0 after every other outcome. */
  CONSECUTIVE_5XX: 3,
  CONSECUTIVE_GATEWAY: 4,
  CONSECUTIVE_LOCAL: 5,
  /** The breaker's own three. */
  BREAKER: 6,
  BREAKER_AT: 7,
  BREAKER_RUN: 8,
  /** Service slot: what was asked of the upstream beyond first attempts. */
  EXTRA: 9,
  /** Lives of the slot. */
  EPOCH: 10,
});

export const STATE_FLAG = Object.freeze({ UNHEALTHY: 1, EJECTED: 2, LEAVING: 4 });

export const FULL_WEIGHT = 1000;

/** Cells of a slot in the block of one writer. */
export const CELL = Object.freeze({
  IN_FLIGHT: 0,
  FIRSTS: 1,
  RETRIES: 2,
  HEDGES: 3,
  MIRRORS: 4,
  REVALIDATIONS: 5,
  ANSWERS: 6,
  ERRORS_5XX: 7,
  /** 502, 503, 504. */
  ERRORS_GATEWAY: 8,
  /** No answer: it could not be reached, or broke off, or took too long. */
  ERRORS_LOCAL: 9,
  /** The coordinator's, of a service slot: see `extra-load.ts`. */
  CREDIT: 10,
  /** The coordinator's, of a service slot: the response time after which a hedge may begin; 0 = not known yet. */
  HEDGE_MS: 11,
  /** What the breaker of the slot has judged, of that the failures, and what was refused because of it. */
  BREAKER_CALLS: 12,
  BREAKER_FAILURES: 13,
  BREAKER_REFUSED: 14,
  /** Service slot: extra load that was taken, and that was asked for in vain; each has a cell for every kind, see `extra-load.ts`. */
  EXTRA_TAKEN: 15,
  EXTRA_REFUSED: 19,
  /** And as many as there are buckets of response times. */
  SAMPLES: 23,
});

const SLOT_CELLS = CELL.SAMPLES + SAMPLE_BUCKETS;

export type EndpointSegments = { readonly words: SharedArrayBuffer; readonly counts: SharedArrayBuffer };

export class EndpointMemory {
  readonly segments: EndpointSegments;
  readonly words: Int32Array;
  readonly #counts: CounterBlocks;

  constructor({ words, counts }: EndpointSegments) {
    this.segments = { words, counts };
    this.words = new WordLines(words).words;
    this.#counts = new CounterBlocks(counts);
  }

  /** The workers' blocks, and the coordinator's last. */
  get writers(): number {
    return this.#counts.writers;
  }

  get coordinator(): number {
    return this.#counts.writers - 1;
  }

  /** Where a word of a slot stands in `words`. */
  wordAt(slot: number, word: number): number {
    assert(slot >= 0 && slot < MAX_SLOTS, `slot ${slot} is one of ${MAX_SLOTS}`);
    return slot * LINE_WORDS + word;
  }

  /** The cells of a slot in a writer's block: a view. */
  countsOf(writer: number, slot: number): Float64Array {
    return this.#counts.block(writer).subarray(slot * SLOT_CELLS, (slot + 1) * SLOT_CELLS);
  }

  /** The same of all workers, for `sumOf`. */
  countsOfWorkers(slot: number): readonly Float64Array[] {
    return Array.from({ length: this.coordinator }, (_, writer) => this.countsOf(writer, slot));
  }

  /** Something of this upstream has changed that picks depend on. */
  raiseVersion(serviceSlot: number): void {
    Atomics.add(this.words, this.wordAt(serviceSlot, WORD.VERSION), 1);
  }

  /** By the coordinator, after the thread of a worker has ended: nothing of its is in flight. */
  clearWorker(writer: number, slots: Iterable<number>): void {
    for (const slot of slots) this.countsOf(writer, slot)[CELL.IN_FLIGHT] = 0;
  }

  /** By the coordinator, before a slot has another meaning. Counts are readings of a difference, so they may stay; nothing is in flight there. */
  clearSlot(slot: number): void {
    for (let word = 0; word < LINE_WORDS; word++) if (word !== WORD.EPOCH) Atomics.store(this.words, this.wordAt(slot, word), 0);
    Atomics.store(this.words, this.wordAt(slot, WORD.WEIGHT), FULL_WEIGHT);
    Atomics.add(this.words, this.wordAt(slot, WORD.EPOCH), 1);
  }
}

/** Made once, by the coordinator. `workers`: how many may ever live at once. */
export function createEndpointMemory(workers: number): EndpointMemory {
  const words = createWordLines(MAX_SLOTS).memory;
  return new EndpointMemory({ words, counts: createCounters(workers + 1, MAX_SLOTS * SLOT_CELLS).memory });
}
