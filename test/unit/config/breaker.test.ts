import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import { hasState } from '../../../src/config/upstream-types.ts';

const read = (settings: object) =>
  // Test data goes through the checks of the schema, whatever its static type.
  parseConfigObject(
    {
      upstreams: { o: { endpoints: ['http://127.0.0.1:1'], ...settings } },
      routes: [{ match: '/*', upstream: 'o' }],
    } as unknown as ConfigInput,
    { fileName: 'test', env: {} },
  );

const made = (settings: object) => {
  const result = read(settings);
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  return result.config.upstreams[0]!;
};

const problemOf = (settings: object): string => {
  const result = read(settings);
  assert.ok(result.kind === 'bad');
  return result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
};

const USUAL = {
  failures: 5,
  windowMs: 30_000,
  openForMs: 60_000,
  halfOpenProbes: 1,
  errorRate: undefined,
  rampMs: 10_000,
  slowMs: 0,
};

test('a breaker is asked for, in a word or a mapping, and one of the whole upstream too', () => {
  for (const off of [{}, { breaker: false }]) assert.equal(made(off).breaker, undefined);
  assert.deepEqual(made({ breaker: true }).breaker, { endpoint: USUAL, service: undefined });
  const breaker = { failures: 0, window: '10s', openFor: '5s', halfOpenProbes: 3, errorRate: { over: '20%' }, ramp: 0, slow: '2s' };
  const own = { failures: 0, windowMs: 10_000, openForMs: 5000, halfOpenProbes: 3, rampMs: 0, slowMs: 2000 };
  const settings = { ...own, errorRate: { over: 0.2, minRequests: 20 } };
  assert.deepEqual(made({ breaker: { ...breaker, service: true } }).breaker, { endpoint: settings, service: USUAL });
  assert.deepEqual(made({ breaker: { service: breaker } }).breaker, { endpoint: USUAL, service: settings });
});

test('bounds of resources are bounds, and none of them is nothing', () => {
  assert.equal(made({}).resources, undefined);
  assert.equal(made({ resources: {} }).resources, undefined);
  assert.equal(made({ resources: { maxRequests: 0 } }).resources, undefined);
  assert.deepEqual(made({ resources: { maxRetries: 3 } }).resources, { maxConnections: 0, maxPending: 0, maxRequests: 0, maxRetries: 3 });
});

test('extra load is a percentage', () => {
  assert.equal(made({}).extraLoad, undefined);
  assert.equal(made({ extraLoad: '0%' }).extraLoad, 0);
  assert.equal(made({ extraLoad: '50%' }).extraLoad, 0.5);
});

test('what is out of bounds is refused by its name', () => {
  assert.match(problemOf({ breaker: { openFor: '1ms' } }), /breaker\.openFor: must be from 50ms/);
  assert.match(problemOf({ breaker: { halfOpenProbes: 16 } }), /breaker\.halfOpenProbes: must be a whole number from 1 to 15/);
  assert.match(problemOf({ breaker: { errorRate: { over: '100%' } } }), /errorRate\.over: must be from 1% to 99%/);
  assert.match(problemOf({ breaker: { service: { service: true } } }), /service/);
  assert.match(problemOf({ resources: { maxRequests: -1 } }), /resources\.maxRequests: must be a whole number from 0/);
  assert.match(problemOf({ extraLoad: '101%' }), /extraLoad: must be a percentage from 0% to 100%/);
});

test('an upstream has state that workers share only where it asks for any', () => {
  assert.equal(hasState(made({})), false);
  assert.equal(hasState(made({ breaker: true })), true);
  assert.equal(hasState(made({ extraLoad: '5%' })), true);
});
