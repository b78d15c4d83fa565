import { parentPort, workerData } from 'node:worker_threads';
import { ConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { LimitTable } from '../../src/shm/limit-table.ts';
import { compileLimit, type RollingLimit } from '../../src/shm/rolling-limit.ts';
import { Dice } from './hammer-tally.ts';

/**
 * A thread that takes of many keys as fast as it can. Keys 0 to `watched` - 1 are counted, in blocks of its own that outlive it: how much
 * was admitted, and when it asked first and last. All other keys are one-time keys when `floods`, else of 0 to `keys` - 1.
 */
export type LimitsHammerOrders = {
  readonly self: number;
  readonly limits: SharedArrayBuffer;
  readonly flying: SharedArrayBuffer;
  readonly blocks: SharedArrayBuffer;
  /** How many threads hold each watched key, by themselves. A dead one is not counted out. */
  readonly inside: SharedArrayBuffer;
  readonly stop: SharedArrayBuffer;
  readonly limit: RollingLimit;
  readonly keys: number;
  readonly watched: number;
  /** Limit of one-time keys, which come in place of all that are not watched. */
  readonly flood: RollingLimit | undefined;
  /** One in so many takes is of a watched key. */
  readonly oneIn: number;
  readonly maxInFlight: number;
  readonly seed: number;
};

/** Float64 cells of a watched key in a thread's block: admitted, when it asked first and last (host ms), when it was first refused. */
export const WATCHED = Object.freeze({ ADMITTED: 0, FIRST_MS: 1, LAST_MS: 2, REFUSED_MS: 3, CELLS: 4 });
/** Cells after the watched keys': takes, and how many were inside too much. */
export const TOTALS = Object.freeze({ TAKES: 0, TOO_MANY: 1, FLOODED: 2, CELLS: 4 });

export function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** The two words of key number `key`, of thread `self` if it is a one-time key. */
export function hammerWords(key: number, self: number): { low: number; high: number } {
  const name = key ^ (self << 27);
  return { low: mixed(name ^ 0x5bd1e995), high: mixed(Math.imul(name, 0x165667b1) ^ 0x27d4eb2f) };
}

/** The last steps of MurmurHash3 (Appleby): each number has another answer. */
function mixed(number: number): number {
  let x = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

function run(orders: LimitsHammerOrders): void {
  const { self, keys, watched, oneIn, maxInFlight } = orders;
  const limits = new LimitTable(orders.limits, self);
  const flying = new ConcurrencyTable(orders.flying, self);
  const stop = new Int32Array(orders.stop);
  const size = watched * WATCHED.CELLS + TOTALS.CELLS;
  const inside = new Int32Array(orders.inside);
  const block = new Float64Array(orders.blocks).subarray(self * size, (self + 1) * size);
  const limit = compileLimit(orders.limit);
  const flood = orders.flood === undefined ? undefined : compileLimit(orders.flood);
  const dice = new Dice(orders.seed);
  const totals = watched * WATCHED.CELLS;
  const words = Array.from({ length: keys }, (_, key) => hammerWords(key, 0));
  const add = (cell: number, by: number): void => {
    block[cell] = (block[cell] ?? 0) + by;
  };

  const takeWatched = (key: number): boolean => {
    const { low, high } = words[key]!;
    const at = key * WATCHED.CELLS;
    const nowMs = hostMs();
    if (block[at + WATCHED.FIRST_MS] === 0) block[at + WATCHED.FIRST_MS] = nowMs;
    const isAdmitted = limits.take(limit, low, high, nowMs, 1, 0);
    block[at + WATCHED.LAST_MS] = nowMs;
    if (isAdmitted) add(at, 1);
    else if (block[at + WATCHED.REFUSED_MS] === 0) block[at + WATCHED.REFUSED_MS] = nowMs;
    flyOnce(key, low, high);
    return isAdmitted;
  };
  const flyOnce = (key: number, low: number, high: number): void => {
    const handle = flying.acquire(low, high, maxInFlight);
    if (handle < 0) return;
    if (Atomics.add(inside, key, 1) + 1 > maxInFlight) add(totals + TOTALS.TOO_MANY, 1);
    Atomics.sub(inside, key, 1);
    flying.release(handle);
  };

  let oneTime = 0;
  while (Atomics.load(stop, 0) === 0) {
    for (let round = 0; round < 256; round += 1) {
      add(totals + TOTALS.TAKES, 1);
      if (watched === keys || dice.roll(oneIn) === 0) takeWatched(watched === 1 ? 0 : dice.roll(watched));
      else if (flood === undefined) {
        const { low, high } = words[watched + dice.roll(keys - watched)]!;
        limits.take(limit, low, high, hostMs(), 1, 0);
      } else {
        oneTime += 1;
        const { low, high } = hammerWords(keys + oneTime, self + 1);
        if (limits.take(flood, low, high, hostMs(), 1, 0)) add(totals + TOTALS.FLOODED, 1);
      }
    }
  }
  // What has flowed in while this thread did not run.
  for (let key = 0; key < watched; key += 1) while (takeWatched(key)) add(totals + TOTALS.TAKES, 1);
  parentPort?.postMessage('done');
}

if (workerData !== null) run(workerData as LimitsHammerOrders);
