import type { Connection } from './connection.ts';
import { NEVER_MS } from './deadlines.ts';
import type { UpstreamSink } from './sink.ts';

/** A request that waits for a connection. */
export class Waiter {
  readonly sink: UpstreamSink;
  readonly isPipelinable: boolean;
  /** Only a connection that has carried nothing yet will do. */
  readonly isFresh: boolean;
  /** The connection that is being opened for it; `null` while there is no room for one. */
  opening: Connection | null = null;
  /** Armed while there is none. */
  deadlineMs = NEVER_MS;
  older: Waiter | null = null;
  newer: Waiter | null = null;

  constructor(sink: UpstreamSink, isPipelinable: boolean, isFresh: boolean) {
    this.sink = sink;
    this.isPipelinable = isPipelinable;
    this.isFresh = isFresh;
  }
}

/** The waiting requests of one pool, oldest first: a linked list, so that one that gives up leaves without a search. */
export class WaitList {
  oldest: Waiter | null = null;
  #newest: Waiter | null = null;
  readonly #bySink = new Map<UpstreamSink, Waiter>();

  get count(): number {
    return this.#bySink.size;
  }

  add(waiter: Waiter): void {
    waiter.older = this.#newest;
    if (this.#newest === null) this.oldest = waiter;
    else this.#newest.newer = waiter;
    this.#newest = waiter;
    this.#bySink.set(waiter.sink, waiter);
  }

  find(sink: UpstreamSink): Waiter | undefined {
    return this.#bySink.get(sink);
  }

  remove(waiter: Waiter): void {
    if (!this.#bySink.delete(waiter.sink)) return;
    if (waiter.older === null) this.oldest = waiter.newer;
    else waiter.older.newer = waiter.newer;
    if (waiter.newer === null) this.#newest = waiter.older;
    else waiter.newer.older = waiter.older;
  }
}
