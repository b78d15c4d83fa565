/**
 * An attempt that failed, as a value: what happened, how far it had got, and whether the connection had been used before.
 * Status, Proxy-Status word, retry and log level come from one table in `exchange/failures.ts`.
 */
export type FailureKind =
  | 'connect-refused'
  | 'connect-timeout'
  | 'connect-failed'
  | 'dns-failed'
  | 'reset' // the origin closed or reset before the head was whole
  | 'response-timeout'
  | 'try-timeout' // a try had its time, for whatever it was spent
  | 'idle-timeout'
  | 'too-slow'
  | 'malformed-head'
  | 'malformed-body'
  | 'head-too-large'
  | 'truncated' // closed inside the body
  | 'unexpected-upgrade' // 101 that nobody asked for
  | 'pool-full'
  | 'pool-timeout'
  | 'pool-closed'
  | 'overloaded' // not asked: it has as many requests as it can take
  | 'no-endpoint' // not asked: no endpoint is healthy
  | 'open'; // not asked: a circuit breaker is open

/**
 * How far the attempt had got. `queued`: no byte was sent, or, in a pipeline, the origin was still at a request before it, so
 * that it can be sent again; `sent`: some of the request was, and nothing came back; `head`: the response has begun, be it with
 * the first byte of its head or an interim answer; `body`: its body has begun.
 */
export type FailureStage = 'queued' | 'sent' | 'head' | 'body';

export type UpstreamFailure = {
  readonly kind: FailureKind;
  readonly stage: FailureStage;
  readonly isReused: boolean;
  /** For logs: the system's word or the parser's, never shown to a client. */
  readonly detail: string;
};
