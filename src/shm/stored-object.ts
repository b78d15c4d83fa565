/**
 * A consistent picture of an object in the store, as of `open`. Key, meta and numbers are copies and stay true for this
 * generation; `pieces` are views over shared memory.
 */
export class StoredObject {
  readonly entry: number;
  readonly generation: number;
  readonly key: string;
  /** latin1 */
  readonly meta: string;
  /** 16 float64 */
  readonly numbers: Float64Array;
  readonly bodyLength: number;

  constructor(entry: number, generation: number, key: string, meta: string, numbers: Float64Array, bodyLength: number) {
    this.entry = entry;
    this.generation = generation;
    this.key = key;
    this.meta = meta;
    this.numbers = numbers;
    this.bodyLength = bodyLength;
  }

  /**
   * The body, in order. Views over shared memory: read them only between `pin` and `unpin`, or copy and then check
   * `isCurrent`. Made at the first call (an object of which only the meta is wanted costs no views).
   */
  get pieces(): readonly Buffer[] {
    throw new Error('not yet');
  }
}
