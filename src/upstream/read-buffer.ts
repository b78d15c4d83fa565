const READ_BUFFER_BYTES = 65_536;
/** The rest of a lent buffer is read into as long as that is worth a system call. */
const MIN_READ_BUFFER_BYTES = 16_384;

/**
 * Where the bytes of one connection are read to. A borrower that keeps bytes is never told to give them back, so what has been
 * kept is not written to again: the next read goes behind it (small events of one stream share a buffer) or elsewhere.
 */
export class ReadBuffer {
  /** Being read into: what the reader was given last. It learns of another only when a read returns. */
  filled: Buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #next: Buffer = this.filled;

  /** During a read: its first `used` bytes stay with whoever keeps them. */
  leave(used: number): void {
    const rest = this.filled.subarray(used);
    this.#next = rest.length >= MIN_READ_BUFFER_BYTES ? rest : Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  }

  /** Before the next response: a whole buffer again, as soon as the reader can be told. */
  restore(): void {
    if (this.#next.length < READ_BUFFER_BYTES) this.#next = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  }

  /** At the end of a read: the buffer for the next one, `undefined` = the same. */
  turn(): Buffer | undefined {
    if (this.#next === this.filled) return undefined;
    this.filled = this.#next;
    return this.#next;
  }
}
