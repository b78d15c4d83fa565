/** When requests are kept from an endpoint, or from a whole upstream, that fails. */
export type BreakerSettings = {
  /** Failures in a row that open it, the first no longer ago than `windowMs`. 0 = off. */
  readonly failures: number;
  readonly windowMs: number;
  /** Until the next probe. */
  readonly openForMs: number;
  /** Probes that must succeed, one after the other, until it closes. */
  readonly halfOpenProbes: number;
  /** `undefined`: only failures in a row open it. */
  readonly errorRate: ErrorRate | undefined;
  /** From a tenth to the whole of its share after it has closed. 0 = at once. */
  readonly rampMs: number;
  /** An answer that takes longer is a failure. 0 = none is too slow. */
  readonly slowMs: number;
};

/** Opens when more than `over` (0 to 1) of at least `minRequests` in `windowMs` have failed. */
export type ErrorRate = { readonly over: number; readonly minRequests: number };

/** One for each endpoint, and one for all of them together where `service` is there. */
export type BreakerConfig = { readonly endpoint: BreakerSettings; readonly service: BreakerSettings | undefined };

/** What an upstream may have at once over the whole host. 0 = no bound. */
export type ResourcesConfig = {
  readonly maxConnections: number;
  readonly maxPending: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
};

/** What may be asked beyond first attempts where nothing is said of it. */
export const DEFAULT_EXTRA_LOAD = 0.2;
