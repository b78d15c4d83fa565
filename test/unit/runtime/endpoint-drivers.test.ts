import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import type { EventFields, EventLog } from '../../../src/observe/log.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import { DRIVERS } from '../../../src/runtime/upstream-drivers.ts';
import { UpstreamHost } from '../../../src/runtime/upstream-host.ts';
import { EndpointMemory, STATE_FLAG, WORD } from '../../../src/upstream/endpoint-memory.ts';
import { EndpointWatch } from '../../../src/upstream/endpoint-watch.ts';
import { RawOrigin } from '../../harness/raw-origin.ts';
import { waitFor } from '../../harness/wait-for.ts';

function configOf(upstream: object): GatewayConfig {
  // Test data goes through the checks of the schema, whatever its static type.
  const input = { upstreams: { o: upstream }, routes: [{ upstream: 'o' }] } as unknown as ConfigInput;
  const result = parseConfigObject(input, { fileName: 'test', env: {} });
  if (result.kind !== 'ok') throw new Error(JSON.stringify(result.problems));
  return result.config;
}

/** The coordinator's side of upstreams as it is, with all drivers, in this process. */
function openHost(t: TestContext) {
  const told: string[] = [];
  const tell = (event: string, { endpoint, reason }: EventFields): number => told.push(`${event}: ${String(endpoint)}: ${String(reason)}`);
  const log: EventLog = { info: tell, warn: tell, error: tell };
  const host = new UpstreamHost({ slots: 2, log, drivers: DRIVERS, onEndpoints: () => {} });
  t.after(() => host.close());
  const registry = new MetricRegistry();
  const block = new Float64Array(registry.maxCells);
  let writer = new MetricsWriter(block, { slots: {} });
  /** As a reload does it; `stateOf`: the flags of an endpoint by its place in the configuration. */
  const use = (config: GatewayConfig) => {
    const segment = host.prepare(config);
    host.settle(config);
    writer = new MetricsWriter(block, registry.plan(config));
    if (segment === undefined) return undefined;
    const memory = new EndpointMemory(segment);
    const slotOf = (index: number): number => segment.endpoints['o']?.[index]?.slot ?? -1;
    return {
      memory,
      slotOf,
      stateOf: (index: number): number => Atomics.load(memory.words, memory.wordAt(slotOf(index), WORD.STATE)),
      version: (): number => Atomics.load(memory.words, memory.wordAt(segment.services['o'] ?? -1, WORD.VERSION)),
    };
  };
  const metric = (name: string, ...labels: readonly string[]): number => {
    host.writeMetrics(writer);
    const series = registry.series.find(({ row, values }) => row.name === name && labels.every((label) => values.includes(label)));
    assert.ok(series !== undefined, `${name} ${labels.join()}`);
    return block[series.slot] ?? 0;
  };
  return { host, told, use, metric };
}

async function openOrigin(t: TestContext): Promise<{ readonly url: string; status: number; readonly origin: RawOrigin }> {
  const answer = { status: 200 };
  const origin = await RawOrigin.answering(() => `HTTP/1.1 ${answer.status} X\r\nContent-Length: 0\r\n\r\n`);
  t.after(() => origin.close());
  return Object.assign(answer, { url: origin.url, origin });
}

const ACTIVE = { path: '/healthz', interval: '100ms', timeout: '100ms', healthyAfter: 2, unhealthyAfter: 2 };

test('an endpoint that fails its checks is flagged, and used again when it passes them; all of it is told', async (t) => {
  const [one, two] = [await openOrigin(t), await openOrigin(t)];
  two.status = 500;
  const { told, use, metric, host } = openHost(t);
  const made = use(configOf({ endpoints: [one.url, two.url], health: { active: ACTIVE } }));
  assert.ok(made !== undefined);
  const before = made.version();
  await waitFor('the second one is not well', () => made.stateOf(1) === STATE_FLAG.UNHEALTHY);
  assert.equal(made.stateOf(0), 0);
  assert.notEqual(made.version(), before);
  assert.deepEqual(told, [`endpoint is not well, it is not used: ${two.url}: status 500`]);
  assert.equal(metric('sluice_upstream_endpoints', 'unhealthy'), 1);
  assert.equal(metric('sluice_upstream_endpoint_healthy', one.url), 1);
  assert.equal(metric('sluice_upstream_endpoint_healthy', two.url), 0);
  assert.match(JSON.stringify(host.snapshot()), /"isHealthy":false,"consecutive":\d+,"last":\{"isGood":false,"reason":"status 500"/);
  two.status = 200;
  await waitFor('it is well again', () => made.stateOf(1) === 0);
  assert.equal(told.at(-1), `endpoint is well, it is used again: ${two.url}: status 200`);
  assert.ok(metric('sluice_health_checks_total', 'passed') >= 4);
});

test('what was found stays over a reload of the same upstream, and goes with the wish to check', async (t) => {
  const one = await openOrigin(t);
  one.status = 500;
  const { use, told } = openHost(t);
  const first = use(configOf({ endpoints: [one.url], health: { active: { ...ACTIVE, interval: '60s' } } }));
  await waitFor('it is not well', () => first?.stateOf(0) === STATE_FLAG.UNHEALTHY);
  const second = use(configOf({ endpoints: [one.url], health: { active: { ...ACTIVE, interval: '50s' } } }));
  assert.equal(second?.stateOf(0), STATE_FLAG.UNHEALTHY);
  await waitFor('it was asked anew', () => one.origin.requests.length === 2);
  const third = use(configOf({ endpoints: [one.url], health: { passive: true } }));
  assert.equal(third?.stateOf(0), 0);
  assert.equal(told.length, 1);
});

test('an endpoint that fails its requests is ejected, checked at once, and restored when it passes', async (t) => {
  const [one, two] = [await openOrigin(t), await openOrigin(t)];
  const { told, use, metric } = openHost(t);
  const health = { active: { ...ACTIVE, interval: '60s' }, passive: { consecutive5xx: 3, maxEjected: '10%' } };
  const made = use(configOf({ endpoints: [one.url, two.url], health }));
  assert.ok(made !== undefined);
  await waitFor('both are checked', () => one.origin.requests.length === 1 && two.origin.requests.length === 1);
  // The check that comes soon meets an endpoint that says it is well.
  for (let i = 0; i < 3; i++) new EndpointWatch(made.memory, { worker: i % 2, slot: made.slotOf(1) }, null).onAnswer(503, 1);
  await waitFor('it is ejected', () => told.length > 0);
  assert.equal(told[0], `endpoint ejected, it does worse than it should: ${two.url}: consecutive-5xx`);
  assert.equal(metric('sluice_upstream_ejections_total', 'consecutive-5xx'), 1);
  await waitFor('it is restored', () => made.stateOf(1) === 0 && told.length === 2);
  assert.equal(told[1], `endpoint is no longer ejected: ${two.url}: passed a check`);
  assert.deepEqual([one.origin.requests.length, two.origin.requests.length], [1, 2]);
});
