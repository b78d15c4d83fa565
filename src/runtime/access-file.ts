import { write } from 'node:fs';

const RETRY_MS = 10;

/**
 * Writes chunks of whole lines to a descriptor that all threads of the process share and that is open for appending: a
 * chunk goes out in one system call as a rule, so lines of different workers do not mix. One write is under way at a
 * time; what waits is bounded by the access log, which is told of each chunk that is done.
 */
export class AccessFile {
  readonly #onWritten: (chunk: Uint8Array) => void;
  readonly #onError: (error: Error) => void;
  #queue: Uint8Array[] = [];
  #isWriting = false;
  #fd: number;
  #whenIdle: (() => void) | undefined;

  /** `onWritten` gives every chunk back, also one that was given up, of which `onError` tells why. */
  constructor(fd: number, onWritten: (chunk: Uint8Array) => void, onError: (error: Error) => void) {
    this.#fd = fd;
    this.#onWritten = onWritten;
    this.#onError = onError;
  }

  write(chunk: Uint8Array): void {
    if (this.#fd < 0) {
      this.#onWritten(chunk);
      return;
    }
    this.#queue.push(chunk);
    if (!this.#isWriting) this.#next();
  }

  /** From now on to another descriptor. Resolves when nothing writes to the old one any more. */
  async moveTo(fd: number): Promise<void> {
    await this.idle();
    this.#fd = fd;
  }

  /** Resolves when all that was written is out. One waiter at a time. */
  idle(): Promise<void> {
    if (!this.#isWriting) return Promise.resolve();
    return new Promise((resolve) => {
      const earlier = this.#whenIdle;
      this.#whenIdle = () => {
        earlier?.();
        resolve();
      };
    });
  }

  #next(): void {
    const chunk = this.#queue.shift();
    this.#isWriting = chunk !== undefined;
    if (chunk !== undefined) {
      this.#send(chunk, 0);
      return;
    }
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }

  #send(chunk: Uint8Array, from: number): void {
    write(this.#fd, chunk, from, chunk.length - from, null, (error, written) => {
      // A pipe that nobody empties (standard output) says EAGAIN.
      if (error?.code === 'EAGAIN') return void setTimeout(() => this.#send(chunk, from), RETRY_MS);
      if (error !== null) this.#onError(error);
      else if (from + written < chunk.length) return this.#send(chunk, from + written);
      this.#onWritten(chunk);
      this.#next();
    });
  }
}
