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

  constructor() {
    this.nowMs = performance.now();
  }

  /** Returns the new time as well. */
  refresh(): number {
    this.nowMs = performance.now();
    return this.nowMs;
  }
}
