/** Monotonic time in milliseconds, as of the last refresh. What needs a time takes a clock, so that tests can hold it still. */
export interface Clock {
  readonly nowMs: number;
}

/**
 * The clock of one worker. It stands still between two calls of `refresh`, which the worker makes once per loop event: reading
 * a field costs nothing, so deadlines can be armed on every read of a socket.
 */
export class LoopClock implements Clock {
  nowMs: number;
  /** What has to be added to `nowMs` for host time: the same on all threads and processes until the host is booted anew. */
  readonly hostOffsetMs: number;

  constructor() {
    this.hostOffsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();
    this.nowMs = performance.now();
  }

  /** Host time: ms of the monotonic clock that all threads share, where `nowMs` begins with its own thread. */
  get hostMs(): number {
    return this.nowMs + this.hostOffsetMs;
  }

  /** Returns the new time as well. */
  refresh(): number {
    this.nowMs = performance.now();
    return this.nowMs;
  }
}
