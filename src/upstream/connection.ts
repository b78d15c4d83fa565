import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import { DirectReader } from '../base/direct-reader.ts';
import { DirectWriter } from '../base/direct-writer.ts';
import { never } from '../base/never.ts';
import type { Placed } from '../base/placed-list.ts';
import type { Attempt } from './attempt.ts';
import { AttemptRing } from './attempt-ring.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { ConnectionTimes } from './connection-times.ts';
import type { FailureKind, FailureStage } from './failure.ts';
import { connectFailureKind, errorCode } from './network-error.ts';
import { openSocket, type SocketEvents } from './open-socket.ts';
import type { ConnectionPlan } from './plan.ts';
import { ReadBuffer } from './read-buffer.ts';
import { ResponseReader } from './reader.ts';
import { RequestWriter } from './request-writer.ts';
import type { Loan, UpstreamSink } from './sink.ts';
import type { Waiter } from './waiters.ts';

/** Response bytes that are read and dropped for an abandoned attempt, so that those behind it need not be replayed. */
export const MAX_DROPPED_BYTES = 262_144;

/**
 * One TCP connection to one endpoint: requests go out, responses come back in their order. Up to `pool.pipelining` attempts
 * stand in a ring; the first of them owns the bytes that come. Everything is a synchronous call; each callback may end the
 * connection, so its state is looked at again after every one.
 */
export class Connection implements SocketEvents, Placed {
  place = -1;
  /** The request that it was opened for, as long as that still waits. */
  waiter: Waiter | null = null;
  /** Requests that it has been given. */
  requests = 0;
  readonly #owner: ConnectionOwner;
  readonly #plan: ConnectionPlan;
  readonly #socket: Socket;
  readonly #wire: DirectWriter;
  #input: DirectReader | null = null;
  readonly #reader: ResponseReader;
  readonly #writer: RequestWriter;
  readonly #times: ConnectionTimes;
  readonly #ring: AttemptRing;
  readonly #buffer = new ReadBuffer();
  /** Heads that leave in one write. */
  #batch = '';
  /** No attempt may join the one that is on. */
  #isExclusive = false;
  /** A response has shown that the origin keeps connections; before that nothing is pipelined (RFC 9112 9.3.2). */
  #isProven = false;
  /** No further request. */
  #isLast = false;

  constructor(owner: ConnectionOwner, plan: ConnectionPlan) {
    this.#owner = owner;
    this.#plan = plan;
    this.#ring = new AttemptRing(this, plan.pool.pipelining);
    this.#reader = new ResponseReader(plan);
    this.#times = new ConnectionTimes(plan, owner.clock);
    this.#socket = openSocket(plan, this);
    this.#wire = new DirectWriter(this.#socket, () => this.#onDrain());
    this.#writer = new RequestWriter(this.#wire);
  }

  get isIdle(): boolean {
    return this.#times.isOpen && this.#ring.count === 0;
  }

