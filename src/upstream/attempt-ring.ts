import { Attempt } from './attempt.ts';
import type { Connection } from './connection.ts';

/** The attempts of one connection in the order of their responses. Holds at most `depth`; objects are used over again. */
export class AttemptRing {
  count = 0;
  /** How many of them, at the end, have their heads not written yet. */
  unflushed = 0;
  readonly #connection: Connection;
  readonly #depth: number;
  readonly #slots: Attempt[] = [];
  #first = 0;

  constructor(connection: Connection, depth: number) {
    this.#connection = connection;
    this.#depth = depth;
  }

  /** An attempt at the end, to be started. There must be room. */
  claim(): Attempt {
    const index = (this.#first + this.count) % this.#depth;
    const attempt = this.#slots[index] ?? new Attempt(this.#connection);
    this.#slots[index] = attempt;
    this.count++;
    return attempt;
  }

  /** The one whose response is due. */
  current(): Attempt | undefined {
    return this.count === 0 ? undefined : this.#slots[this.#first];
  }

  isCurrent(attempt: Attempt): boolean {
    return this.count > 0 && this.#slots[this.#first] === attempt;
  }

  /** Takes the first one off; nobody listens through it any more. */
  shift(): void {
    const attempt = this.current();
    if (attempt === undefined) return;
    attempt.sink = null;
    this.#first = (this.#first + 1) % this.#depth;
    this.count--;
  }

  /** The connection is gone: those that are left have not been answered and can be sent again. */
  failAll(): void {
    for (let attempt = this.current(); attempt !== undefined; attempt = this.current()) {
      const { sink, isReused } = attempt;
      this.shift();
      sink?.onUpstreamFail({ kind: 'reset', stage: 'queued', isReused, detail: 'pipelined behind another' });
    }
  }

  hasListener(): boolean {
    for (let i = 0; i < this.count; i++) {
      const attempt = this.#slots[(this.#first + i) % this.#depth];
      if (attempt !== undefined && attempt.sink !== null) return true;
    }
    return false;
  }
}
