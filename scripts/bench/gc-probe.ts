import { appendFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { threadId } from 'node:worker_threads';

/**
 * Loaded into the proxy under test by `NODE_OPTIONS=--require=…/gc-probe.ts`: the product itself is not changed for it, and Node
 * runs it in every worker thread too (`--import` would miss the threads that are started from a string of code). Each garbage collection is written as one JSON line to the file in BENCH_GC_LOG.
 * (`--trace-gc` would tell the same, but V8 flags of that kind are refused in NODE_OPTIONS.)
 */
const path = process.env['BENCH_GC_LOG'];

const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak callbacks',
};

function kindOf(entry: object): string {
  const detail: unknown = 'detail' in entry ? entry.detail : undefined;
  if (typeof detail !== 'object' || detail === null || !('kind' in detail)) return 'unknown';
  return KINDS[Number(detail.kind)] ?? 'unknown';
}

if (path !== undefined) {
  let lines = '';
  const flush = (): void => {
    if (lines === '') return;
    appendFileSync(path, lines);
    lines = '';
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const atMs = Math.round(performance.timeOrigin + entry.startTime);
      lines += `${JSON.stringify({ pid: process.pid, thread: threadId, kind: kindOf(entry), atMs, pauseMs: entry.duration })}\n`;
    }
  }).observe({ entryTypes: ['gc'] });
  setInterval(flush, 250).unref();
  process.on('exit', flush);
}
