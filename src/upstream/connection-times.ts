import type { Clock } from '../base/clock.ts';
import { MinRate } from '../base/min-rate.ts';
import { deadlineAfter, idleLimitMs, isPast, NEVER_MS } from './deadlines.ts';
import type { ConnectionPlan } from './plan.ts';

/**
 * What a connection waits for, and so what its deadline means. `connecting`: the handshake; `sending`: the origin to take
 * request bytes (armed only while the socket is full); `response`: the head; `body`: the next body byte; `idle`: the next
 * request; `broken`: bytes that the origin sent before it broke off our writes; `over`: nothing, it is closed.
 */
export type ConnectionPhase = 'connecting' | 'sending' | 'response' | 'body' | 'idle' | 'broken' | 'over';

/** What the origin sent before it broke off our writes is in the kernel already: this is only the way through the loop. */
const BROKEN_WRITE_GRACE_MS = 100;

/** What one upstream connection waits for, and until when. Arming is a store; the sweep of the worker does the looking. */
export class ConnectionTimes {
  phase: ConnectionPhase = 'connecting';
  /** We do not read, so no byte of a body is due. */
  isPaused = false;
  readonly #plan: ConnectionPlan;
  readonly #clock: Clock;
  readonly #rate: MinRate;
  #deadlineMs: number;
  /** Of response bodies, since ever. */
  #bodyBytes = 0;
  /** Request bytes that the origin had not taken when we began to wait for it to take more. */
  #queuedBytes = 0;

  constructor(plan: ConnectionPlan, clock: Clock) {
    this.#plan = plan;
    this.#clock = clock;
    this.#rate = new MinRate(plan.minRateBytesPerSec, plan.minRateAfterMs);
    this.#deadlineMs = deadlineAfter(clock.nowMs, plan.timeouts.connectMs);
  }

  get isOpen(): boolean {
    return this.phase !== 'connecting' && this.phase !== 'over';
  }

  /** `hintSec`: what the origin told in `Keep-Alive: timeout`, -1 = nothing. False if it is not worth waiting. */
  awaitRequest(hintSec: number): boolean {
    const limitMs = idleLimitMs(this.#plan.pool.idleTimeoutMs, hintSec);
    this.phase = 'idle';
    this.#deadlineMs = this.#clock.nowMs + limitMs;
    return limitMs > 0;
  }

  /** The client sends the request body, and the origin takes it. */
  awaitRequestBody(): void {
    this.phase = 'sending';
    this.#deadlineMs = NEVER_MS;
  }

  awaitHead(): void {
    this.phase = 'response';
    this.#deadlineMs = deadlineAfter(this.#clock.nowMs, this.#plan.timeouts.responseMs);
  }

  /** The head is here. */
  awaitBody(): void {
    if (this.phase !== 'broken') this.phase = 'body';
    this.#rate.restart();
    this.noteProgress();
  }

  onBodyBytes(bytes: number): void {
    this.#bodyBytes += bytes;
    this.noteProgress();
  }

  /** Bytes have gone, in either direction: an origin that answers while it reads may wait for the rest of the request. */
  noteProgress(): void {
    if (this.isPaused) return;
    if (this.phase === 'body') this.#deadlineMs = deadlineAfter(this.#clock.nowMs, this.#plan.timeouts.idleMs);
    else if (this.phase === 'broken') this.#deadlineMs = this.#clock.nowMs + BROKEN_WRITE_GRACE_MS;
  }

  pause(): void {
    this.isPaused = true;
    this.#rate.restart();
    if (this.phase === 'body' || this.phase === 'broken') this.#deadlineMs = NEVER_MS;
  }

  resume(): void {
    this.isPaused = false;
    this.noteProgress();
  }

  /** The socket's queue has become full. */
  onFull(queuedBytes: number): void {
    this.#queuedBytes = queuedBytes;
    if (this.phase === 'sending') this.#deadlineMs = deadlineAfter(this.#clock.nowMs, this.#plan.timeouts.idleMs);
  }

  /** The socket's queue is empty: it is the client's turn. */
  onDrain(): void {
    if (this.phase === 'sending') this.#deadlineMs = NEVER_MS;
  }

  /** The queue has been full for the whole time; but if it became shorter, the origin does read, and has that time again. */
  goesOnTaking(queuedBytes: number): boolean {
    if (queuedBytes >= this.#queuedBytes) return false;
    this.onFull(queuedBytes);
    return true;
  }

  onWriteBroken(): void {
    this.phase = 'broken';
    this.#deadlineMs = this.#clock.nowMs + BROKEN_WRITE_GRACE_MS;
  }

  end(): void {
    this.phase = 'over';
    this.#deadlineMs = NEVER_MS;
  }

  /** An answer that comes before its request is whole is as slow as the client: then the rate is not judged. */
  judge(nowMs: number, isRequestWhole: boolean): 'due' | 'too-slow' | undefined {
    if (isPast(this.#deadlineMs, nowMs)) return 'due';
    if (!this.#rate.isOn || this.isPaused || !isRequestWhole || this.phase !== 'body') return undefined;
    return this.#rate.isBelow(nowMs, this.#bodyBytes) ? 'too-slow' : undefined;
  }
}
