import type { Cells } from './steps.ts';
import { HEAD_CELLS, PART_CELLS, TEXT_AT } from './steps-board-layout.ts';

/** The cells of the board: those of all, and for each participant a part of its own. */
export class BoardCells {
  readonly cells: Int32Array;
  #watched: readonly SharedArrayBuffer[] = [];
  #words: readonly Int32Array[] = [];

  constructor(memory: SharedArrayBuffer) {
    this.cells = new Int32Array(memory, 0, TEXT_AT / 4);
  }

  /** The memory of the case, the same list on every thread. */
  watch(memories: readonly SharedArrayBuffer[]): void {
    this.#watched = memories;
    this.#words = memories.map((memory) => new Int32Array(memory, 0, memory.byteLength >> 2));
  }

  /** Index of the memory that `cells` are in. */
  bufferOf(cells: Cells): number {
    return this.#watched.indexOf(cells.buffer as SharedArrayBuffer);
  }

  wordsOf(buffer: number): Int32Array {
    return this.#words[buffer]!;
  }

  cellOf(who: number, cell: number): number {
    return HEAD_CELLS + who * PART_CELLS + cell;
  }

  get(who: number, cell: number): number {
    return this.cells[this.cellOf(who, cell)] ?? 0;
  }

  set(who: number, cell: number, value: number): void {
    this.cells[this.cellOf(who, cell)] = value;
  }
}

export function byteOf(cells: Cells, index: number): number {
  return cells.byteOffset + index * cells.BYTES_PER_ELEMENT;
}
