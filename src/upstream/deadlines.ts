/**
 * Time limits without a timer for each request: a connection keeps one deadline for the phase it is in, arming it is one field
 * write, and the worker's sweep, every 50 to 100 ms, looks at all of them. So a limit may be exceeded by one sweep.
 */

/**
 * What a connection waits for, and so what its deadline means. `connecting`: the handshake; `sending`: the origin to take
 * request bytes (armed only while the socket is full); `response`: the head; `body`: the next body byte; `idle`: the next
 * request; `broken`: bytes that the origin sent before it broke off our writes.
 */
export type ConnectionPhase = 'connecting' | 'sending' | 'response' | 'body' | 'idle' | 'broken';

/** No deadline. */
export const NEVER_MS = 0;

/** The time at which a limit that starts now is over; 0 as a limit means none. */
export function deadlineAfter(nowMs: number, limitMs: number): number {
  return limitMs === 0 ? NEVER_MS : nowMs + limitMs;
}

export function isPast(deadlineMs: number, nowMs: number): boolean {
  return deadlineMs !== NEVER_MS && nowMs >= deadlineMs;
}

/** An origin closes its end at about the time it told; we want to be first by this much. */
const KEEP_ALIVE_MARGIN_MS = 1000;

/**
 * How long an idle connection may be kept. `hintSec`: what the origin told in `Keep-Alive: timeout`, -1 = nothing. 0 = it is
 * not worth keeping. 0 as `idleTimeoutMs` = no limit of our own.
 */
export function idleLimitMs(idleTimeoutMs: number, hintSec: number): number {
  const ownMs = idleTimeoutMs === 0 ? Number.POSITIVE_INFINITY : idleTimeoutMs;
  if (hintSec < 0) return ownMs;
  const hintMs = hintSec * 1000;
  return Math.min(ownMs, Math.max(hintMs / 2, hintMs - KEEP_ALIVE_MARGIN_MS));
}

/**
 * Lowest rate of a flow, measured over one window after the other, each at least `windowMs` long. Time in which we did not
 * read (back-pressure) is not counted.
 */
export class MinRate {
  readonly #bytesPerSec: number;
  readonly #windowMs: number;
  #bytes = 0;
  #startMs = 0;
  /** When the pause began; 0 = not paused. */
  #pausedAtMs = 0;

  constructor(bytesPerSec: number, windowMs: number) {
    this.#bytesPerSec = bytesPerSec;
    this.#windowMs = windowMs;
  }

  start(nowMs: number): void {
    this.#bytes = 0;
    this.#startMs = nowMs;
    this.#pausedAtMs = 0;
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  pause(nowMs: number): void {
    if (this.#pausedAtMs === 0) this.#pausedAtMs = nowMs;
  }

  resume(nowMs: number): void {
    if (this.#pausedAtMs === 0) return;
    this.#startMs += nowMs - this.#pausedAtMs;
    this.#pausedAtMs = 0;
  }

  /** True if the window that ends now was too slow; else, if it was long enough, the next one begins. */
  isTooSlow(nowMs: number): boolean {
    if (this.#bytesPerSec === 0 || this.#pausedAtMs !== 0) return false;
    const elapsedMs = nowMs - this.#startMs;
    if (elapsedMs < this.#windowMs || elapsedMs === 0) return false;
    if (this.#bytes * 1000 < this.#bytesPerSec * elapsedMs) return true;
    this.start(nowMs);
    return false;
  }
}
