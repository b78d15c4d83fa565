import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { EndpointState } from '../../../src/config/upstream-types.ts';
import { driveSlowStart } from '../../../src/runtime/slow-start-driver.ts';
import type { DrivenUpstream, UpstreamDriver } from '../../../src/runtime/upstream-driver.ts';
import { createEndpointMemory, FULL_WEIGHT, STATE_FLAG, WORD } from '../../../src/upstream/endpoint-memory.ts';

type Scene = {
  readonly driver: UpstreamDriver | undefined;
  readonly endpoints: readonly EndpointState[];
  readonly weightOf: (slot: number) => number;
  readonly flag: (slot: number, flags: number) => void;
};

function sceneOf(balance: object): Scene {
  const upstreams = { o: { endpoints: ['http://127.0.0.1:1', 'http://127.0.0.1:2'], balance } };
  const read = parseConfigObject({ upstreams, routes: [{ match: '/*', upstream: 'o' }] }, { fileName: 'test', env: {} });
  assert.ok(read.kind === 'ok', JSON.stringify(read));
  const [config] = read.config.upstreams;
  assert.ok(config !== undefined);
  const memory = createEndpointMemory(1);
  const weights = new Map<number, number>();
  const endpoints = config.endpoints.map((endpoint, slot) => ({ ...endpoint, slot }));
  const upstream = {
    config,
    memory,
    endpoints: () => endpoints,
    setWeight: (slot: number, _reason: string, thousandths: number) => void weights.set(slot, thousandths),
  } as unknown as DrivenUpstream;
  return {
    driver: driveSlowStart(upstream),
    endpoints,
    weightOf: (slot) => weights.get(slot) ?? FULL_WEIGHT,
    flag: (slot, flags) => void Atomics.store(memory.words, memory.wordAt(slot, WORD.STATE), flags),
  };
}

test('an upstream without a slow start has no driver of one', () => {
  assert.equal(sceneOf({}).driver, undefined);
});

test('endpoints that are there from the start have their whole weight', () => {
  const { driver, weightOf } = sceneOf({ slowStart: '10s' });
  driver?.tick(0);
  driver?.tick(50);
  assert.deepEqual([weightOf(0), weightOf(1)], [FULL_WEIGHT, FULL_WEIGHT]);
});

test('one that is well again comes from a tenth to the whole in that time, and anew when it fails in between', () => {
  const { driver, weightOf, flag } = sceneOf({ slowStart: '10s' });
  flag(1, STATE_FLAG.UNHEALTHY | STATE_FLAG.EJECTED);
  driver?.tick(0);
  flag(1, STATE_FLAG.EJECTED);
  driver?.tick(50);
  assert.equal(weightOf(1), 100, 'before the first request after its return');
  driver?.tick(500);
  assert.equal(weightOf(1), 100, 'no time counts as long as a flag is set');
  flag(1, 0);
  driver?.tick(1000);
  assert.equal(weightOf(1), 100);
  driver?.tick(6000);
  assert.ok(Math.abs(weightOf(1) - 550) <= 10, `half of the way: ${weightOf(1)}`);
  flag(1, STATE_FLAG.UNHEALTHY);
  driver?.tick(7000);
  flag(1, 0);
  driver?.tick(8000);
  assert.equal(weightOf(1), 100);
  driver?.tick(18_000);
  assert.equal(weightOf(1), FULL_WEIGHT);
  assert.equal(weightOf(0), FULL_WEIGHT);
});

test('one that discovery has found begins with a tenth before anybody asks it; one that was there stays as it is', () => {
  const { driver, endpoints, weightOf } = sceneOf({ slowStart: '10s' });
  const [first] = endpoints;
  assert.ok(first !== undefined);
  driver?.tick(0);
  driver?.onEndpoints?.([first, { ...first, slot: 7 }]);
  assert.deepEqual([weightOf(0), weightOf(7)], [FULL_WEIGHT, 100]);
  driver?.tick(5000);
  driver?.tick(10_000);
  assert.ok(weightOf(7) > 500 && weightOf(7) < 600);
  driver?.tick(15_000);
  assert.equal(weightOf(7), FULL_WEIGHT);
});

test('without the driver nobody is held back', () => {
  const { driver, weightOf, flag } = sceneOf({ slowStart: '10s' });
  flag(0, STATE_FLAG.UNHEALTHY);
  driver?.tick(0);
  flag(0, 0);
  driver?.tick(50);
  assert.equal(weightOf(0), 100);
  driver?.stop();
  assert.equal(weightOf(0), FULL_WEIGHT);
});