  canTake(isPipelinable: boolean): boolean {
    if (!this.#times.isOpen || this.#isLast) return false;
    if (this.#ring.count === 0) return true;
    return isPipelinable && this.#isProven && !this.#isExclusive && this.#ring.count < this.#plan.pool.pipelining;
  }

  /** Gives the connection, which must be able to take it, to `sink`. */
  assign(sink: UpstreamSink, isPipelinable: boolean): void {
    const isBatched = isPipelinable && this.#plan.pool.pipelining > 1;
    const attempt = this.#ring.claim();
    attempt.start(sink, this.requests > 0, isBatched);
    this.#isExclusive = !isBatched;
    this.requests++;
    if (this.requests === this.#plan.pool.maxRequests) this.#isLast = true;
    sink.onUpstreamConnection(attempt);
    assert(attempt.request !== 'unsent' || attempt.sink === null, 'a sink sends before it returns');
    if (!isBatched && this.#times.isOpen) this.#writer.flush();
  }

  /** Writes the heads that came together in this tick. */
  flush(): void {
    const batch = this.#batch;
    this.#batch = '';
    this.#ring.unflushed = 0;
    if (this.#times.isOpen && batch !== '') this.#wire.writeText(batch);
  }

  /** Looks at its deadline and rate. */
  check(nowMs: number): void {
    const verdict = this.#times.judge(nowMs, this.#ring.current()?.request === 'whole');
    if (verdict === 'due') this.#onDeadline();
    else if (verdict === 'too-slow') this.#fail('too-slow', 'response body below the minimum rate');
  }

  /** Takes no further request: closed now if it is idle, else after what it is at. */
  retire(): void {
    this.#isLast = true;
    if (this.isIdle) this.#shut();
  }

  /** Closed now, whatever it is at. */
  kill(kind: FailureKind, detail: string): void {
    if (this.#times.phase === 'connecting') this.#failConnect(kind, detail);
    else this.#fail(kind, detail);
  }

  // Below: what an attempt asks for.

  sendHead(attempt: Attempt, head: string): void {
    if (attempt.isBatched) {
      if (this.#ring.unflushed === 0) this.#owner.onFlushDue(this);
      this.#ring.unflushed++;
      this.#batch += head;
    } else {
      this.#writer.begin(head, attempt.body);
    }
    if (this.#ring.count === 1) this.#awaitResponse(attempt);
  }

  writeBody(attempt: Attempt, bytes: Buffer): Loan {
    if (attempt.sink === null || !this.#times.isOpen || this.#times.phase === 'broken') return 'released';
    const loan = this.#writer.write(bytes);
    if (this.#writer.isFull && !attempt.isFull) {
      attempt.isFull = true;
      this.#times.onFull(this.#wire.queuedBytes);
    }
    this.#times.noteProgress();
    return loan;
  }

  endBody(attempt: Attempt): void {
    if (attempt.sink === null || !this.#times.isOpen || this.#times.phase === 'broken') return;
    this.#writer.end();
    attempt.request = 'whole';
    if (this.#times.phase === 'sending') this.#times.awaitHead();
  }

  pauseFor(attempt: Attempt): void {
    if (!this.#times.isOpen || this.#times.isPaused || !this.#ring.isCurrent(attempt)) return;
    this.#times.pause();
    this.#input?.pause();
  }

  resumeFor(attempt: Attempt): void {
    if (this.#times.isOpen && this.#ring.isCurrent(attempt)) this.#readOn();
  }

  forgo(attempt: Attempt): void {
    if (!this.#times.isOpen) return;
    if (attempt.request !== 'whole') this.abandon(attempt);
    else if (this.#ring.isCurrent(attempt)) this.#readOn();
  }

  abandon(attempt: Attempt): void {
    if (!this.#times.isOpen) return;
    if (!this.#ring.hasListener()) this.#shut();
    else if (this.#ring.isCurrent(attempt)) this.#readOn();
  }

  // Below: what the socket tells.

  onOpen(): void {
    if (this.#times.phase !== 'connecting') return;
    this.#input = new DirectReader(this.#socket, this.#buffer.slot.filled, (bytes) => this.#onRead(bytes));
    this.#rest();
    this.#owner.onConnectionOpen(this);
  }

  onEndOfStream(): void {
    const attempt = this.#ring.current();
    if (attempt !== undefined && this.#reader.endOfStream()) this.#finish(attempt, false);
    else this.#fail(this.#breakKind(), 'closed by the origin');
  }

  onBreak(error: Error | undefined): void {
    const detail = error === undefined ? 'closed' : errorCode(error);
    if (this.#times.phase === 'connecting') this.#failConnect(error === undefined ? 'connect-failed' : connectFailureKind(error), detail);
    else this.#fail(this.#breakKind(), detail);
  }

  /** Whether the connection must be read on although a write failed: see `openSocket`. */
  outlives(error: Error): boolean {
    const attempt = this.#times.isOpen ? this.#ring.current() : undefined;
    if (attempt === undefined || attempt.body === 'none' || !('syscall' in error) || error.syscall !== 'write') return false;
    this.#times.onWriteBroken();
    this.#isLast = true;
    attempt.isFull = false;
    return true;
  }

  // Below: the responses.

  /** Returns the buffer for the next read, `undefined` = the same. */
  #onRead(bytes: number): Buffer | undefined {
    // Nobody has asked for these bytes, so they must never be taken for an answer to the next request.
    if (this.#ring.count === this.#ring.unflushed) this.#fail('reset', 'bytes that nobody asked for');
    else this.#consume(this.#buffer.slot.filled, bytes);
    if (this.#times.isOpen) this.#ring.current()?.sink?.onUpstreamPause();
    return this.#buffer.slot.turn();
  }

  #onDrain(): void {
    const attempt = this.#ring.current();
    if (attempt === undefined || !attempt.isFull) return;
    attempt.isFull = false;
    this.#times.onDrain();
    attempt.sink?.onUpstreamDrain();
  }

  #consume(buffer: Buffer, end: number): void {
    const reader = this.#reader;
    let at = 0;
    let isKept = false;
    while (this.#times.isOpen) {
      const attempt = this.#ring.current();
      assert(attempt !== undefined, 'bytes of a response have an attempt');
      at = reader.next(buffer, at, end);
      if (reader.status === 'body') isKept = this.#onBody(attempt, buffer.subarray(reader.dataStart, reader.dataEnd)) || isKept;
      else if (reader.status === 'head') this.#onHead(attempt);
      else if (reader.status === 'informational') attempt.inform(reader.head);
      else if (reader.status === 'fault') this.#fail(reader.fault, reader.detail);
      else if (reader.status === 'more') break;
      else {
        this.#finish(attempt, at < end);
        if (at === end) break;
      }
    }
    if (isKept) this.#buffer.leave(end);
  }

  #onHead(attempt: Attempt): void {
    // An origin that was asked for 100 and answers at once may wait for no body: what we sent of it would be its next request.
    if (!this.#reader.head.keepAlive || attempt.isExpecting) this.#isLast = true;
    this.#times.awaitBody();
    attempt.sink?.onUpstreamHead(this.#reader.head, this.#reader.bodyLength);
  }

  /** True if the bytes are still referred to. */
  #onBody(attempt: Attempt, bytes: Buffer): boolean {
    attempt.hasBody = true;
    this.#times.onBodyBytes(bytes.length);
    if (attempt.sink !== null) return attempt.sink.onUpstreamBody(bytes) === 'kept';
    attempt.droppedBytes += bytes.length;
    if (attempt.droppedBytes > MAX_DROPPED_BYTES) this.#fail('reset', 'too much to drop');
    return false;
  }

  /** The response is whole. The pool has the connection back before the sink hears of it, so that its next request can use it. */
  #finish(attempt: Attempt, hasMore: boolean): void {
    const { sink } = attempt;
    const { keepAlive, minor } = this.#reader.head;
    this.#ring.shift();
    const isSurplus = hasMore && this.#ring.count === this.#ring.unflushed;
    if (isSurplus || !keepAlive || !this.#reader.isFramed || attempt.request !== 'whole' || this.#times.phase === 'broken') {
      this.#shut();
      sink?.onUpstreamEnd();
      this.#ring.failAll();
      return;
    }
    this.#isProven ||= minor > 0;
    this.#readOn();
    if (this.#ring.count === 0) this.#rest();
    else this.#turnToNext();
    if (this.#times.isOpen && !this.#isLast) this.#owner.onConnectionReady(this);
    sink?.onUpstreamEnd();
  }

  #turnToNext(): void {
    const next = this.#ring.current();
    if (next !== undefined) this.#awaitResponse(next);
    if (!this.#ring.hasListener()) this.#shut();
    else if (next?.isPaused) this.pauseFor(next);
  }

  /** Idle, or closed if it is of no further use. */
  #rest(): void {
    const isWorthKeeping = this.#times.awaitRequest(this.requests > 0 ? this.#reader.head.keepAliveSec : -1);
    if (this.#isLast || !isWorthKeeping) this.#shut();
  }

  #awaitResponse(attempt: Attempt): void {
    this.#buffer.restore();
    this.#reader.begin(attempt.isHead);
    if (attempt.request === 'whole') this.#times.awaitHead();
    else this.#times.awaitRequestBody();
  }

  #readOn(): void {
    if (!this.#times.isPaused) return;
    this.#times.resume();
    this.#input?.resume();
  }

  // Below: endings.

  #onDeadline(): void {
    const { phase } = this.#times;
    switch (phase) {
      case 'connecting':
        this.#failConnect('connect-timeout', 'no connection in time');
        return;
      case 'sending':
        if (!this.#times.goesOnTaking(this.#wire.queuedBytes)) this.#fail('idle-timeout', 'the origin takes no request bytes');
        return;
      case 'response':
        this.#fail('response-timeout', 'no response head in time');
        return;
      case 'body':
        this.#fail('idle-timeout', 'no response byte in time');
        return;
      case 'broken':
        this.#fail(this.#breakKind(), 'the origin broke off the request');
        return;
      case 'idle':
      case 'over':
        this.#shut();
        return;
      default:
        never(phase, 'deadline of a connection');
    }
  }

  #failConnect(kind: FailureKind, detail: string): void {
    this.#times.end();
    this.#socket.destroy();
    this.#owner.onConnectFailed(this, kind, detail);
  }

  /** Ends the connection; the first attempt gets this failure, those behind it have not been answered and can be replayed. */
  #fail(kind: FailureKind, detail: string): void {
    if (!this.#times.isOpen) return;
    const attempt = this.#ring.current();
    const stage = attempt === undefined ? 'queued' : this.#stageOf(attempt);
    this.#shut();
    if (attempt === undefined) return;
    if (kind === 'reset' && attempt.isReused && stage === 'sent') this.#owner.onStale();
    const sink = attempt.sink;
    this.#ring.shift();
    sink?.onUpstreamFail({ kind, stage, isReused: attempt.isReused, detail });
    this.#ring.failAll();
  }

  #shut(): void {
    const wasOpen = this.#times.isOpen;
    this.#times.end();
    this.#batch = '';
    this.#socket.destroy();
    if (wasOpen) this.#owner.onConnectionClosed(this);
  }

  #breakKind(): FailureKind {
    return this.#reader.hasHead ? 'truncated' : 'reset';
  }

  #stageOf(attempt: Attempt): FailureStage {
    if (attempt.request === 'unsent' || this.#ring.unflushed === this.#ring.count) return 'queued';
    if (attempt.hasBody) return 'body';
    return this.#reader.hasBegun ? 'head' : 'sent';
  }
}
