const EMPTY = Buffer.alloc(0);

/** Bytes that came and cannot be used yet, put together; grows by doubling, so that many small pieces cost no more than their sum. */
export class Stash {
  private bytes: Buffer = EMPTY;
  length = 0;

  append(from: Buffer, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.bytes.length, 512));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    from.copy(this.bytes, this.length, start, end);
    this.length = needed;
  }

  /** Gives the bytes away; the stash is empty after it. */
  take(): Buffer {
    const taken = this.bytes.subarray(0, this.length);
    this.bytes = EMPTY;
    this.length = 0;
    return taken;
  }

  /** A view for looking only, valid until the next call. */
  peek(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}
