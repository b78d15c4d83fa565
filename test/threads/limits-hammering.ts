import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createConcurrencyTable, ConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { createLimitTable } from '../../src/shm/limit-memory.ts';
import { LimitTable, type LimitTableStats } from '../../src/shm/limit-table.ts';
import type { RollingLimit } from '../../src/shm/rolling-limit.ts';
import { hammerWords, hostMs, type LimitsHammerOrders, TOTALS, WATCHED } from './limits-hammer.ts';
import { faultsOfLimits, LIMITS_SEED } from './limits-world.ts';

export type LimitsHammering = {
  readonly threads: number;
  readonly ms: number;
  /** Goes on at least until so many takes. */
  readonly minTakes?: number;
  readonly bytes: number;
  readonly limit: RollingLimit;
  readonly keys: number;
  readonly watched: number;
  readonly oneIn: number;
  readonly flood?: RollingLimit;
  readonly deaths: number;
  readonly seed: number;
};

export type LimitsReport = {
  readonly seconds: number;
  readonly takes: number;
  /** Of watched keys, in tokens; `least`: what the bucket held and what flowed in after it was first empty. */
  readonly admitted: number;
  /** What the bucket held and all that flowed in: no more may be admitted. */
  readonly most: number;
  readonly least: number;
  /** The least share of that which a watched key has got. */
  readonly leastShare: number;
  readonly floodAdmitted: number;
  readonly deaths: number;
  readonly stats: LimitTableStats;
  readonly rssBytes: { readonly before: number; readonly after: number };
  readonly faults: readonly string[];
};

const MAX_IN_FLIGHT = 2;
const LEAST_SHARE = 0.999;

/** Threads on one table of limits. One after the other dies in the middle of its work if it is to, and is replaced after it was mended. */
export async function hammerLimits(plan: LimitsHammering): Promise<LimitsReport> {
  const { threads, watched } = plan;
  const participants = threads + 1;
  const limits = createLimitTable({ bytes: plan.bytes, seed: LIMITS_SEED });
  const flying = createConcurrencyTable({ bytes: 2 ** 18 + watched * 64, participants, seed: LIMITS_SEED });
  const size = watched * WATCHED.CELLS + TOTALS.CELLS;
  const blocks = new SharedArrayBuffer(threads * size * 8);
  const cells = new Float64Array(blocks);
  const stop = new SharedArrayBuffer(4);
  const inside = new SharedArrayBuffer(watched * 4);
  const pen = new LimitTable(limits, threads);
  const flyingPen = new ConcurrencyTable(flying, threads);
  let started = 0;
  const start = async (self: number): Promise<Worker> => {
    started += 1;
    const { limit, keys, oneIn, flood } = plan;
    const workerData: LimitsHammerOrders = {
      self,
      limits,
      flying,
      blocks,
      inside,
      stop,
      limit,
      keys,
      watched,
      flood,
      oneIn,
      maxInFlight: MAX_IN_FLIGHT,
      seed: plan.seed * 1000 + started,
    };
    const worker = new Worker(new URL('./limits-hammer.ts', import.meta.url), { workerData });
    await once(worker, 'online');
    return worker;
  };
  const takesOf = (self: number): number => cells[self * size + watched * WATCHED.CELLS + TOTALS.TAKES] ?? 0;
  const takes = (): number => sum(threads, takesOf);
  const workers = await Promise.all(Array.from({ length: threads }, (_, self) => start(self)));
  for (let self = 0; self < threads; self += 1) while (takesOf(self) === 0) await sleep(1);
  const beganMs = hostMs();
  const rssBefore = process.memoryUsage.rss();
  let rssEarly = rssBefore;
  let deaths = 0;
  const isOver = (): boolean => deaths >= plan.deaths && hostMs() - beganMs >= plan.ms && takes() >= (plan.minTakes ?? 0);
  for (let slice = 0; !isOver(); slice += 1) {
    await sleep(Math.min(50, plan.ms / (plan.deaths + 1)));
    pen.sweep(hostMs(), 50_000);
    if (slice === 10) rssEarly = process.memoryUsage.rss();
    if (deaths >= plan.deaths) continue;
    const victim = deaths % threads;
    await workers[victim]!.terminate();
    deaths += 1;
    pen.recover(victim);
    flyingPen.recover(victim);
    workers[victim] = await start(victim);
  }
  Atomics.store(new Int32Array(stop), 0, 1);
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  const rssAfter = process.memoryUsage.rss();
  const stats = pen.stats();
  const judged = judge(plan, cells);
  const faults = [...judged.faults, ...faultsOfLimits(limits, plan.deaths > 0)];
  for (let key = 0; key < watched; key += 1) {
    const { low, high } = hammerWords(key, 0);
    if (flyingPen.inFlight(low, high) !== 0) faults.push(`${flyingPen.inFlight(low, high)} of key ${key} are left in flight`);
  }
  return {
    seconds: (hostMs() - beganMs) / 1000,
    takes: takes(),
    admitted: judged.admitted,
    most: judged.most,
    least: judged.least,
    leastShare: judged.leastShare,
    floodAdmitted: sum(threads, (self) => cells[self * size + watched * WATCHED.CELLS + TOTALS.FLOODED] ?? 0),
    deaths,
    stats,
    rssBytes: { before: rssEarly, after: rssAfter },
    faults: faults.slice(0, 20),
  };
}

function judge(plan: LimitsHammering, cells: Float64Array) {
  const { threads, watched, limit } = plan;
  const size = watched * WATCHED.CELLS + TOTALS.CELLS;
  const perMs = limit.amount / limit.windowMs;
  const faults: string[] = [];
  let admitted = 0;
  let mostOfAll = 0;
  let leastOfAll = 0;
  let leastShare = 1;
  for (let key = 0; key < watched; key += 1) {
    const of = (self: number, what: number): number => cells[self * size + key * WATCHED.CELLS + what] ?? 0;
    const got = sum(threads, (self) => of(self, WATCHED.ADMITTED));
    const firstOf = (what: number): number =>
      Math.min(...Array.from({ length: threads }, (_, self) => of(self, what) || Number.POSITIVE_INFINITY));
    const lastMs = Math.max(...Array.from({ length: threads }, (_, self) => of(self, WATCHED.LAST_MS)));
    const most = limit.burst + perMs * (lastMs - firstOf(WATCHED.FIRST_MS));
    // Until the bucket is empty for the first time it may run over: demand is there from then on.
    const least = limit.burst + perMs * (lastMs - firstOf(WATCHED.REFUSED_MS));
    admitted += got;
    mostOfAll += most;
    leastOfAll += least;
    if (got > most + limit.burst / 2 ** 26) faults.push(`key ${key}: ${got} were admitted, ${most} are allowed`);
    // A dead thread may have charged what it has not counted; the last tokens may not be whole.
    leastShare = Math.min(leastShare, (got + 2 + plan.deaths) / least);
    if (!(got + 2 + plan.deaths >= least * LEAST_SHARE)) faults.push(`key ${key}: ${got} were admitted, ${least} should have been`);
  }
  const tooMany = sum(threads, (self) => cells[self * size + watched * WATCHED.CELLS + TOTALS.TOO_MANY] ?? 0);
  // The dead are not counted out.
  if (tooMany > 0 && plan.deaths === 0) faults.push(`${tooMany} times more than ${MAX_IN_FLIGHT} were in flight`);
  return { admitted, most: mostOfAll, least: leastOfAll, leastShare, faults };
}

function sum(count: number, of: (index: number) => number): number {
  let total = 0;
  for (let index = 0; index < count; index += 1) total += of(index);
  return total;
}
