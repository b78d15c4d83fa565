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
  | 'idle-timeout'
  | 'too-slow'
  | 'malformed-head'
  | 'malformed-body'
  | 'head-too-large'
  | 'truncated' // closed inside the body
  | 'unexpected-upgrade' // 101 that nobody asked for
  | 'pool-full'
  | 'pool-timeout'
  | 'pool-closed';

/** `queued`: no byte was sent; `sent`: some of the request was; `head`: response head seen; `body`: its body has begun. */
export type FailureStage = 'queued' | 'sent' | 'head' | 'body';

export type UpstreamFailure = {
  readonly kind: FailureKind;
  readonly stage: FailureStage;
  readonly isReused: boolean;
  /** For logs: the system's word or the parser's, never shown to a client. */
  readonly detail: string;
};
