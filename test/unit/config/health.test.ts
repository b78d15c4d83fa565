import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';

const read = (health: unknown) => {
  const upstream = { endpoints: ['http://127.0.0.1:1'], ...(health === undefined ? {} : { health }) };
  // Test data goes through the checks of the schema, whatever its static type.
  return parseConfigObject({ upstreams: { o: upstream }, routes: [{ upstream: 'o' }] } as unknown as ConfigInput, {
    fileName: 'test',
    env: {},
  });
};

const made = (health: unknown) => {
  const result = read(health);
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  return result.config.upstreams[0]?.health;
};

const problems = (health: unknown): string[] => {
  const result = read(health);
  assert.ok(result.kind === 'bad', JSON.stringify(health));
  return result.problems.map(({ path, message }) => `${path} ${message}`);
};

test('off unless asked for; a path is enough for active checks', () => {
  assert.equal(made(undefined), undefined);
  assert.deepEqual(made({ active: '/healthz' }), {
    active: {
      question: { kind: 'http', path: '/healthz', host: '', headers: [], statuses: [{ from: 200, to: 299 }], body: undefined },
      intervalMs: 5000,
      unhealthyIntervalMs: 5000,
      timeoutMs: 1000,
      healthyAfter: 2,
      unhealthyAfter: 3,
      jitter: 0.1,
      port: 0,
    },
    passive: undefined,
  });
});

test('passive detection has the defaults of Envoy, where these are of use', () => {
  assert.deepEqual(made({ passive: true })?.passive, {
    consecutive5xx: 5,
    consecutiveGateway: 0,
    consecutiveLocal: 5,
    intervalMs: 10_000,
    ejectForMs: 30_000,
    maxEjectForMs: 300_000,
    maxEjected: 0.1,
    successRate: undefined,
    failureShare: undefined,
    latency: undefined,
    speedsUpChecks: true,
  });
  const passive = made({ passive: { successRate: true, failureShare: true, latency: true } })?.passive;
  assert.deepEqual(passive?.successRate, { minHosts: 5, minRequests: 100, stdev: 1.9 });
  assert.deepEqual(passive?.failureShare, { from: 0.85, minHosts: 5, minRequests: 50 });
  assert.deepEqual(passive?.latency, { quantile: 0.99, factor: 3, minMs: 10, minHosts: 3, minRequests: 50 });
});

test('what is asked: one of path, tcp and grpc', () => {
  assert.deepEqual(made({ active: { tcp: true } })?.active?.question, { kind: 'tcp' });
  assert.deepEqual(made({ active: { grpc: true } })?.active?.question, { kind: 'grpc', service: '' });
  assert.deepEqual(made({ active: { grpc: { service: 'orders' } } })?.active?.question, { kind: 'grpc', service: 'orders' });
  assert.deepEqual(problems({ active: { path: '/a', tcp: true } }), [
    'upstreams.o.health.active.tcp cannot stand beside `path`: one check asks one thing',
  ]);
  assert.equal(read({ active: { tcp: true, grpc: true } }).kind, 'bad');
});

test('what is expected: statuses, ranges, classes; text, or a pattern that is cheap', () => {
  const question = (expect: unknown) => {
    const asked = made({ active: { expect } })?.active?.question;
    assert.ok(asked?.kind === 'http');
    return asked;
  };
  assert.deepEqual(question({ status: 204 }).statuses, [{ from: 204, to: 204 }]);
  assert.deepEqual(question({ status: ['2xx', '301-302', '418'] }).statuses, [
    { from: 200, to: 299 },
    { from: 301, to: 302 },
    { from: 418, to: 418 },
  ]);
  assert.deepEqual(question({ body: '"ok": true' }).body, { kind: 'text', text: '"ok": true' });
  assert.deepEqual(question({ body: '/^ok$/' }).body, { kind: 'pattern', source: '^ok$' });
  for (const expect of [{ status: 99 }, { status: '300-200' }, { status: 'ok' }, { status: [] }, { body: '/(a+)+$/' }, { body: '' }]) {
    assert.equal(read({ active: { expect } }).kind, 'bad', JSON.stringify(expect));
  }
});

test('what cannot be is told with its place', () => {
  assert.deepEqual(problems({}), ['upstreams.o.health must have `active` or `passive`']);
  assert.deepEqual(problems({ active: { interval: '1s', timeout: '2s' } }), [
    'upstreams.o.health.active.timeout must not be above `interval`: no endpoint is asked twice at once',
  ]);
  assert.deepEqual(problems({ active: { headers: { Host: 'a' } } }), ['upstreams.o.health.active.headers.Host is written by Sluice']);
  for (const bad of [{ active: 'healthz' }, { active: { path: '/a#b' } }, { active: { port: 0 } }, { passive: { maxEjected: '101%' } }]) {
    assert.equal(read(bad).kind, 'bad', JSON.stringify(bad));
  }
});

test('an ejection is never bounded below its first time', () => {
  assert.equal(made({ passive: { ejectFor: '10m' } })?.passive?.maxEjectForMs, 600_000);
});
