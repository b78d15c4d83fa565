import type { ResponseHead } from '../http/response-head.ts';
import type { UpstreamFailure } from './failure.ts';

/**
 * What became of bytes that were lent for a call: `released` = they may be overwritten at once; `kept` = the callee still
 * refers to them (a socket has not taken them yet), so the lender must go on with another buffer.
 */
export type Loan = 'released' | 'kept';

/** How the request body is framed on the upstream connection. */
export type RequestBody = 'none' | 'length' | 'chunked';

/**
 * The receiving side of one attempt at one upstream, as `Try` in `exchange` is. The pool and the connection call it; after
 * `onUpstreamEnd` or `onUpstreamFail` no further call comes for that attempt. No call comes synchronously from inside
 * `Pool.request` except `onUpstreamConnection`.
 */
export interface UpstreamSink {
  /** A connection is there and is now this sink's, who calls `send` on it, or `abandon`, before it returns. */
  onUpstreamConnection(connection: UpstreamConnection): void;
  /** An interim answer (1xx but 101). `head` is valid during the call only. */
  onUpstreamInformational(head: ResponseHead): void;
  /** The final head. `head` is valid during the call only. `bodyLength`: >= 0 known, -1 unknown (chunked or until close). */
  onUpstreamHead(head: ResponseHead, bodyLength: number): void;
  /** Body bytes, de-chunked, lent for the call. */
  onUpstreamBody(bytes: Buffer): Loan;
  /** All that one read brought has been told, and the response goes on: a good moment to hand on what was put together. */
  onUpstreamPause(): void;
  /** The response is whole. The connection is no longer the sink's. */
  onUpstreamEnd(): void;
  /** The attempt failed. The connection, if there was one, is no longer the sink's. */
  onUpstreamFail(failure: UpstreamFailure): void;
  /** The connection takes request body bytes again, after `writeBody` said it was full. */
  onUpstreamDrain(): void;
}

/** What a sink may do with the connection it holds: an `Attempt`. */
export interface UpstreamConnection {
  /** True if it has carried a request before: a reset may then only mean that the origin closed it while idle. */
  readonly isReused: boolean;
  /**
   * Writes the request head (whole, with its empty line, latin1). `body` tells how the body will follow.
   * `isHead`: the response has no body whatever it says (HEAD).
   */
  send(head: string, body: RequestBody, isHead: boolean): void;
  /** To be called after `send` where the head has an expectation: the origin may answer without a look at the body. */
  expectContinue(): void;
  /** Body bytes, lent. Those that come before `onUpstreamConnection` returns leave in one write with the head. */
  writeBody(bytes: Buffer): Loan;
  /** True when the socket's queue is full: the sink must stop its client and wait for `onUpstreamDrain`. */
  readonly isFull: boolean;
  /** The request body is whole. */
  endBody(): void;
  /** Back-pressure on the response. */
  pause(): void;
  resume(): void;
  /**
   * The sink wants no more of the answer, whose head has come. No further call comes. What is left of it is read and thrown away, up to a
   * bound, so that the connection can be used again; where that cannot be, it is closed.
   */
  forgo(): void;
  /**
   * The sink gives up (client gone, deadline, answer made elsewhere). No further call comes. The connection is closed,
   * unless it is pipelined and others wait on it: then what comes for this one is thrown away, up to a bound.
   */
  abandon(): void;
}
