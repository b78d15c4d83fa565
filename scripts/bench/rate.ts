import os from 'node:os';
import { Worker } from 'node:worker_threads';
import type { RateMessage, RatePlan, RateResult } from './rate-plan.ts';

export type RateProgress = { readonly sent: number; readonly answered: number; readonly isWarmup: boolean };

/** Spinning takes a whole core; on fewer than three it would take it from the origin or the proxy. */
export function pacingHere(): RatePlan['pacing'] {
  return os.availableParallelism() >= 3 ? 'spin' : 'yield';
}

/** Runs one constant-rate load in a thread of its own and resolves with what it measured. */
export function runConstantRate(plan: RatePlan, onProgress: (progress: RateProgress) => void = () => {}): Promise<RateResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./rate-worker.ts', import.meta.url), { workerData: plan });
    worker.on('message', (message: RateMessage) => {
      if (message.kind === 'progress') {
        onProgress(message);
        return;
      }
      resolve(message.result);
      worker.terminate().catch(reject);
    });
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('the generator ended before its result')));
  });
}

export function requestHead(method: 'GET' | 'POST', path: string, bodyBytes: number): string {
  const length = method === 'POST' ? `Content-Length: ${bodyBytes}\r\nContent-Type: application/octet-stream\r\n` : '';
  return `${method} ${path} HTTP/1.1\r\nHost: bench.example\r\n${length}\r\n`;
}
