import { writeSync } from 'node:fs';
import type { PatientOutput } from './standard-output.ts';

/** What waits for its reader. */
export const MAX_WAITING_BYTES = 256 * 1024;
const RETRY_MS = 50;

/**
 * Writes lines at once where the system takes them, so that nothing is lost when the process dies, and never waits: what it does not take
 * is kept up to a bound, and beyond that dropped and counted.
 */
export class LineWriter {
  readonly #output: PatientOutput;
  readonly #onDropped: (count: number) => void;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `onDropped` is told how many lines are missing, when the next ones go out. */
  constructor(output: PatientOutput, onDropped: (count: number) => void) {
    this.#output = output;
    this.#onDropped = onDropped;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#timer === undefined) this.flush();
  }

  /** As much as goes now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const written = this.#attempt(first);
      this.#waitingBytes -= written;
      if (written < first.length) {
        this.#waiting[0] = first.subarray(written);
        this.#timer = setTimeout(() => this.flush(), RETRY_MS).unref();
        return;
      }
      this.#waiting.shift();
    }
    const dropped = this.#dropped;
    this.#dropped = 0;
    if (dropped > 0) this.#onDropped(dropped);
  }

  /** Returns how many bytes are done with. An output that cannot be written to at all is no reason to stop serving. */
  #attempt(bytes: Buffer): number {
    try {
      this.#output.prepare();
      return writeSync(this.#output.fd, bytes);
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? 0 : bytes.length;
    }
  }
}
