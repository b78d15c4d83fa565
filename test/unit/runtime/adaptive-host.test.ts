import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import { AdaptiveHost } from '../../../src/runtime/adaptive-host.ts';
import { CounterBlocks } from '../../../src/shm/counters.ts';
import { AdaptiveGate } from '../../../src/upstream/adaptive-gate.ts';

function configOf(limits: Readonly<Record<string, number>>): GatewayConfig {
  const upstreams = Object.fromEntries(
    Object.entries(limits).map(([name, limit]) => {
      const adaptive = limit > 0 ? { minLimit: limit, maxLimit: limit } : false;
      return [name, { endpoints: ['http://127.0.0.1:1'], adaptive }];
    }),
  );
  const result = parseConfigObject({ upstreams, routes: [{ match: '/*', respond: 204 }] }, { fileName: 'test', env: {} });
  assert.ok(result.kind === 'ok');
  return result.config;
}

/** How many more are let in at once. */
function roomOf(host: AdaptiveHost, config: GatewayConfig, upstream: string): number {
  const segment = host.prepare(config);
  assert.ok(segment !== undefined);
  const gate = new AdaptiveGate(new CounterBlocks(segment.cells), 0, segment.places[upstream] ?? -1);
  let room = 0;
  while (room < 100 && gate.admit(1)) room++;
  for (let i = 0; i < room; i++) gate.leave();
  return room;
}

test('without adaptive limits there is no memory; with one each upstream has its own place and limit', () => {
  const host = new AdaptiveHost(2);
  assert.equal(host.prepare(configOf({ a: 0 })), undefined);
  const config = configOf({ a: 5, b: 7 });
  host.prepare(config);
  host.settle(config);
  assert.equal(roomOf(host, config, 'a'), 5);
  assert.equal(roomOf(host, config, 'b'), 7);
});

test('a reload changes, ends and begins limits, and keeps places', () => {
  const host = new AdaptiveHost(2);
  const before = configOf({ a: 5, b: 7 });
  const places = host.prepare(before)?.places;
  host.settle(before);
  const after = configOf({ a: 9, b: 0, c: 3 });
  assert.deepEqual(host.prepare(after)?.places, { ...places, c: 2 });
  host.settle(after);
  assert.equal(roomOf(host, after, 'a'), 9);
  assert.equal(roomOf(host, after, 'b'), 100, 'nothing is shed any more');
  assert.equal(roomOf(host, after, 'c'), 3);
});
