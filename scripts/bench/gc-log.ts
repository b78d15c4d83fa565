import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from './start-process.ts';

export type GcSummary = {
  readonly collections: number;
  readonly maxPauseMs: number;
  /** `minor in thread 2`; thread 0 is the coordinator's (or the supervisor's), which carries no traffic. */
  readonly maxKind: string;
  readonly totalPauseMs: number;
};

type GcLine = { readonly kind: string; readonly atMs: number; readonly pauseMs: number };

/** Environment that makes every Node process and thread below it log its collections to `path`. */
export function gcProbeEnv(path: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--disable-warning=ExperimentalWarning --require=${join(import.meta.dirname, 'gc-probe.ts')}`,
    BENCH_GC_LOG: path,
  };
}

function parseLine(text: string): GcLine | undefined {
  // The last line may be cut while the probe is writing it.
  if (!text.endsWith('}')) return undefined;
  const line: unknown = JSON.parse(text);
  if (typeof line !== 'object' || line === null || !('kind' in line && 'atMs' in line && 'pauseMs' in line)) return undefined;
  const thread = 'thread' in line ? ` in thread ${line.thread}` : '';
  return { kind: `${line.kind}${thread}`, atMs: Number(line.atMs), pauseMs: Number(line.pauseMs) };
}

/** What was collected between two wall-clock times, over all threads of the proxy. Waits once for the probe's last flush. */
export async function readGcLog(path: string, fromMs: number, toMs: number): Promise<GcSummary> {
  await sleep(600);
  let collections = 0;
  let totalPauseMs = 0;
  let longest: GcLine = { kind: 'none', atMs: 0, pauseMs: 0 };
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  for (const part of text.split('\n')) {
    const line = parseLine(part);
    if (line === undefined || line.atMs < fromMs || line.atMs > toMs) continue;
    collections += 1;
    totalPauseMs += line.pauseMs;
    if (line.pauseMs > longest.pauseMs) longest = line;
  }
  return { collections, maxPauseMs: longest.pauseMs, maxKind: longest.kind, totalPauseMs };
}
