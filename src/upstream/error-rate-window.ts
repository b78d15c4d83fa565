const BUCKETS = 10;

/**
 * The share of failures among the calls of a rolling window, from counts that only grow. It moves on by a tenth of itself, so that it spans
 * nine to ten tenths of `windowMs`.
 */
export class ErrorRateWindow {
  readonly #bucketMs: number;
  /** Counts when each of the last buckets began, the oldest first. */
  readonly #calls: number[] = [];
  readonly #failures: number[] = [];
  #beganMs = 0;
  #callsNow = 0;
  #failuresNow = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  /** What was before is forgotten. */
  begin(nowMs: number, calls: number, failures: number): void {
    this.#calls.length = 0;
    this.#failures.length = 0;
    this.#push(nowMs, calls, failures);
  }

  observe(nowMs: number, calls: number, failures: number): void {
    this.#callsNow = calls;
    this.#failuresNow = failures;
    if (nowMs - this.#beganMs < this.#bucketMs) return;
    // After a silence longer than the window what it holds has all gone.
    if (nowMs - this.#beganMs >= this.#bucketMs * BUCKETS) this.begin(nowMs, calls, failures);
    else this.#push(nowMs, calls, failures);
  }

  get calls(): number {
    return this.#callsNow - (this.#calls[0] ?? 0);
  }

  /** 0 to 1; 0 where there are no calls. */
  get rate(): number {
    const { calls } = this;
    return calls === 0 ? 0 : (this.#failuresNow - (this.#failures[0] ?? 0)) / calls;
  }

  #push(nowMs: number, calls: number, failures: number): void {
    this.#beganMs = nowMs;
    this.#callsNow = calls;
    this.#failuresNow = failures;
    this.#calls.push(calls);
    this.#failures.push(failures);
    if (this.#calls.length <= BUCKETS) return;
    this.#calls.shift();
    this.#failures.shift();
  }
}
