const READ_BYTES = 64 * 1024;

/**
 * Where one connection's bytes are read to: the buffer that all connections of a listener share, since nothing in it outlives a
 * read; or one of its own while a body goes on, because its pieces are lent further.
 */
export class ReadBuffers {
  readonly shared: Buffer;
  /** Being read into: what the reader was given last. It learns of another only when a read returns. */
  filled: Buffer;
  private next: Buffer;

  constructor(shared: Buffer) {
    this.shared = shared;
    this.filled = shared;
    this.next = shared;
  }

  /** At the end of a read: the buffer for the next one, `undefined` = the same. */
  turn(): Buffer | undefined {
    if (this.next === this.filled) return undefined;
    this.filled = this.next;
    return this.next;
  }

  /** A piece of `bytes` that may be lent: a copy where the next read of another connection would overwrite it. */
  pieceOf(bytes: Buffer, start: number, end: number): Buffer {
    return bytes === this.shared ? Buffer.from(bytes.subarray(start, end)) : bytes.subarray(start, end);
  }

  /** A body goes on: it is read into a buffer of its own from the next read on. */
  useOwn(): void {
    if (this.next === this.shared) this.next = Buffer.allocUnsafeSlow(READ_BYTES);
  }

  /** A piece of `bytes` is still in use somewhere: the next read must not overwrite it. */
  leave(bytes: Buffer): void {
    if (bytes === this.next) this.next = Buffer.allocUnsafeSlow(READ_BYTES);
  }

  useShared(): void {
    this.next = this.shared;
  }
}
