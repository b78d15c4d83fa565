import type { Socket } from 'node:net';
import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { DirectReader } from '../base/direct-reader.ts';
import { DirectWriter } from '../base/direct-writer.ts';
import type { Attempt } from './attempt.ts';
import { AttemptRing } from './attempt-ring.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { type ConnectionPhase, deadlineAfter, idleLimitMs, isPast, MinRate, NEVER_MS } from './deadlines.ts';
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
/** What the origin sent before it broke off our writes is in the kernel already: this is only the way through the loop. */
const BROKEN_WRITE_GRACE_MS = 100;

/**
 * One TCP connection to one endpoint: requests go out, responses come back in their order. Up to `pool.pipelining` attempts
 * stand in a ring; the first of them owns the bytes that come. Everything is a synchronous call; each callback may end the
 * connection, so its state is looked at again after every one.
 */
export class Connection implements SocketEvents {
  /** Place in the pool's list of all connections. */
  poolIndex = -1;
  /** The request that it was opened for, as long as that still waits. */
  waiter: Waiter | null = null;
  /** Requests that it has been given. */
  requests = 0;
  readonly #owner: ConnectionOwner;
  readonly #plan: ConnectionPlan;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #wire: DirectWriter;
  #input: DirectReader | null = null;
  readonly #reader: ResponseReader;
  readonly #writer: RequestWriter;
  readonly #rate: MinRate;
  readonly #ring: AttemptRing;
  readonly #buffer = new ReadBuffer();
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  #phase: ConnectionPhase = 'connecting';
  #deadlineMs: number;
  /** Heads that leave in one write. */
  #batch = '';
  /** No attempt may join the one that is on. */
  #isExclusive = false;
  /** A response has shown that the origin keeps connections; before that nothing is pipelined (RFC 9112 9.3.2). */
  #isProven = false;
  /** No further request. */
  #isLast = false;
  #isPaused = false;
  #isWriteBroken = false;
  #queuedBytes = 0;

  constructor(owner: ConnectionOwner, plan: ConnectionPlan) {
    this.#owner = owner;
    this.#plan = plan;
    this.#clock = owner.clock;
    this.#ring = new AttemptRing(this, plan.pool.pipelining);
    this.#reader = new ResponseReader(plan);
    this.#rate = new MinRate(plan.minRateBytesPerSec, plan.minRateAfterMs);
    this.#deadlineMs = deadlineAfter(this.#clock.nowMs, plan.timeouts.connectMs);
    this.#socket = openSocket(plan, this);
    this.#wire = new DirectWriter(this.#socket, () => this.#onDrain());
    this.#writer = new RequestWriter(this.#wire);
  }

  get isIdle(): boolean {
    return this.#state === 'open' && this.#ring.count === 0;
  }

