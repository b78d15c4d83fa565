import type { ResponseHead } from '../http/response-head.ts';
import type { Connection } from './connection.ts';
import type { Loan, RequestBody, UpstreamConnection, UpstreamSink } from './sink.ts';

/** How much of a request we have handed on: nothing, its head, all of it. */
export type RequestProgress = 'unsent' | 'open' | 'whole';

/**
 * One request on one connection: what its sink holds. Hot object: each connection makes as many as it may pipeline and uses
 * them over again; so a sink must forget it when the attempt is over.
 */
export class Attempt implements UpstreamConnection {
  /** `null` = nobody listens (any more). */
  sink: UpstreamSink | null = null;
  isReused = false;
  /** Its head leaves together with the others of this tick. */
  isBatched = false;
  isHead = false;
  body: RequestBody = 'none';
  request: RequestProgress = 'unsent';
  /** The head asks for 100 (Continue), which has not come. */
  isExpecting = false;
  hasBody = false;
  isFull = false;
  isPaused = false;
  /** Bytes of the response that came after it was abandoned. */
  droppedBytes = 0;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  start(sink: UpstreamSink, isReused: boolean, isBatched: boolean): void {
    this.sink = sink;
    this.isReused = isReused;
    this.isBatched = isBatched;
    this.isHead = false;
    this.body = 'none';
    this.request = 'unsent';
    this.isExpecting = false;
    this.hasBody = false;
    this.isFull = false;
    this.isPaused = false;
    this.droppedBytes = 0;
  }

  send(head: string, body: RequestBody, isHead: boolean): void {
    this.body = body;
    this.isHead = isHead;
    this.request = body === 'none' ? 'whole' : 'open';
    this.#connection.sendHead(this, head);
  }

  expectContinue(): void {
    this.isExpecting = true;
  }

  /** An interim answer has come. */
  inform(head: ResponseHead): void {
    if (head.status === 100) this.isExpecting = false;
    this.sink?.onUpstreamInformational(head);
  }

  writeBody(bytes: Buffer): Loan {
    return this.#connection.writeBody(this, bytes);
  }

  endBody(): void {
    this.#connection.endBody(this);
  }

  pause(): void {
    if (this.isPaused) return;
    this.isPaused = true;
    this.#connection.pauseFor(this);
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.#connection.resumeFor(this);
  }

  forgo(): void {
    if (this.sink === null) return;
    this.sink = null;
    this.#connection.forgo(this);
  }

  abandon(): void {
    if (this.sink === null) return;
    this.sink = null;
    this.#connection.abandon(this);
  }
}
