import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { timesIn } from '../harness/times-in.ts';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { printMetrics } from '../../src/observe/prometheus.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';
import { createCounters } from '../../src/shm/counters.ts';
import { createHeartbeats, judgeHeartbeat, watchHeartbeat } from '../../src/shm/heartbeat.ts';
import { checkExposition } from '../unit/observe/check-exposition.ts';
import type { HammerOrders } from './hammer.ts';

const STEP = 2 ** 32 + 1;
const ROUNDS = 300_000;

function rig(workers: number) {
  const registry = new MetricRegistry(8192);
  const plan = registry.plan({ listeners: [{ name: 'web' }], upstreams: [], routes: [{ name: 'api' }] });
  const counters = createCounters(workers + 1, registry.maxCells);
  const heartbeats = createHeartbeats(workers);
  const reader = new MetricsWriter(counters.block(workers), plan);
  const slots = {
    requests: reader.slot('sluice_requests_total', { route: 'api', code: '2xx' }),
    sent: reader.slot('sluice_client_sent_bytes_total', { listener: 'web' }),
    times: reader.slot('sluice_request_duration_seconds', { route: 'api' }),
    open: reader.slot('sluice_client_connections', { listener: 'web' }),
  };
  const start = (worker: number, rounds: number) => {
    const workerData: HammerOrders = { worker, rounds, plan, counters: counters.memory, heartbeats: heartbeats.memory };
    return new Worker(new URL('./hammer.ts', import.meta.url), { workerData });
  };
  const totals = () => {
    const cells = new Float64Array(registry.usedCells);
    counters.sumInto(cells);
    return cells;
  };
  return { registry, counters, heartbeats, slots, start, totals };
}

test('counts of four threads are exact in the end, and on the way no reader sees one torn or going back', async () => {
  const { registry, counters, slots, start, totals } = rig(4);
  const workers = [0, 1, 2, 3].map((worker) => start(worker, ROUNDS));
  let running = workers.length;
  for (const worker of workers) worker.once('exit', () => (running -= 1));
  let looks = 0;
  let last = totals();
  while (running > 0) {
    const cells = totals();
    assert.ok(cells[slots.requests]! >= last[slots.requests]!);
    assert.ok(timesIn(cells, slots.times) >= timesIn(last, slots.times));
    for (let worker = 0; worker < 4; worker += 1) {
      const sent = counters.block(worker)[slots.sent]!;
      assert.equal(sent % STEP, 0, `${sent} is a value that was stored`);
    }
    if (looks % 50 === 0) checkExposition(printMetrics({ registry, counters, workers: 4 }, 'text'));
    last = cells;
    looks += 1;
    await nextTurn();
  }
  assert.ok(looks > 10, 'the reader read while the writers wrote');
  const cells = totals();
  assert.equal(cells[slots.requests], 4 * ROUNDS);
  assert.equal(cells[slots.sent], 4 * ROUNDS * STEP);
  assert.equal(timesIn(cells, slots.times), 4 * ROUNDS);
  assert.equal(cells[slots.times], 4 * (ROUNDS / 400) * ((399 * 400) / 2 / 4));
});

test('what a killed worker counted stays, its gauges go, and its successor goes on adding', async () => {
  const { registry, counters, heartbeats, slots, start, totals } = rig(2);
  const victim = start(0, 0);
  while (heartbeats.read(0) < 5) await nextTurn();
  await victim.terminate();
  const left = totals();
  const counted = left[slots.requests]!;
  assert.ok(counted >= 5000);
  // It died between two stores at worst, so the last event may be counted in one cell and not yet in the next.
  assert.ok(counted - timesIn(left, slots.times) <= 1);
  assert.equal(left[slots.open], 5);
  const stopped = heartbeats.read(0);
  const look = { watch: { ...watchHeartbeat(stopped, 0), quietMs: 900 }, beat: heartbeats.read(0), nowMs: 200 };
  assert.equal(judgeHeartbeat(look, { reportMs: 300, replaceMs: 1000, maxStepMs: 200 }).verdict, 'replace');
  registry.clearGauges(counters.block(0));
  assert.equal(totals()[slots.open], 0);
  const successor = start(0, 4000);
  await once(successor, 'exit');
  const now = totals();
  assert.equal(now[slots.requests], counted + 4000);
  assert.equal(now[slots.open], 5);
  assert.notEqual(heartbeats.read(0), stopped);
});
