import type { Socket } from 'node:net';
import type { Loan, RequestBody } from './sink.ts';

/** Bytes that may wait in the socket's queue before the sender must stop. */
const MAX_QUEUED_BYTES = 65_536;

/**
 * Writes one request at a time to a socket: the head as one string, the body framed. A head that a body will follow is held
 * back until the first body bytes or `flush`, so that a small upload leaves in one write.
 */
export class RequestWriter {
  readonly #socket: Socket;
  #held = '';
  #isChunked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isFull(): boolean {
    return this.#socket.writableLength >= MAX_QUEUED_BYTES;
  }

  begin(head: string, body: RequestBody): void {
    this.#isChunked = body === 'chunked';
    if (body === 'none') this.#socket.write(head, 'latin1');
    else this.#held = head;
  }

  write(bytes: Buffer): Loan {
    // An empty chunk would end the body.
    if (bytes.length === 0) return 'released';
    const socket = this.#socket;
    if (!this.#isChunked && this.#held === '') {
      socket.write(bytes);
      return this.#loan();
    }
    const opening = this.#isChunked ? `${this.#held}${bytes.length.toString(16)}\r\n` : this.#held;
    this.#held = '';
    socket.cork();
    socket.write(opening, 'latin1');
    socket.write(bytes);
    if (this.#isChunked) socket.write('\r\n', 'latin1');
    socket.uncork();
    return this.#loan();
  }

  end(): void {
    const closing = this.#isChunked ? `${this.#held}0\r\n\r\n` : this.#held;
    this.#held = '';
    if (closing !== '') this.#socket.write(closing, 'latin1');
  }

  flush(): void {
    if (this.#held === '') return;
    this.#socket.write(this.#held, 'latin1');
    this.#held = '';
  }

  /** Node lowers `writableLength` inside the call when the kernel took all, so nothing refers to the bytes any more. */
  #loan(): Loan {
    return this.#socket.writableLength === 0 ? 'released' : 'kept';
  }
}
