/**
 * How much of the loop's time a sweep may take in a row. Ten thousand requests may be late in one and the same moment, and the answer to
 * each is a system call or two: what is left over is done after the other sockets have had their turn.
 */
export class TimeSlice {
  /** Something was left over. */
  hasMore = false;
  #endsMs = Number.POSITIVE_INFINITY;

  begin(nowMs: number, lengthMs: number): void {
    this.hasMore = false;
    this.#endsMs = nowMs + lengthMs;
  }

  /** Asked after each piece of work that may have been a long one. True: what follows is left over. */
  isOver(): boolean {
    if (this.#endsMs === Number.POSITIVE_INFINITY || performance.now() < this.#endsMs) return false;
    this.hasMore = true;
    return true;
  }
}

/** Never over. */
export const UNBOUNDED = new TimeSlice();
