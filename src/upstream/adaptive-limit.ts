/** What was seen under one limit, from the moment it was set. */
export type LimitWindow = {
  readonly nowMs: number;
  /** The quantile of the response times that the limit goes by, in ms, above 0. */
  readonly sampleMs: number;
  /** The limit was felt: at least half of it was in flight at some time, or a request was shed. Else the times say nothing about it. */
  readonly isUsed: boolean;
  /** Share (0 to 1) of the attempts that got no answer, or 503. */
  readonly failedShare: number;
};

/** How many requests an upstream may have at once, found out by what it does. Pure: time and chance are arguments. */
export interface AdaptiveLimit {
  /** Requests in flight, from 1 up; not always whole. */
  readonly limit: number;
  /** The response time without a queue, in ms; 0 = not known (yet), or of no interest to this controller. */
  readonly baseMs: number;
  update(window: LimitWindow): void;
}

export function clampLimit(limit: number, { minLimit, maxLimit }: { readonly minLimit: number; readonly maxLimit: number }): number {
  return Math.min(maxLimit, Math.max(minLimit, limit));
}
