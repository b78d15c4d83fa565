import { setTimeout as sleep } from 'node:timers/promises';

/** Only what fails takes so long: on a machine that has much else to do a thread may need ten seconds to start. */
const DEFAULT_TIMEOUT_MS = 30_000;
const MIN_POLL_MS = 5;
/** Some probes ask a process over HTTP. */
const MAX_POLL_MS = 25;
const SLOWER_BY = 0.02;

/**
 * Polls until `probe` gives something other than `undefined` or `false`, and resolves to that. What cannot be told by an
 * event (a counter, a file, another process) is waited for with this; a sleep for luck is not.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs: number = DEFAULT_TIMEOUT_MS,
): Promise<T> {
  const beganMs = performance.now();
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    const waitedMs = performance.now() - beganMs;
    if (waitedMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(Math.min(MAX_POLL_MS, MIN_POLL_MS + waitedMs * SLOWER_BY));
  }
}

/** Rejects with `what` if the promise is not settled in time. */
export async function within<T>(what: string, promise: Promise<T>, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not within ${timeoutMs} ms: ${what}`)), timeoutMs);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
