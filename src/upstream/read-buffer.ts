import { ReadSlot } from '../base/read-slot.ts';

const READ_BUFFER_BYTES = 65_536;
/** The rest of a lent buffer is read into as long as that is worth a system call. */
const MIN_READ_BUFFER_BYTES = 16_384;

/**
 * Where the bytes of one connection are read to. A borrower that keeps bytes is never told to give them back, so what has been
 * kept is not written to again: the next read goes behind it (small events of one stream share a buffer) or elsewhere.
 */
export class ReadBuffer {
  readonly slot = new ReadSlot(Buffer.allocUnsafeSlow(READ_BUFFER_BYTES));

  /** During a read: its first `used` bytes stay with whoever keeps them. */
  leave(used: number): void {
    const rest = this.slot.filled.subarray(used);
    this.slot.next = rest.length >= MIN_READ_BUFFER_BYTES ? rest : Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  }

  /** Before the next response: a whole buffer again, as soon as the reader can be told. */
  restore(): void {
    if (this.slot.next.length < READ_BUFFER_BYTES) this.slot.next = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  }
}
