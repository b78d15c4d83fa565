import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopClock } from '../../../src/base/clock.ts';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import { compilePlans, type RoutePlan } from '../../../src/exchange/plan.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import { Cluster } from '../../../src/upstream/cluster.ts';

const FILTER = { request: () => undefined };

function planOf(route: object, top: object = {}): RoutePlan {
  const input: object = { upstreams: { u: 'http://127.0.0.1:9' }, routes: [{ match: '/*', ...route }], ...top };
  const result = parseConfigObject(input as ConfigInput, { fileName: 'test', env: {} });
  if (result.kind !== 'ok') throw new Error(result.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  const registry = new MetricRegistry();
  const metrics = new MetricsWriter(new Float64Array(registry.maxCells), registry.plan(result.config));
  const clusters = new Map(result.config.upstreams.map((upstream) => [upstream.name, new Cluster(upstream, new LoopClock())]));
  const [entry] = compilePlans(result.config, {
    clusters,
    filters: new Map([['./f.ts', FILTER]]),
    metrics,
    pseudonym: 'sluice-x',
    caching: null,
    records: null,
    limiting: null,
    gates: new Map(),
  });
  assert.ok(entry);
  return entry.value;
}

test('a plain route has nothing in its plan that it does not use', () => {
  const plan = planOf({ upstream: 'u' });
  assert.deepEqual([plan.name, plan.upstreamName, plan.respond, plan.rewrite, plan.filters], ['route1', 'u', null, null, null]);
  assert.deepEqual([plan.maxBodyBytes, plan.totalMs, plan.serverTiming], [0, 0, false]);
  assert.equal(plan.forward.edits, undefined);
  assert.equal(plan.response.edits, undefined);
  assert.ok(Object.isFrozen(plan));
});

test('a route that answers by itself has its answer ready', () => {
  const plan = planOf({ respond: { status: 201, headers: { 'X-A': '1', 'X-B': '2' }, body: 'grüß' } });
  assert.equal(plan.cluster, null);
  assert.equal(plan.respond?.block, 'X-A: 1\r\nX-B: 2\r\n');
  assert.equal(plan.respond?.body.toString('utf8'), 'grüß');
  assert.match(plan.respond?.status ?? '', /^201 /);
});

test('what route and upstream say stands in the plan in our units', () => {
  const plan = planOf(
    {
      upstream: 'u',
      maxBody: '1KiB',
      filters: [{ module: './f.ts', onError: 'open', timeout: '2s' }],
      stripPrefix: false,
      rewrite: '/v1/{rest}',
    },
    { serverTiming: true, upstreams: { u: { endpoints: ['http://127.0.0.1:9'], timeouts: { total: '3s' } } } },
  );
  assert.deepEqual([plan.maxBodyBytes, plan.totalMs, plan.serverTiming], [1024, 3000, true]);
  assert.deepEqual(plan.filters, [{ name: './f.ts', filter: FILTER, onError: 'open', timeoutMs: 2000 }]);
  assert.notEqual(plan.rewrite, null);
});

test("a route's own deadline stands above its upstream's, 0 too", () => {
  const upstreams = { u: { endpoints: ['http://127.0.0.1:9'], timeouts: { total: '3s' } } };
  assert.equal(planOf({ upstream: 'u', timeout: '1s' }, { upstreams }).totalMs, 1000);
  assert.equal(planOf({ upstream: 'u', timeout: '0' }, { upstreams }).totalMs, 0);
});

test('Allow names the methods of the route, HEAD where GET is one', () => {
  assert.equal(planOf({ upstream: 'u', match: { methods: ['GET', 'POST'] } }).allow, 'GET, POST, HEAD');
  assert.match(planOf({ upstream: 'u' }).allow, /^GET, HEAD, POST, /);
});
