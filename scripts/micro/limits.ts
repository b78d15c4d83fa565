/**
 * What a decision of the limiter costs: ns of CPU time (so that a busy machine blurs it less), the best of a few rounds. A million live keys
 * in 32 MiB; then two threads on one key. Run it with `node scripts/micro/limits.ts`.
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { ConcurrencyTable, createConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { KeyedHash } from '../../src/shm/keyed-hash.ts';
import { createLimitTable, DEFAULT_LIMIT_BYTES } from '../../src/shm/limit-memory.ts';
import { LimitTable } from '../../src/shm/limit-table.ts';
import { createQuotaTable, QuotaTable } from '../../src/shm/quota-table.ts';
import { compileLimit } from '../../src/shm/rolling-limit.ts';
import { tell } from './told.ts';

const ROUNDS = 7;
const COUNT = 1_000_000;
const KEYS = 1_000_000;
const SEED = new Uint8Array(16).fill(7);
const START_MS = 1e9;

const bucket = compileLimit({ algorithm: 'token-bucket', amount: 1e6, windowMs: 3_600_000, burst: 1e6 });
const tight = compileLimit({ algorithm: 'token-bucket', amount: 1, windowMs: 3_600_000, burst: 1 });
const window = compileLimit({ algorithm: 'sliding-window', amount: 1e6, windowMs: 3_600_000, burst: 1 });

/** CPU ns of this thread for each of `count` runs. */
function time(count: number, run: (at: number) => void): number {
  const began = process.threadCpuUsage();
  for (let at = 0; at < count; at += 1) run(at);
  const used = process.threadCpuUsage(began);
  return ((used.user + used.system) * 1000) / count;
}

function measure(name: string, run: (at: number) => void): void {
  let bestNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) bestNs = Math.min(bestNs, time(COUNT, run));
  tell(name, 'ns', bestNs);
  process.stdout.write(`${name.padEnd(64)} ${bestNs.toFixed(0).padStart(6)} ns\n`);
}

function hammerOneKey(table: LimitTable): number {
  return time(COUNT, (at) => {
    table.take(bucket, 1, 2, START_MS + at / 1000, 1, 0);
  });
}

/** Another thread that takes of the same key until it is told to end. */
async function measureTwoThreads(table: LimitTable): Promise<void> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const other = new Worker(new URL(import.meta.url), { workerData: { memory: table.memory, stop } });
  await once(other, 'message');
  let bestNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) bestNs = Math.min(bestNs, hammerOneKey(table));
  Atomics.store(stop, 0, 1);
  tell('two threads on one key', 'ns', bestNs);
  process.stdout.write(`${'two threads on one key'.padEnd(64)} ${bestNs.toFixed(0).padStart(6)} ns\n`);
  await once(other, 'exit');
}

async function main(): Promise<void> {
  const table = new LimitTable(createLimitTable({ bytes: DEFAULT_LIMIT_BYTES, seed: SEED }), 0);
  const words = new Int32Array(2 * KEYS);
  const hash = new KeyedHash(SEED);
  for (let key = 0; key < KEYS; key += 1) {
    hash.hash(`burst\0${key}`);
    words[2 * key] = hash.low;
    words[2 * key + 1] = hash.high;
  }
  const lowOf = (at: number): number => words[2 * (at % KEYS)] ?? 0;
  const highOf = (at: number): number => words[2 * (at % KEYS) + 1] ?? 0;
  const key = `burst\0${'2001:db8:1234:5678::/64'}`;

  measure('the hash of a key of 29 characters', () => hash.hash(key));
  let fresh = 0;
  measure('a key that was never seen before, room for it', () => {
    fresh += 1;
    table.take(tight, Math.imul(fresh, 0x9e3779b1), fresh, START_MS + fresh * 1e4, 1, 0);
    if (fresh % 500_000 === 0) while (table.sweep(START_MS + fresh * 1e4 + 1e9, 4e6) > 0);
  });
  table.sweep(START_MS * 1000, 4e6);
  measure('one key, admitted', (at) => table.take(bucket, 1, 2, START_MS + at / 1000, 1, 0));
  measure('one key, refused', (at) => table.take(tight, 3, 4, START_MS + at / 1000, 1, 0));
  measure('one key, a sliding window', (at) => table.take(window, 5, 6, START_MS + at / 1000, 1, 0));
  measure(`a thousand keys`, (at) => table.take(bucket, lowOf(at % 1000), highOf(at % 1000), START_MS + at / 1000, 1, 0));
  measure('a million keys, in turn (no line of memory is in a cache)', (at) =>
    table.take(bucket, lowOf(at), highOf(at), START_MS + at / 1000, 1, 0),
  );
  measure('a thousand keys, with a million live', (at) =>
    table.take(bucket, lowOf(at % 1000), highOf(at % 1000), START_MS + at / 1000, 1, 0),
  );
  process.stdout.write(`${JSON.stringify(table.stats())}\n`);
  await measureTwoThreads(table);
  const flying = new ConcurrencyTable(createConcurrencyTable({ bytes: 4 * 2 ** 20, participants: 6, seed: SEED }), 0);
  measure('in flight: acquire, release; six participants', () => flying.release(flying.acquire(1, 2, 10)));
  const quotas = new QuotaTable(createQuotaTable({ bytes: 4 * 2 ** 20, seed: SEED }), 0);
  measure('a quota: take', () => quotas.take(1, 2, 1_764_000_000, 1e11, 1));
}

if (isMainThread) await main();
else {
  const { memory, stop } = workerData as { readonly memory: SharedArrayBuffer; readonly stop: Int32Array };
  const table = new LimitTable(memory, 1);
  hammerOneKey(table);
  parentPort?.postMessage('running');
  while (Atomics.load(stop, 0) === 0) hammerOneKey(table);
}
