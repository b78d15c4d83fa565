import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

const namesOf = (endpoints: readonly { readonly host: string; readonly port: number }[]): string =>
  endpoints.map(({ host, port }) => `${host}:${port}`).join(' ');

/** The coordinator's side of upstreams as it is, with all drivers, in this process. */
function openHost(t: TestContext) {
  const told: string[] = [];
  const tell = (event: string, { endpoint, reason }: EventFields): number => told.push(`${event}: ${String(endpoint)}: ${String(reason)}`);
  const log: EventLog = { info: tell, warn: tell, error: tell };
  const moved: string[] = [];
  let slots: ReadonlyMap<string, number> = new Map();
  const host = new UpstreamHost({
    slots: 2,
    log,
    drivers: DRIVERS,
    onEndpoints: (upstream, endpoints) => {
      moved.push(`${upstream}: ${namesOf(endpoints)}`);
      slots = new Map(endpoints.map(({ url, slot }) => [url, slot]));
    },
  });
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
      slotsNow: () => slots,
      planned: namesOf(segment.endpoints['o'] ?? []),
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
  return { host, told, moved, use, metric };
}

async function openOrigin(t: TestContext): Promise<{ readonly url: string; status: number; readonly origin: RawOrigin }> {
  const answer = { status: 200 };
  const origin = await RawOrigin.answering(() => `HTTP/1.1 ${answer.status} X\r\nContent-Length: 0\r\n\r\n`);
  t.after(() => origin.close());
  return Object.assign(answer, { url: origin.url, origin });
}

const ACTIVE = { path: '/healthz', interval: '300ms', timeout: '300ms', healthyAfter: 2, unhealthyAfter: 2 };

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
  assert.equal(told.at(-1), `endpoint is well, it is used: ${two.url}: status 200`);
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

function listFile(t: TestContext): { readonly path: string; readonly write: (...hosts: readonly string[]) => void } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-endpoints-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'list.json');
  const write = (...hosts: readonly string[]): void => {
    writeFileSync(`${path}.new`, JSON.stringify(hosts.map((host) => `http://${host}`)));
    renameSync(`${path}.new`, path);
  };
  return { path, write };
}

test('endpoints of the configuration serve until discovery finds others; what is found stays over a reload with other settings', async (t) => {
  const { path, write } = listFile(t);
  const { use, moved, told, metric } = openHost(t);
  const upstream = (refresh: string): object => ({ endpoints: ['http://10.0.0.9'], discovery: { file: path, refresh } });
  assert.equal(use(configOf(upstream('1h')))?.planned, '10.0.0.9:80');
  await waitFor('the missing file is told', () => told.some((line) => line.startsWith('discovery fails')));
  write('10.0.0.1:8080', '10.0.0.2:8080');
  await waitFor('they are found', () => moved.at(-1) === 'o: 10.0.0.1:8080 10.0.0.2:8080');
  assert.deepEqual(
    told.map((line) => line.split(':', 1)[0]),
    ['discovery fails, the endpoints that are known are used on', 'discovery answers again', 'endpoints of an upstream have changed'],
  );
  assert.equal(metric('sluice_discovery_endpoints', 'o'), 2);
  assert.equal(metric('sluice_discovery_failing', 'o'), 0);
  assert.equal(metric('sluice_discovery_answers_total', 'changed'), 1);
  const again = use(configOf(upstream('50m')));
  assert.equal(again?.planned, '10.0.0.1:8080 10.0.0.2:8080');
  write('10.0.0.3:8080');
  await waitFor('it goes on', () => moved.at(-1) === 'o: 10.0.0.3:8080');
  // Without discovery the file of the configuration counts again, at once.
  assert.equal(use(configOf({ endpoints: ['http://10.0.0.9'], health: { passive: true } }))?.planned, '10.0.0.9:80');
  assert.equal(use(configOf({ endpoints: ['http://10.0.0.8'], health: { passive: true } }))?.planned, '10.0.0.8:80', 'nor those before');
});

test('a start waits for endpoints that only discovery has, but not for ever', async (t) => {
  const { path, write } = listFile(t);
  const { use, host, told } = openHost(t);
  use(configOf({ discovery: { file: path, refresh: '1h' } }));
  await host.ready('after-death');
  assert.ok(told.some((line) => line.startsWith('start goes on without endpoints')));
  const waiting = host.ready('start');
  write('10.0.0.1:8080');
  await waiting;
  assert.equal(told.filter((line) => line.startsWith('start goes on')).length, 1);
});

test('an endpoint that comes while others are well is used after its first check; one that came back is no longer ejected', async (t) => {
  const [one, two, three] = [await openOrigin(t), await openOrigin(t), await openOrigin(t)];
  two.status = 503;
  const { path, write } = listFile(t);
  const { use, host, told, moved } = openHost(t);
  write(one.url.slice(7));
  const health = { active: { ...ACTIVE, interval: '60s' }, passive: { maxEjected: '100%', speedUpChecks: false } };
  const made = use(configOf({ discovery: { file: path, refresh: '1h' }, health }));
  assert.ok(made !== undefined);
  await waitFor('the first one is checked', () => /"isGood":true/.test(JSON.stringify(host.snapshot())));
  write(...[one, two, three].map(({ url }) => url.slice(7)));
  const ofEndpoints = (): readonly string[] => told.filter((line) => line.startsWith('endpoint ')).sort();
  await waitFor('they are told', () => ofEndpoints().length === 2);
  assert.deepEqual(ofEndpoints(), [
    `endpoint is not well, it is not used: ${two.url}: status 503`,
    `endpoint is well, it is used: ${three.url}: status 200`,
  ]);
  const slot = made.slotsNow().get(three.url) ?? -1;
  for (let i = 0; i < 5; i++) new EndpointWatch(made.memory, { worker: 0, slot }, null).onAnswer(500, 1);
  await waitFor('it is ejected', () => ofEndpoints().length === 3);
  write(one.url.slice(7));
  await waitFor('it is gone', () => moved.length === 3);
  write(one.url.slice(7), three.url.slice(7));
  await waitFor('it is back', () => moved.length === 4);
  assert.equal(made.slotsNow().get(three.url), slot);
  await waitFor('it is used', () => (Atomics.load(made.memory.words, made.memory.wordAt(slot, WORD.STATE)) & STATE_FLAG.EJECTED) === 0);
});

test('endpoints that discovery finds are checked, and what is known of one that stays goes on', async (t) => {
  const [one, two] = [await openOrigin(t), await openOrigin(t)];
  one.status = 500;
  const { path, write } = listFile(t);
  const { use, host, told, moved } = openHost(t);
  write(one.url.slice(7));
  use(configOf({ discovery: { file: path, refresh: '1h' }, health: { active: { ...ACTIVE, interval: '60s' } } }));
  await waitFor('the first one is not well', () =>
    told.some((line) => line.startsWith(`endpoint is not well, it is not used: ${one.url}`)),
  );
  write(one.url.slice(7), two.url.slice(7));
  await waitFor('the second one is checked', () => two.origin.requests.length === 1);
  assert.equal(one.origin.requests.length, 1, 'the one that stayed is not asked anew');
  assert.equal(moved.length, 2);
  const shown = JSON.stringify(host.snapshot());
  assert.match(shown, /"discovery":\{"source":"file [^"]*list\.json","isFailing":false/);
  assert.match(shown, /"reason":"status 500"/);
});
