/**
 * Time limits without a timer for each request: a connection keeps one deadline for the phase it is in, arming it is one field
 * write, and the worker's sweep, every 50 to 100 ms, looks at all of them. So a limit may be exceeded by one sweep.
 */

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
