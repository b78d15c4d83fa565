import type { DirectWriter } from '../base/direct-writer.ts';
import type { Loan, RequestBody } from './sink.ts';

/** Body bytes up to this are put together with the head as text, so that a small upload leaves in one plain write. */
const MAX_JOINED_BYTES = 16_384;

/**
 * Writes one request at a time to a socket: the head as one string, the body framed. A head that a body will follow is held
 * back until the first body bytes or `flush`, so that a small upload leaves in one write.
 */
export class RequestWriter {
  readonly #wire: DirectWriter;
  #held = '';
  #isChunked = false;

  constructor(wire: DirectWriter) {
    this.#wire = wire;
  }

  get isFull(): boolean {
    return this.#wire.isFull;
  }

  begin(head: string, body: RequestBody): void {
    this.#isChunked = body === 'chunked';
    if (body === 'none') this.#wire.writeText(head);
    else this.#held = head;
  }

  write(bytes: Buffer): Loan {
    // An empty chunk would end the body.
    if (bytes.length === 0) return 'released';
    const opening = this.#isChunked ? `${this.#held}${bytes.length.toString(16)}\r\n` : this.#held;
    const closing = this.#isChunked ? '\r\n' : '';
    this.#held = '';
    if (bytes.length <= MAX_JOINED_BYTES) {
      this.#wire.writeText(opening + bytes.toString('latin1') + closing);
      return 'released';
    }
    const isHeld = opening === '' ? this.#wire.writeBytes(bytes) : this.#wire.writeAround(opening, bytes, closing);
    return isHeld ? 'kept' : 'released';
  }

  end(): void {
    const closing = this.#isChunked ? `${this.#held}0\r\n\r\n` : this.#held;
    this.#held = '';
    if (closing !== '') this.#wire.writeText(closing);
  }

  flush(): void {
    if (this.#held === '') return;
    this.#wire.writeText(this.#held);
    this.#held = '';
  }
}
