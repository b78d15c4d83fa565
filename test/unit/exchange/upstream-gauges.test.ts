import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopClock } from '../../../src/base/clock.ts';
import { UpstreamGauges } from '../../../src/exchange/upstream-gauges.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import type { EndpointState } from '../../../src/config/upstream-types.ts';
import { Cluster } from '../../../src/upstream/cluster.ts';
import { found } from '../../../src/upstream/discovery/source.ts';
import { createEndpointMemory } from '../../../src/upstream/endpoint-memory.ts';
import type { Pool } from '../../../src/upstream/pool.ts';
import { checkedConfig } from '../../integration/configured-front.ts';

const CONFIG = checkedConfig({
  listeners: ['127.0.0.1:0'],
  upstreams: { origin: 'http://127.0.0.1:9' },
  routes: [{ match: '/*', upstream: 'origin' }],
});

function setUp(config = CONFIG): {
  readonly metrics: MetricsWriter;
  readonly counted: (name: string, ...labels: readonly string[]) => number;
} {
  const registry = new MetricRegistry();
  const plan = registry.plan(config);
  const block = new Float64Array(registry.maxCells);
  const counted = (name: string, ...labels: readonly string[]): number =>
    registry.series
      .filter(({ row, values }) => row.name === name && labels.every((label) => values.includes(label)))
      .reduce((sum, { slot }) => sum + (block[slot] ?? 0), 0);
  return { metrics: new MetricsWriter(block, plan), counted };
}

function newCluster(): Cluster {
  const [upstream] = CONFIG.upstreams;
  assert.ok(upstream);
  return new Cluster(upstream, new LoopClock());
}

function poolOf(cluster: Cluster): Pool {
  const [target] = cluster.targets;
  assert.ok(target);
  return target.pool;
}

test('the counters of an upstream go on over a reload that makes its pools anew', () => {
  const { metrics, counted } = setUp();
  const first = newCluster();
  const before = new UpstreamGauges(metrics, new Map([['origin', first]]));
  poolOf(first).requestsTotal = 5;
  before.update();
  poolOf(first).requestsTotal = 7;
  before.end();
  assert.equal(counted('sluice_upstream_requests_total'), 7);
  const second = newCluster();
  const after = new UpstreamGauges(metrics, new Map([['origin', second]]));
  after.update();
  poolOf(second).requestsTotal = 2;
  poolOf(second).pendingOverflowTotal = 1;
  after.update();
  after.update();
  assert.equal(counted('sluice_upstream_requests_total'), 9);
  assert.equal(counted('sluice_upstream_pool_overflows_total'), 1);
});

test('what a kept upstream had counted is not counted twice', () => {
  const { metrics, counted } = setUp();
  const cluster = newCluster();
  const clusters = new Map([['origin', cluster]]);
  const before = new UpstreamGauges(metrics, clusters);
  poolOf(cluster).connectsTotal = 3;
  before.end();
  const after = new UpstreamGauges(metrics, clusters);
  after.update();
  assert.equal(counted('sluice_upstream_connects_total'), 3);
});

test('endpoints that are discovered later are counted under one label, from their first request on, and so is what leaves', () => {
  const config = checkedConfig({
    upstreams: { origin: { endpoints: ['http://127.0.0.1:9'], discovery: { file: 'a.yaml' } } },
    routes: [{ match: '/*', upstream: 'origin' }],
  });
  const { metrics, counted } = setUp(config);
  const [upstream] = config.upstreams;
  const [configured] = upstream?.endpoints ?? [];
  assert.ok(upstream !== undefined && configured !== undefined);
  const memory = createEndpointMemory(1);
  const endpoint = (slot: number): EndpointState => (slot === 1 ? { ...configured, slot } : { ...found('10.0.0.1', 80 + slot), slot });
  const cluster = new Cluster(upstream, new LoopClock(), { memory, worker: 0, serviceSlot: 0, endpoints: [endpoint(1)], limits: null });
  const gauges = new UpstreamGauges(metrics, new Map([['origin', cluster]]));
  const first = poolOf(cluster);
  cluster.setEndpoints([endpoint(2), endpoint(3)]);
  first.requestsTotal = 4;
  for (const [i, { pool }] of cluster.targets.entries()) pool.requestsTotal = 1 + i;
  gauges.update();
  assert.equal(counted('sluice_upstream_requests_total', 'origin', configured.url), 4, 'what has left is counted a last time');
  assert.equal(counted('sluice_upstream_requests_total', 'origin', 'discovered'), 3);
  for (const { pool } of cluster.targets) pool.requestsTotal += 10;
  gauges.end();
  assert.equal(counted('sluice_upstream_requests_total', 'origin', 'discovered'), 23);
  cluster.close();
});
