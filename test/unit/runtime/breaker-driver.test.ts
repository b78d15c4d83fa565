import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { UpstreamConfig } from '../../../src/config/types.ts';
import { EXTRA_LOAD_KINDS } from '../../../src/observe/labels.ts';
import type { EventLog } from '../../../src/observe/log.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { makeBreakerDriver } from '../../../src/runtime/breaker-driver.ts';
import { EndpointWeights } from '../../../src/runtime/endpoint-weights.ts';
import { ExtraLoadDriver } from '../../../src/runtime/extra-load-driver.ts';
import type { DrivenUpstream } from '../../../src/runtime/upstream-driver.ts';
import { Breaker } from '../../../src/upstream/breaker.ts';
import { PASS } from '../../../src/upstream/breaker-cell.ts';
import { createEndpointMemory } from '../../../src/upstream/endpoint-memory.ts';
import { EXTRA_KINDS, ExtraLoad } from '../../../src/upstream/extra-load.ts';

const SERVICE_SLOT = 0;

function configOf(settings: object): UpstreamConfig {
  const upstreams = { o: { endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:2'], ...settings } };
  const read = parseConfigObject({ upstreams, routes: [{ match: '/*', upstream: 'o' }] }, { fileName: 'test', env: {} });
  assert.ok(read.kind === 'ok', JSON.stringify(read));
  return read.config.upstreams[0]!;
}

/** An upstream as its drivers are given it. `said`: events and weights, in their order. */
function upstreamOf(settings: object) {
  const config = configOf(settings);
  const memory = createEndpointMemory(2);
  const said: string[] = [];
  const say = (text: string, facts: object): void => void said.push(`${text}: ${Object.values(facts).join(' ')}`);
  const log = { info: say, warn: say, error: say } as unknown as EventLog;
  const endpoints = config.endpoints.map((endpoint, index) => ({ ...endpoint, slot: index + 1 }));
  for (let slot = 0; slot <= endpoints.length; slot += 1) memory.clearSlot(slot);
  const upstream: DrivenUpstream = {
    config,
    memory,
    serviceSlot: SERVICE_SLOT,
    log,
    endpoints: () => endpoints,
    flag: () => {},
    setWeight: (slot, reason, thousandths) => said.push(`${slot} ${reason} ${thousandths}`),
    setEndpoints: () => {},
    tell: () => {},
    onFinding: () => {},
  };
  const registry = new MetricRegistry(5000);
  const block = new Float64Array(5000);
  const metrics = new MetricsWriter(block, registry.plan({ listeners: [], upstreams: [config], routes: [] }));
  const breakerOf = (slot: number): Breaker => {
    return new Breaker(memory, { slot, serviceSlot: SERVICE_SLOT, worker: 1 }, config.breaker!.endpoint);
  };
  return { upstream, memory, said, metrics, endpoints, breakerOf, cellOf: (slot: number): number => block[slot]! };
}

test('an upstream without a breaker has no driver of one', () => {
  assert.equal(makeBreakerDriver(upstreamOf({}).upstream), undefined);
});

test('breakers of endpoints are told, counted and shown one by one', () => {
  const { upstream, said, metrics, endpoints, breakerOf, cellOf } = upstreamOf({ breaker: { failures: 2, openFor: '1s', ramp: '1s' } });
  const driver = makeBreakerDriver(upstream)!;
  driver.tick(1000);
  const second = breakerOf(2);
  second.onFailure(PASS, 1000);
  second.onFailure(PASS, 1000);
  second.countRefused();
  driver.tick(1050);
  const labels = { upstream: 'o', endpoint: endpoints[1]!.url };
  const opened = metrics.slot('sluice_breaker_transitions_total', { ...labels, to: 'open' });
  const refused = metrics.slot('sluice_breaker_refused_total', { upstream: 'o' });
  driver.writeMetrics!(metrics);
  driver.writeMetrics!(metrics);
  assert.deepEqual([cellOf(metrics.slot('sluice_breaker_state', labels)), cellOf(opened), cellOf(refused)], [2, 1, 1]);
  assert.deepEqual(driver.snapshot!().endpoints?.get(1), { breaker: { state: 'closed' } });
  assert.deepEqual(driver.snapshot!().endpoints?.get(2), { breaker: { state: 'open', share: 0.1, refused: 1 } });
  driver.tick(2050);
  second.onSuccess(second.admit());
  driver.tick(2100);
  driver.tick(3100);
  assert.deepEqual(said, [
    '2 breaker 100',
    `breaker opened, nothing is sent there: o ${labels.endpoint} failures 1000`,
    `breaker is half-open, the next request tries again: o ${labels.endpoint}`,
    `breaker closed, requests are sent there again: o ${labels.endpoint} 1000`,
    '2 breaker 1000',
  ]);
  driver.stop();
});

test('the breaker of the whole upstream is one more, and what a dead worker tried is tried again', () => {
  const { upstream, memory } = upstreamOf({ breaker: { service: { failures: 1, openFor: '1s' } } });
  const driver = makeBreakerDriver(upstream)!;
  driver.tick(1000);
  const service = new Breaker(memory, { slot: SERVICE_SLOT, serviceSlot: SERVICE_SLOT, worker: 1 }, upstream.config.breaker!.service!);
  service.onFailure(PASS, 1000);
  driver.tick(1000);
  assert.deepEqual(driver.snapshot!().upstream, { breaker: { state: 'open', share: 0.1 } });
  driver.tick(2000);
  assert.ok(service.admitShare() > 0);
  driver.recover!(0);
  assert.ok(service.admitShare() < 0);
  driver.recover!(1);
  assert.ok(service.admitShare() > 0);
});

test('endpoints that come get a breaker, those that go lose it', () => {
  const { upstream, endpoints } = upstreamOf({ breaker: true });
  const driver = makeBreakerDriver(upstream)!;
  driver.onEndpoints!([endpoints[1]!, { ...endpoints[0]!, slot: 7 }]);
  assert.deepEqual([...driver.snapshot!().endpoints!.keys()], [2, 7]);
});

test('extra load is counted and shown', () => {
  const { upstream, memory, metrics, cellOf } = upstreamOf({ extraLoad: '10%' });
  const driver = new ExtraLoadDriver(upstream);
  driver.tick(1000);
  const extra = new ExtraLoad(memory, 1, SERVICE_SLOT);
  for (let i = 0; i < 100; i += 1) extra.countFirst();
  driver.tick(1050);
  for (let i = 0; i < 12; i += 1) extra.take('retry');
  driver.writeMetrics(metrics);
  driver.writeMetrics(metrics);
  const labels = { upstream: 'o', kind: 'retry' };
  assert.equal(cellOf(metrics.slot('sluice_extra_load_total', labels)), 10);
  assert.equal(cellOf(metrics.slot('sluice_extra_load_refused_total', labels)), 2);
  assert.deepEqual(driver.snapshot(), { upstream: { extraLoad: { allowance: 10, used: 10 } } });
  driver.stop();
  assert.equal(extra.take('retry'), false);
});

test('the kinds of extra load are those that metrics know', () => {
  assert.deepEqual(EXTRA_LOAD_KINDS, EXTRA_KINDS);
});

test('of several reasons for less weight the strictest holds', () => {
  const weights = new EndpointWeights();
  assert.equal(weights.set(1, 'breaker', 300), 300);
  assert.equal(weights.set(1, 'slow-start', 500), 300);
  assert.equal(weights.set(2, 'slow-start', 700), 700);
  assert.equal(weights.set(1, 'breaker', 1000), 500);
  assert.equal(weights.set(1, 'slow-start', 1000), 1000);
});
