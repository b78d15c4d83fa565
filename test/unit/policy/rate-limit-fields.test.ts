import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseStructuredList } from '../../../src/http/structured-fields.ts';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { NOBODY } from '../../../src/policy/consumers.ts';
import { limitProblem, UNKNOWN_KEY } from '../../../src/policy/limit-problem.ts';
import { compileRouteLimits, type LimitSet } from '../../../src/policy/limit-set.ts';
import { limitFieldLines, LimitReadings, retryAfterLine } from '../../../src/policy/rate-limit-fields.ts';

function setOf(route: string, tier = ''): LimitSet<undefined, undefined> {
  const tiers = tier === '' ? '' : `store: ./d\ntiers: { t: { ${tier} } }\n`;
  const result = loadConfig(`${tiers}upstreams: { a: http://a }\nroutes: [{ upstream: a, ${route} }]`, { fileName: 'f', env: {} });
  const config = result.kind === 'ok' ? result.config : assert.fail(JSON.stringify(result.problems));
  const services = { rate: () => undefined, quota: () => undefined };
  return compileRouteLimits(config.routes[0] ?? assert.fail(), config, services)?.of(NOBODY) ?? assert.fail('limited');
}

function readings(...pairs: readonly (readonly [remaining: number, resetMs: number])[]): LimitReadings {
  const made = new LimitReadings(8);
  for (const [told, [remaining, resetMs]] of pairs.entries()) made.set(told, remaining, resetMs);
  return made;
}

test('RateLimit-Policy tells each limit, in whole seconds', () => {
  const rows: [set: LimitSet<undefined, undefined>, policy: string][] = [
    [setOf('limits: [{ name: burst, rate: 100/1m }]'), '"burst";q=100;w=60'],
    [setOf('limits: [{ name: burst, rate: 100/1m, burst: 20 }]'), '"burst";q=100;w=60'],
    [setOf('limits: [{ name: burst, rate: 5/1s, burst: 100 }]'), '"burst";q=100;w=20'],
    [setOf('limits: [5/100ms]'), '"5-per-100ms";q=50;w=1'],
    [setOf('limits: [3/1500ms]'), '"3-per-1500ms";q=4;w=2'],
    [setOf('limits: [1/31d]'), '"1-per-31d";q=1;w=2678400'],
    [setOf('limits: [{ name: x, rate: 1/31d, burst: 1000000000 }]'), '"x";q=373357228;w=999999999999999'],
    [setOf('limits: [{ name: x, concurrency: 10, key: ip }]'), '"x";q=10;qu="concurrent-requests"'],
    [setOf('limits: [{ name: seen, rate: 1/1s, action: shadow }]'), ''],
    [
      setOf(
        'tiers: true, limits: [{ name: b, rate: 1/1s }, { name: s, rate: 1/1s, action: shadow }]',
        'limits: [100/1h], quotas: [24/day, 1/hour, 100000000000/month]',
      ),
      '"b";q=1;w=1, "t-100-per-1h";q=100;w=3600, "day";q=24;w=86400, "hour";q=1;w=3600, "month";q=100000000000',
    ],
  ];
  for (const [set, policy] of rows) assert.equal(set.policy, policy);
});

const TWO = 'limits: [{ name: burst, rate: 100/1m }, { name: daily, rate: 1000/1d }]';

test('the lines for the client, in each form', () => {
  const draft = 'RateLimit-Policy: "burst";q=100;w=60, "daily";q=1000;w=86400\r\nRateLimit: "burst";r=50;t=30, "daily";r=7;t=100\r\n';
  const legacy = 'X-RateLimit-Limit: 1000\r\nX-RateLimit-Remaining: 7\r\nX-RateLimit-Reset: 100\r\n';
  const read = readings([50.9, 29_001], [7, 100_000]);
  for (const [form, lines] of [
    ['draft', draft],
    ['legacy', legacy],
    ['both', draft + legacy],
    ['none', ''],
  ]) {
    assert.equal(limitFieldLines(setOf(`${TWO}, limitFields: ${form}`), read), lines, form);
  }
  assert.equal(limitFieldLines(setOf('limits: [{ rate: 1/1s, action: shadow }], limitFields: both'), read), '');
});

test('debt is told as nothing left, and a limit without an end has no t', () => {
  assert.match(limitFieldLines(setOf(TWO), readings([-3, 1], [999.99, 0])), /RateLimit: "burst";r=0;t=1, "daily";r=999\r\n$/);
  assert.match(limitFieldLines(setOf('limits: [{ name: x, concurrency: 3, key: ip }]'), readings([2, 0])), /RateLimit: "x";r=2\r\n$/);
});

test('the older fields tell the limit of which the least is left for its size', () => {
  const legacy = setOf(`${TWO}, limitFields: legacy`);
  assert.match(
    limitFieldLines(legacy, readings([10, 1000], [99, 5000])),
    /^X-RateLimit-Limit: 1000\r\nX-RateLimit-Remaining: 99\r\nX-RateLimit-Reset: 5\r\n$/,
  );
  assert.match(limitFieldLines(legacy, readings([10, 1000], [101, 5000])), /^X-RateLimit-Limit: 100\r\n/);
});

test('a wait is told in whole seconds, never as 0', () => {
  for (const [waitMs, text] of [
    [0, '1'],
    [1, '1'],
    [1000, '1'],
    [1001, '2'],
    [3_599_999, '3600'],
  ]) {
    assert.equal(retryAfterLine(Number(waitMs)), `Retry-After: ${text}\r\n`);
  }
});

test('both fields are lists that a parser of structured fields takes, whatever the rates', () => {
  const duration = fc.oneof(
    fc.integer({ min: 1, max: 5000 }).map((ms) => `${ms}ms`),
    fc.integer({ min: 1, max: 31 }).map((days) => `${days}d`),
  );
  const limit = fc.record({ count: fc.integer({ min: 1, max: 1_000_000 }), duration, burst: fc.integer({ min: 1, max: 1e9 }) });
  fc.assert(
    fc.property(fc.array(limit, { minLength: 1, maxLength: 4 }), fc.double({ min: -1e9, max: 1e9, noNaN: true }), (limits, remaining) => {
      const written = limits.map(({ count, duration, burst }) => `{ rate: ${count}/${duration}, burst: ${burst} }`);
      const set = setOf(`limits: [${written.join(', ')}]`);
      const lines = limitFieldLines(set, readings(...limits.map(() => [remaining, 2.7e9] as const)));
      for (const line of lines.trimEnd().split('\r\n')) {
        const members = parseStructuredList(line.slice(line.indexOf(': ') + 2));
        assert.deepEqual(
          members?.map(({ kind }) => kind),
          limits.map(() => 'string'),
          line,
        );
        for (const [, size] of line.matchAll(/;[qwrt]=(\d+)/g)) assert.ok(Number(size) <= 999_999_999_999_999);
      }
    }),
    { numRuns: 100 },
  );
});

test('a refusal says which limits it was, a wrong key gets a challenge', () => {
  assert.deepEqual(limitProblem(['burst', 'month'], retryAfterLine(1500)), {
    status: 429,
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    detail: 'The limit of "burst", "month" is reached.',
    members: { 'violated-policies': ['burst', 'month'] },
    extra: 'Retry-After: 2\r\n',
  });
  assert.equal(UNKNOWN_KEY.status, 401);
  assert.match(UNKNOWN_KEY.extra, /^WWW-Authenticate: /);
});
