/**
 * The buffer that one connection is read into, and the one for its next read. The reader was given `filled`, and learns of
 * another only when a read returns.
 */
export class ReadSlot {
  filled: Buffer;
  next: Buffer;

  constructor(first: Buffer) {
    this.filled = first;
    this.next = first;
  }

  /** At the end of a read: the buffer for the next one, `undefined` = the same. */
  turn(): Buffer | undefined {
    if (this.next === this.filled) return undefined;
    this.filled = this.next;
    return this.next;
  }
}
