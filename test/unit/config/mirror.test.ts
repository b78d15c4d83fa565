import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';

const UPSTREAMS = { o: ['http://127.0.0.1:1'], next: ['http://127.0.0.1:2'] };

const read = (route: object) =>
  // Test data goes through the checks of the schema, whatever its static type.
  parseConfigObject({ upstreams: UPSTREAMS, routes: [{ match: '/*', upstream: 'o', ...route }] } as unknown as ConfigInput, {
    fileName: 'test',
    env: {},
  });

const made = (route: object) => {
  const result = read(route);
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  return { route: result.config.routes[0]!, upstreams: result.config.upstreams, warnings: result.warnings.map(({ message }) => message) };
};

const problemOf = (route: object): string => {
  const result = read(route);
  assert.ok(result.kind === 'bad');
  return result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n');
};

const USUAL = { upstream: 'next', sample: 1, methods: ['GET', 'HEAD'], maxBodyBytes: 65_536, maxPending: 100, compare: undefined };

test('a mirror is the name of an upstream, or a mapping; a sample of nothing is none', () => {
  assert.equal(made({}).route.mirror, undefined);
  assert.equal(made({ mirror: { upstream: 'next', sample: '0%' } }).route.mirror, undefined);
  const short = made({ mirror: 'next' });
  assert.deepEqual(short.route.mirror, USUAL);
  assert.deepEqual(short.warnings, [], 'the shadow is used');
  const compare = {
    fields: [],
    ignored: [],
    headers: ['content-type', 'location', 'cache-control'],
    maxBodyBytes: 65_536,
    minRequests: 100,
  };
  assert.deepEqual(made({ mirror: { upstream: 'next', sample: '5%', compare: true } }).route.mirror, { ...USUAL, sample: 0.05, compare });
});

test('what is asked twice for a comparison has an allowance', () => {
  assert.deepEqual(
    made({ mirror: 'next' }).upstreams.map(({ extraLoad }) => extraLoad),
    [undefined, undefined],
  );
  assert.deepEqual(
    made({ mirror: { upstream: 'next', compare: true } }).upstreams.map(({ extraLoad }) => extraLoad),
    [0.2, undefined],
  );
});

test('what of a mirror makes no sense is refused with its place', () => {
  assert.match(problemOf({ mirror: 'nxt' }), /routes\[0\]\.mirror: there is no upstream "nxt"/);
  assert.match(problemOf({ upstream: undefined, respond: 200, mirror: 'next' }), /cannot stand beside `respond`/);
  assert.match(problemOf({ mirror: { upstream: 'next', methods: ['POST'], compare: true } }), /compares nothing/);
  assert.match(problemOf({ mirror: { upstream: 'next', compare: { fields: ['price'] } } }), /must be outcome, status, header\.NAME, body/);
  const parts = [
    { name: 'o', weight: 9 },
    { name: 'next', holdOn: 'differs' },
  ];
  assert.match(problemOf({ upstream: parts }), /waits for a verdict that nobody gives/);
  const held = [
    { name: 'o', weight: 0 },
    { name: 'next', holdOn: 'not-same' },
  ];
  assert.match(problemOf({ upstream: held, mirror: { upstream: 'next', compare: true } }), /leaves nobody for requests/);
});

test('faults are a list, each of which does something', () => {
  const { faults } = made({
    faults: [{ share: '5%', when: { header: { 'X-Drill': 'yes' } }, abort: 503, delay: '100ms' }, { throttle: '10KiB' }],
  }).route;
  const fault = { share: 0.05, when: [{ name: 'x-drill', match: { kind: 'exact', value: 'yes' } }], delayMs: 100, abortStatus: 503 };
  assert.deepEqual(faults, [
    { ...fault, throttleBytesPerSec: 0 },
    { share: 1, when: [], delayMs: 0, abortStatus: 0, throttleBytesPerSec: 10_240 },
  ]);
  assert.match(problemOf({ faults: [{ share: '5%' }] }), /needs `delay`, `abort` or `throttle`/);
  assert.match(problemOf({ faults: [{ abort: 200 }] }), /faults\[0\]\.abort: must be a whole number from 400 to 599/);
});
