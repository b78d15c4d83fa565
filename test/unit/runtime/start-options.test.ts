import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BackOff } from '../../../src/runtime/back-off.ts';
import { type StartFlags, type StartOptions, startOptions } from '../../../src/runtime/start-options.ts';

function good(flags: StartFlags, env: Record<string, string> = {}): StartOptions {
  const options = startOptions(flags, env);
  assert.ok(typeof options !== 'string', String(options));
  return options;
}

test('without arguments the built-in example is served, with an admin listener that may fail', () => {
  const options = good({});
  assert.deepEqual(options.source, { kind: 'demo', listen: '127.0.0.1:8080' });
  assert.deepEqual([options.admin, options.isAdminOptional, options.logLevel], ['127.0.0.1:9901', true, 'warn']);
});

test('flags win over the environment, and the environment over the defaults', () => {
  const env = { SLUICE_CONFIG: '/a.yaml', SLUICE_LISTEN: ':1', SLUICE_WORKERS: '3', SLUICE_LOG: 'error' };
  const fromEnv = good({}, env);
  assert.deepEqual(
    [fromEnv.source, fromEnv.listen, fromEnv.workers, fromEnv.logLevel],
    [{ kind: 'file', path: '/a.yaml' }, ':1', 3, 'error'],
  );
  const fromFlags = good({ config: '/b.yaml', listen: ':2' }, env);
  assert.deepEqual([fromFlags.source, fromFlags.listen], [{ kind: 'file', path: '/b.yaml' }, ':2']);
  assert.deepEqual(good({ to: 'http://x' }, env).source, { kind: 'quick', to: 'http://x', listen: ':1' });
});

test('what contradicts itself or is out of bounds is told', () => {
  assert.match(String(startOptions({ config: 'a', to: 'b' }, {})), /exclude each other/);
  for (const workers of ['0', '-1', '1.5', '257', 'many'])
    assert.match(String(startOptions({}, { SLUICE_WORKERS: workers })), /SLUICE_WORKERS/);
  assert.match(String(startOptions({}, { SLUICE_LOG: 'loud' })), /SLUICE_LOG/);
  assert.equal(good({}, { SLUICE_WORKERS: 'auto' }).workers, 0);
});

test('the first death costs nothing, quick ones double the wait up to a bound, a long life begins anew', () => {
  const backOff = new BackOff();
  assert.deepEqual(
    [10, 10, 10, 10].map((livedMs) => backOff.afterDeath(livedMs)),
    [0, 100, 200, 400],
  );
  for (let death = 0; death < 20; death++) assert.ok(backOff.afterDeath(10) <= 10_000);
  assert.equal(backOff.afterDeath(60_000), 0);
});
