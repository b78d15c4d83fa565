/** How endpoints are found to be well or not: by asking them (active), and by what becomes of the traffic (passive). */

/** Statuses from `from` to `to`. */
export type StatusRange = { readonly from: number; readonly to: number };

/** What the body of a check's answer must have. A pattern is tried on each of its lines. */
export type BodyExpectation = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'pattern'; readonly source: string };

/** What an endpoint is asked. */
export type HealthQuestion =
  | {
      readonly kind: 'http';
      /** With its query. */
      readonly path: string;
      /** `''` = the endpoint's own authority. */
      readonly host: string;
      readonly headers: readonly (readonly [name: string, value: string])[];
      readonly statuses: readonly StatusRange[];
      /** `undefined`: whatever it is. */
      readonly body: BodyExpectation | undefined;
    }
  /** A connection is enough. */
  | { readonly kind: 'tcp' }
  /** grpc.health.v1.Health/Check. `service`: `''` = the server as a whole. */
  | { readonly kind: 'grpc'; readonly service: string };

export type ActiveHealthConfig = {
  readonly question: HealthQuestion;
  readonly intervalMs: number;
  /** The same while an endpoint is not well. */
  readonly unhealthyIntervalMs: number;
  readonly timeoutMs: number;
  /** Passed in a row until it is well again. */
  readonly healthyAfter: number;
  /** Failed in a row until it is not well. The first check of all decides alone. */
  readonly unhealthyAfter: number;
  /** Share of the interval (0 to 1) by which it varies to both sides. */
  readonly jitter: number;
  /** 0 = the endpoint's own. */
  readonly port: number;
};

export type SuccessRateConfig = {
  readonly minHosts: number;
  /** In an interval, of an endpoint that is judged. */
  readonly minRequests: number;
  /** Ejected below the mean of all by so many standard deviations. */
  readonly stdev: number;
};

export type FailureShareConfig = {
  /** Share (0 to 1) of failures from which an endpoint is ejected. */
  readonly from: number;
  readonly minHosts: number;
  readonly minRequests: number;
};

export type LatencyOutlierConfig = {
  readonly quantile: number;
  /** Ejected above so many times the median of the others' quantiles. */
  readonly factor: number;
  /** Never ejected below this. */
  readonly minMs: number;
  readonly minHosts: number;
  readonly minRequests: number;
};

export type PassiveHealthConfig = {
  /** Answers or failures of a kind in a row, over the whole host, that eject an endpoint. 0 = off. */
  readonly consecutive5xx: number;
  readonly consecutiveGateway: number;
  readonly consecutiveLocal: number;
  /** Of rates and response times. */
  readonly intervalMs: number;
  /** Times how often it has been ejected lately, up to `maxEjectForMs`. */
  readonly ejectForMs: number;
  readonly maxEjectForMs: number;
  /** Share (0 to 1) of the endpoints that may be ejected at once; one always may. */
  readonly maxEjected: number;
  /** `undefined`: off, each of them. */
  readonly successRate: SuccessRateConfig | undefined;
  readonly failureShare: FailureShareConfig | undefined;
  readonly latency: LatencyOutlierConfig | undefined;
  /** Whether a failed request brings the next active check forward. */
  readonly speedsUpChecks: boolean;
};

export type HealthConfig = { readonly active: ActiveHealthConfig | undefined; readonly passive: PassiveHealthConfig | undefined };
