import { floatAt } from '../base/elements.ts';
import { assert } from '../base/assert.ts';
import { alignToLine, createSegment, planSegment, readDimensions, SEGMENT_KINDS, type SegmentPlan } from './segment.ts';

/**
 * Counters of all threads: one block of float64 cells for each writer, side by side.
 *
 * Invariants
 * - A block has one writer: the worker whose index it is (the coordinator has the block after the last worker's). So an
 *   addition is a plain load, add and store; no two threads ever write one cell.
 * - Readers sum a cell over all blocks while the writers go on. Plain access to a float64 cell is one aligned 8-byte load
 *   or store on x64 and arm64, so a reader sees some value that the writer has stored, never half of one (the language
 *   leaves this to the engine; `test/threads` watches it). Cells of one block may be read a few stores apart: a reader may
 *   not expect that two of them agree to the last event, only that each one never goes back.
 * - Whole numbers are exact up to 2^53.
 * - A dead worker's cells stay as they are and go on being summed. The worker that takes its index after it goes on adding
 *   to them; the coordinator hands the index out again only after the old thread has ended. In between the coordinator is
 *   the block's writer (it clears what only described the dead worker, see `MetricRegistry.clearGauges`).
 */
export class CounterBlocks {
  readonly memory: SharedArrayBuffer;
  /** Number of blocks. */
  readonly writers: number;
  /** Cells in a block. */
  readonly cells: number;
  readonly #blocks: readonly Float64Array[];

  constructor(memory: SharedArrayBuffer) {
    const [writers = 0, cells = 0] = readDimensions(memory, SEGMENT_KINDS.counters, VERSION);
    const { offset } = planCounters(writers, cells).regions.blocks;
    this.memory = memory;
    this.writers = writers;
    this.cells = cells;
    this.#blocks = Array.from({ length: writers }, (_, writer) => {
      return new Float64Array(memory, offset + writer * blockBytes(cells), cells);
    });
  }

  /** The cells of one writer. Only that writer stores to them. */
  block(writer: number): Float64Array {
    const block = this.#blocks[writer];
    assert(block !== undefined, `writer ${writer} is one of ${this.writers}`);
    return block;
  }

  /** Sets each cell of `totals` to the sum of that cell over all blocks. `totals` may be shorter than a block. */
  sumInto(totals: Float64Array): void {
    assert(totals.length <= this.cells, 'no more cells are summed than a block has');
    totals.fill(0);
    for (const block of this.#blocks) {
      for (let cell = 0; cell < totals.length; cell += 1) totals[cell] = floatAt(totals, cell) + floatAt(block, cell);
    }
  }
}

const VERSION = 1;

/** Makes the memory of `writers` blocks of `cells` cells, all zero. Called once, by the coordinator. */
export function createCounters(writers: number, cells: number): CounterBlocks {
  return new CounterBlocks(createSegment(planCounters(writers, cells)));
}

function planCounters(writers: number, cells: number): SegmentPlan<'blocks'> {
  const identity = { kind: SEGMENT_KINDS.counters, version: VERSION, dimensions: [writers, cells] };
  return planSegment(identity, [['blocks', writers * blockBytes(cells)]]);
}

function blockBytes(cells: number): number {
  return alignToLine(cells * Float64Array.BYTES_PER_ELEMENT);
}
