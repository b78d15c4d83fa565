import { ReadSlot } from '../base/read-slot.ts';

const READ_BYTES = 64 * 1024;

/**
 * Where one connection's bytes are read to: the buffer that all connections of a listener share, since nothing in it outlives a
 * read; or one of its own while a body goes on, because its pieces are lent further.
 */
export class ReadBuffers {
  readonly shared: Buffer;
  readonly slot: ReadSlot;

  constructor(shared: Buffer) {
    this.shared = shared;
    this.slot = new ReadSlot(shared);
  }

  /** A piece of `bytes` that may be lent: a copy where the next read of another connection would overwrite it. */
  pieceOf(bytes: Buffer, start: number, end: number): Buffer {
    return bytes === this.shared ? Buffer.from(bytes.subarray(start, end)) : bytes.subarray(start, end);
  }

  /** A body goes on: it is read into a buffer of its own from the next read on. */
  useOwn(): void {
    if (this.slot.next === this.shared) this.slot.next = Buffer.allocUnsafeSlow(READ_BYTES);
  }

  /** A piece of `bytes` is still in use somewhere: the next read must not overwrite it. */
  leave(bytes: Buffer): void {
    if (bytes === this.slot.next) this.slot.next = Buffer.allocUnsafeSlow(READ_BYTES);
  }

  useShared(): void {
    this.slot.next = this.shared;
  }
}
