/** What the constant-rate generator is told and what it tells: plain data, passed between threads. */
export type RatePlan = {
  readonly host: string;
  readonly port: number;
  /** The whole request head, ending with an empty line. */
  readonly head: string;
  readonly bodyBytes: number;
  readonly ratePerSec: number;
  readonly connections: number;
  /** Before the measured time, at the same rate. */
  readonly warmupMs: number;
  readonly durationMs: number;
  /**
   * `spin`: the thread never sleeps, for a machine that can spare it a core. `yield`: it sleeps some 0.1 ms between two
   * turns, so that an origin on the same core gets to run; what that costs is in `lag`.
   */
  readonly pacing: 'spin' | 'yield';
};

export type LatencySummary = {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** Points for a plot: percentile and microseconds. */
  readonly curve: readonly (readonly [percentile: number, us: number])[];
};

export type RateResult = {
  readonly ratePerSec: number;
  readonly achievedPerSec: number;
  /** From the intended send time to the last byte of the answer: a request that had to wait for the proxy counts in full. */
  readonly latency: LatencySummary;
  /** From the real send time: what a closed-loop client would have called latency. */
  readonly service: LatencySummary;
  /** Real minus intended send time while a connection was free: the generator's own part of `latency`. */
  readonly lag: LatencySummary;
  /** Answers that were not 2xx, connections that broke, and requests without an answer 5 s after the end. */
  readonly errors: number;
  readonly firstError: string | undefined;
};

export type RateMessage =
  | { readonly kind: 'progress'; readonly sent: number; readonly answered: number; readonly isWarmup: boolean }
  | { readonly kind: 'done'; readonly result: RateResult };