  canTake(isPipelinable: boolean): boolean {
    if (this.#state !== 'open' || this.#isLast) return false;
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
    assert(attempt.isSent || attempt.sink === null, 'a sink sends before it returns');
    if (!isBatched && this.#state === 'open') this.#writer.flush();
  }

  /** Writes the heads that came together in this tick. */
  flush(): void {
    const batch = this.#batch;
    this.#batch = '';
    this.#ring.unflushed = 0;
    if (this.#state === 'open' && batch !== '') this.#wire.writeText(batch);
  }

  /** Looks at its deadline and rate. */
  check(nowMs: number): void {
    if (isPast(this.#deadlineMs, nowMs)) this.#onDeadline(nowMs);
    else if (this.#phase === 'body' && this.#ring.current()?.isRequestWhole && this.#rate.isTooSlow(nowMs))
      this.#fail('too-slow', 'response body below the minimum rate');
  }

  /** Takes no further request: closed now if it is idle, else after what it is at. */
  retire(): void {
    this.#isLast = true;
    if (this.isIdle) this.#shut();
  }

  /** Closed now, whatever it is at. */
  kill(kind: FailureKind, detail: string): void {
    if (this.#state === 'connecting') this.#failConnect(kind, detail);
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
    if (attempt.sink === null || this.#state !== 'open' || this.#isWriteBroken) return 'released';
    const loan = this.#writer.write(bytes);
    if (this.#writer.isFull && !attempt.isFull) {
      attempt.isFull = true;
      this.#queuedBytes = this.#wire.queuedBytes;
      if (this.#phase === 'sending') this.#deadlineMs = deadlineAfter(this.#clock.nowMs, this.#plan.timeouts.idleMs);
    }
    // An origin that answers while it reads may wait for the rest of the request.
    if (this.#phase === 'body') this.#noteProgress();
    return loan;
  }

  endBody(attempt: Attempt): void {
    if (attempt.sink === null || this.#state !== 'open' || this.#isWriteBroken) return;
    this.#writer.end();
    attempt.isRequestWhole = true;
    if (this.#phase === 'sending') this.#awaitHead();
    else this.#rate.start(this.#clock.nowMs);
  }

  pauseFor(attempt: Attempt): void {
    if (this.#state !== 'open' || this.#isPaused || !this.#ring.isCurrent(attempt)) return;
    this.#isPaused = true;
    this.#input?.pause();
    this.#rate.pause(this.#clock.nowMs);
    if (this.#phase === 'body') this.#deadlineMs = NEVER_MS;
  }

  resumeFor(attempt: Attempt): void {
    if (this.#state === 'open' && this.#ring.isCurrent(attempt)) this.#readOn();
  }

  abandon(attempt: Attempt): void {
    if (this.#state !== 'open') return;
    if (!this.#ring.hasListener()) this.#shut();
    else if (this.#ring.isCurrent(attempt)) this.#readOn();
  }

  // Below: what the socket tells.

  onOpen(): void {
    if (this.#state !== 'connecting') return;
    this.#state = 'open';
    this.#input = new DirectReader(this.#socket, this.#buffer.filled, (bytes) => this.#onRead(bytes));
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
    if (this.#state === 'connecting') this.#failConnect(error === undefined ? 'connect-failed' : connectFailureKind(error), detail);
    else this.#fail(this.#breakKind(), detail);
  }

  /** Whether the connection must be read on although a write failed: see `openSocket`. */
  outlives(error: Error): boolean {
    const attempt = this.#ring.current();
    if (attempt === undefined || attempt.body === 'none' || !('syscall' in error) || error.syscall !== 'write') return false;
    this.#isWriteBroken = true;
    this.#isLast = true;
    attempt.isFull = false;
    this.#phase = 'broken';
    this.#deadlineMs = this.#clock.nowMs + BROKEN_WRITE_GRACE_MS;
    return true;
  }

  // Below: the responses.

  /** Returns the buffer for the next read, `undefined` = the same. */
  #onRead(bytes: number): Buffer | undefined {
    // Nobody has asked for these bytes, so they must never be taken for an answer to the next request.
    if (this.#ring.count === this.#ring.unflushed) this.#fail('reset', 'bytes that nobody asked for');
    else this.#consume(this.#buffer.filled, bytes);
    if (this.#state === 'open') this.#ring.current()?.sink?.onUpstreamPause();
    return this.#buffer.turn();
  }

  #onDrain(): void {
    const attempt = this.#ring.current();
    if (attempt === undefined || !attempt.isFull) return;
    attempt.isFull = false;
    if (this.#phase === 'sending') this.#deadlineMs = NEVER_MS;
    attempt.sink?.onUpstreamDrain();
  }

  #consume(buffer: Buffer, end: number): void {
    const reader = this.#reader;
    let at = 0;
    let isKept = false;
    while (this.#state === 'open') {
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
    this.#rate.start(this.#clock.nowMs);
    if (!this.#isWriteBroken) this.#phase = 'body';
    this.#noteProgress();
    attempt.sink?.onUpstreamHead(this.#reader.head, this.#reader.bodyLength);
  }

  /** True if the bytes are still referred to. */
  #onBody(attempt: Attempt, bytes: Buffer): boolean {
    attempt.hasBody = true;
    this.#rate.add(bytes.length);
    this.#noteProgress();
    if (attempt.sink !== null) return attempt.sink.onUpstreamBody(bytes) === 'kept';
    attempt.droppedBytes += bytes.length;
    if (attempt.droppedBytes > MAX_DROPPED_BYTES) this.#fail('reset', 'too much to drop');
    return false;
  }

  #noteProgress(): void {
    if (this.#isPaused) return;
    if (this.#isWriteBroken) this.#deadlineMs = this.#clock.nowMs + BROKEN_WRITE_GRACE_MS;
    else this.#deadlineMs = deadlineAfter(this.#clock.nowMs, this.#plan.timeouts.idleMs);
  }

  /** The response is whole. The pool has the connection back before the sink hears of it, so that its next request can use it. */
  #finish(attempt: Attempt, hasMore: boolean): void {
    const { sink } = attempt;
    const { keepAlive, minor } = this.#reader.head;
    this.#ring.shift();
    const isSurplus = hasMore && this.#ring.count === this.#ring.unflushed;
    if (isSurplus || !keepAlive || !this.#reader.isFramed || !attempt.isRequestWhole || this.#isWriteBroken) {
      this.#shut();
      sink?.onUpstreamEnd();
      this.#ring.failAll();
      return;
    }
    this.#isProven ||= minor > 0;
    this.#readOn();
    if (this.#ring.count === 0) this.#rest();
    else this.#turnToNext();
    if (this.#state === 'open' && !this.#isLast) this.#owner.onConnectionReady(this);
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
    this.#phase = 'idle';
    const limitMs = idleLimitMs(this.#plan.pool.idleTimeoutMs, this.requests > 0 ? this.#reader.head.keepAliveSec : -1);
    this.#deadlineMs = this.#clock.nowMs + limitMs;
    if (this.#isLast || limitMs === 0) this.#shut();
  }

  #awaitResponse(attempt: Attempt): void {
    this.#buffer.restore();
    this.#reader.begin(attempt.isHead);
    if (attempt.isRequestWhole) {
      this.#awaitHead();
    } else {
      this.#phase = 'sending';
      this.#deadlineMs = NEVER_MS;
    }
  }

  #awaitHead(): void {
    this.#phase = 'response';
    this.#deadlineMs = deadlineAfter(this.#clock.nowMs, this.#plan.timeouts.responseMs);
  }

  #readOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#input?.resume();
    this.#rate.resume(this.#clock.nowMs);
    if (this.#phase === 'body') this.#noteProgress();
  }

  // Below: endings.

  #onDeadline(nowMs: number): void {
    const phase = this.#phase;
    if (phase === 'idle') this.#shut();
    else if (phase === 'connecting') this.#failConnect('connect-timeout', 'no connection in time');
    else if (phase === 'response') this.#fail('response-timeout', 'no response head in time');
    else if (phase === 'body') this.#fail('idle-timeout', 'no response byte in time');
    else if (phase === 'broken') this.#fail(this.#breakKind(), 'the origin broke off the request');
    else this.#onSendDeadline(nowMs);
  }

  /** The socket's queue has been full for the whole time; but if it became shorter, the origin does read. */
  #onSendDeadline(nowMs: number): void {
    const queuedBytes = this.#wire.queuedBytes;
    if (queuedBytes >= this.#queuedBytes) {
      this.#fail('idle-timeout', 'the origin takes no request bytes');
      return;
    }
    this.#queuedBytes = queuedBytes;
    this.#deadlineMs = deadlineAfter(nowMs, this.#plan.timeouts.idleMs);
  }

  #failConnect(kind: FailureKind, detail: string): void {
    this.#state = 'closed';
    this.#socket.destroy();
    this.#owner.onConnectFailed(this, kind, detail);
  }

  /** Ends the connection; the first attempt gets this failure, those behind it have not been answered and can be replayed. */
  #fail(kind: FailureKind, detail: string): void {
    if (this.#state !== 'open') return;
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
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    this.#deadlineMs = NEVER_MS;
    this.#batch = '';
    this.#socket.destroy();
    if (wasOpen) this.#owner.onConnectionClosed(this);
  }

  #breakKind(): FailureKind {
    return this.#reader.hasHead ? 'truncated' : 'reset';
  }

  #stageOf(attempt: Attempt): FailureStage {
    if (!attempt.isSent || this.#ring.unflushed === this.#ring.count) return 'queued';
    if (attempt.hasBody) return 'body';
    return this.#reader.hasBegun ? 'head' : 'sent';
  }
}
