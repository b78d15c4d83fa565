import { Agent, get } from 'node:http';

/**
 * Requests at a constant rate, whatever becomes of those before: each on a kept connection that is free, else on a new one, so that none waits here.
 * How late the generator itself is, is told apart.
 */

export type LoadPlan = { readonly port: number; readonly ratePerSec: number; readonly durationMs: number; readonly onDone?: OnDone };

/** Of each request: when it was sent (`performance.now`), how long it took, and its status, 0 where it broke. */
export type OnDone = (sentMs: number, tookMs: number, status: number) => void;

export type LoadResult = {
  /** Of answers with 200 to requests of this load; in ms, rising. */
  readonly timesMs: readonly number[];
  /** Those of them that came before the load was over, a second. */
  readonly goodPerSec: number;
  /** How late requests were sent; in ms, rising. */
  readonly lagsMs: readonly number[];
  /** Answers with 503, and what broke. */
  readonly shed: number;
  readonly broken: number;
};

/** After the load is over its last answers are waited for so long. */
const GRACE_MS = 15_000;
const TURN_MS = 2;

export async function openLoad({ port, ratePerSec, durationMs, onDone }: LoadPlan): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true });
  const timesMs: number[] = [];
  const lagsMs: number[] = [];
  const counts = { inTime: 0, shed: 0, broken: 0, open: 0 };
  const startMs = performance.now();
  const ask = (dueMs: number): void => {
    counts.open += 1;
    const sentMs = performance.now();
    lagsMs.push(sentMs - dueMs);
    const request = get({ host: '127.0.0.1', port, agent, path: '/' }, (response) => {
      response.resume();
      response.on('end', () => {
        counts.open -= 1;
        const nowMs = performance.now();
        onDone?.(sentMs, nowMs - sentMs, response.statusCode ?? 0);
        if (response.statusCode !== 200) counts.shed += 1;
        else {
          timesMs.push(nowMs - sentMs);
          if (nowMs - startMs <= durationMs) counts.inTime += 1;
        }
      });
    });
    request.on('error', () => {
      counts.open -= 1;
      counts.broken += 1;
      onDone?.(sentMs, performance.now() - sentMs, 0);
    });
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  for (let sent = 0, nowMs = startMs; nowMs - startMs < durationMs; nowMs = performance.now()) {
    for (; sent < ((nowMs - startMs) * ratePerSec) / 1000; sent += 1) ask(startMs + (sent * 1000) / ratePerSec);
    await pause(TURN_MS);
  }
  const endMs = performance.now() + GRACE_MS;
  while (counts.open > 0 && performance.now() < endMs) await pause(TURN_MS);
  agent.destroy();
  timesMs.sort((a, b) => a - b);
  lagsMs.sort((a, b) => a - b);
  return { timesMs, lagsMs, goodPerSec: (counts.inTime * 1000) / durationMs, shed: counts.shed, broken: counts.broken };
}

export function percentile(sortedMs: readonly number[], share: number): number {
  return sortedMs[Math.max(0, Math.ceil(sortedMs.length * share) - 1)] ?? Number.NaN;
}
