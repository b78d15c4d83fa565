/** What `since` is worth: still valid, to be revalidated (soft), or not to be used any more (hard). */
export type EpochVerdict = 'valid' | 'stale' | 'gone';

/** Makes the memory. Called once, by the coordinator. `seed`: 16 secret random bytes. */
export function createEpochs(_seed: Uint8Array): SharedArrayBuffer {
  throw new Error('not yet');
}

/**
 * Invalidation without scanning. What is stored keeps the sequence number of the moment its request was sent (`now`) and the
 * cells of its names; whoever invalidates a name stores the next sequence number in the name's cell. A collision of two names
 * in one cell invalidates too much, never too little.
 */
export class Epochs {
  readonly memory: SharedArrayBuffer;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
  }

  /** Take it before the request is sent upstream and keep it with what is stored. Whole, exact up to 2^53. */
  now(): number {
    throw new Error('not yet');
  }

  /** Changes with every bump: who has judged at version v need not judge again while it is v. One load. Read it before judging. Wraps. */
  version(): number {
    throw new Error('not yet');
  }

  /** The cell of a tag or group. */
  cellOf(_name: string): number {
    throw new Error('not yet');
  }

  /** The cell of a URL (cells of URLs and names are apart). */
  urlCellOf(_url: string): number {
    throw new Error('not yet');
  }

  bumpAll(_soft: boolean): void {
    throw new Error('not yet');
  }

  /** Invalidates everything stored with the name whose request was sent before now. */
  bump(_name: string, _soft: boolean): void {
    throw new Error('not yet');
  }

  bumpUrl(_url: string, _soft: boolean): void {
    throw new Error('not yet');
  }

  /** The worst that has befallen any of the cells, or everything, after `since`. */
  verdict(_cells: ArrayLike<number>, _since: number): EpochVerdict {
    throw new Error('not yet');
  }
}
