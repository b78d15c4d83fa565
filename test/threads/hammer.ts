import { parentPort, workerData } from 'node:worker_threads';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import type { MetricPlan } from '../../src/observe/slots.ts';
import { CounterBlocks } from '../../src/shm/counters.ts';
import { Heartbeats } from '../../src/shm/heartbeat.ts';

/** A worker that only counts. `rounds` = 0: until it is killed. */
export type HammerOrders = {
  readonly worker: number;
  readonly rounds: number;
  readonly plan: MetricPlan;
  readonly counters: SharedArrayBuffer;
  readonly heartbeats: SharedArrayBuffer;
};

const orders = workerData as HammerOrders;
const writer = new MetricsWriter(new CounterBlocks(orders.counters).block(orders.worker), orders.plan);
const beats = new Heartbeats(orders.heartbeats);
const requests = writer.slot('sluice_requests_total', { route: 'api', code: '2xx' });
const sent = writer.slot('sluice_client_sent_bytes_total', { listener: 'web' });
const times = writer.slot('sluice_request_duration_seconds', { route: 'api' });
const open = writer.slot('sluice_client_connections', { listener: 'web' });

/** 2^32 and 1 in turn, so that a half of an old and a half of a new value would stand out. */
const STEP = 2 ** 32 + 1;

writer.set(open, 5);
let done = 0;
while (orders.rounds === 0 || done < orders.rounds) {
  writer.increment(requests);
  writer.add(sent, STEP);
  writer.observe(times, (done % 400) / 4);
  done += 1;
  if (done % 1000 === 0) beats.beat(orders.worker);
}
parentPort?.postMessage('done');
