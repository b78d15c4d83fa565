import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';

const read = (adaptive: unknown, shed?: unknown) => {
  const route = { match: '/*', upstream: 'o', ...(shed === undefined ? {} : { shed }) };
  const upstream = { endpoints: ['http://127.0.0.1:1'], ...(adaptive === undefined ? {} : { adaptive }) };
  // Test data goes through the checks of the schema, whatever its static type.
  return parseConfigObject({ upstreams: { o: upstream }, routes: [route] } as unknown as ConfigInput, { fileName: 'test', env: {} });
};

const made = (adaptive: unknown, shed?: unknown) => {
  const result = read(adaptive, shed);
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  return { adaptive: result.config.upstreams[0]?.adaptive, priority: result.config.routes[0]?.shedPriority, warnings: result.warnings };
};

test('off unless asked for, and a flag is enough', () => {
  for (const off of [undefined, false, { enabled: false }]) assert.equal(made(off).adaptive, undefined);
  assert.deepEqual(made(true).adaptive, {
    algorithm: 'gradient',
    minLimit: 3,
    maxLimit: 1000,
    initialLimit: 20,
    windowMs: 100,
    quantile: 0.9,
    headroom: 0.25,
    recalculateMs: 60_000,
    targetMs: 0,
    backoff: 0.9,
  });
});

test('the limit begins within its bounds', () => {
  assert.equal(made({ maxLimit: 10 }).adaptive?.initialLimit, 10);
  assert.equal(made({ minLimit: 50 }).adaptive?.initialLimit, 50);
});

test('aimd needs a target', () => {
  assert.equal(made({ algorithm: 'aimd', target: '500ms', backoff: '80%' }).adaptive?.targetMs, 500);
  assert.equal(read({ algorithm: 'aimd' }).kind, 'bad');
});

test('bounds that cannot be and shares out of range are refused', () => {
  for (const bad of [{ minLimit: 11, maxLimit: 10 }, { minLimit: 0 }, { headroom: '0%' }, { backoff: '100%' }, { window: '1ms' }, 'fast']) {
    assert.equal(read(bad).kind, 'bad', JSON.stringify(bad));
  }
});

test('a route has a priority in one word or a mapping; without a limit it is warned of', () => {
  assert.equal(made(true).priority, 'normal');
  assert.equal(made(true, 'low').priority, 'low');
  assert.equal(made(true, { priority: 'high' }).priority, 'high');
  assert.equal(made(true, 'low').warnings.length, 0);
  assert.equal(made(undefined, 'low').warnings.length, 1);
  assert.equal(read(true, 'urgent').kind, 'bad');
});
