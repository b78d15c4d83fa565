import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';

const ENDPOINTS = ['http://127.0.0.1:1'];

const read = (upstream: object, route: object = {}, rest: object = {}) =>
  // Test data goes through the checks of the schema, whatever its static type.
  parseConfigObject(
    {
      upstreams: { o: { endpoints: ENDPOINTS, ...upstream } },
      routes: [{ match: '/*', upstream: 'o', ...route }],
      ...rest,
    } as unknown as ConfigInput,
    { fileName: 'test', env: {} },
  );

const made = (upstream: object, route: object = {}) => {
  const result = read(upstream, route);
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  const [config] = result.config.upstreams;
  assert.ok(config !== undefined);
  return config;
};

const messagesOf = (result: ReturnType<typeof read>): readonly string[] =>
  (result.kind === 'ok' ? result.warnings : result.problems).map(
    ({ path, message, remedy }) => `${path}: ${message}${remedy === undefined ? '' : `; ${remedy}`}`,
  );

test('endpoints share by round-robin unless another way is asked for, in one word or a mapping', () => {
  const usual = { choices: 2, key: { kind: 'ip' }, boundedLoad: 1.25, panicThreshold: 0.5, slowStartMs: 0, ringSize: 1024 };
  assert.deepEqual(made({}).balance, { method: 'round-robin', ...usual });
  for (const method of ['round-robin', 'least-requests', 'random', 'ring-hash', 'maglev'])
    assert.equal(made({ balance: method }).balance.method, method);
  const balance = {
    method: 'ring-hash',
    key: { cookie: 'Session' },
    boundedLoad: 0,
    ringSize: 256,
    panicThreshold: '0%',
    slowStart: '30s',
  };
  assert.deepEqual(made({ balance }).balance, {
    method: 'ring-hash',
    choices: 2,
    key: { kind: 'cookie', name: 'Session' },
    boundedLoad: 0,
    panicThreshold: 0,
    slowStartMs: 30_000,
    ringSize: 256,
  });
});

test('a key is a word, a header field or a cookie', () => {
  for (const kind of ['ip', 'path', 'consumer']) assert.deepEqual(made({ balance: { method: 'maglev', key: kind } }).balance.key, { kind });
  assert.deepEqual(made({ balance: { method: 'maglev', key: { header: 'X-User' } } }).balance.key, { kind: 'header', name: 'x-user' });
});

test('an endpoint has a priority and a zone, the upstream the zone of this host', () => {
  const { endpoints, zone } = made({ zone: 'eu-1a', endpoints: [{ url: 'http://a', priority: 9, zone: 'eu-1a' }, 'http://b'] });
  assert.deepEqual(
    endpoints.map(({ priority, zone }) => ({ priority, zone })),
    [
      { priority: 9, zone: 'eu-1a' },
      { priority: 0, zone: '' },
    ],
  );
  assert.equal(zone, 'eu-1a');
});

test('a sticky cookie needs a secret; the rest has defaults', () => {
  const secret = 'sixteen-letters!';
  assert.equal(made({}).sticky, undefined);
  assert.deepEqual(made({ sticky: { secret } }).sticky, { cookie: 'sluice_endpoint', secret, ttlMs: 0, path: '/' });
  assert.deepEqual(made({ sticky: { secret, cookie: 'at', ttl: '1h', path: '/shop' } }).sticky, {
    cookie: 'at',
    secret,
    ttlMs: 3_600_000,
    path: '/shop',
  });
});

const refused: readonly (readonly [what: string, upstream: object, message: RegExp])[] = [
  ['a method that is none', { balance: 'ring' }, /upstreams\.o\.balance/],
  [
    'a factor that leaves no room',
    { balance: { method: 'maglev', boundedLoad: 1 } },
    /balance\.boundedLoad: must be 0, or from 1\.01 to 10/,
  ],
  [
    'two keys',
    { balance: { method: 'maglev', key: { header: 'a', cookie: 'b' } } },
    /balance\.key: must have exactly one of header, cookie/,
  ],
  ['a key that is none', { balance: { method: 'maglev', key: 'address' } }, /balance\.key: must be ip, path, consumer, or a mapping/],
  ['one choice', { balance: { method: 'least-requests', choices: 1 } }, /balance\.choices: must be a whole number from 2 to 10/],
  [
    'a priority out of bounds',
    { endpoints: [{ url: 'http://a', priority: 10 }] },
    /endpoints\[0\]\.priority: must be a whole number from 0 to 9/,
  ],
  ['a cookie without a secret', { sticky: { cookie: 'a' } }, /sticky\.secret/],
  ['a secret that is none', { sticky: { secret: 'short' } }, /sticky\.secret: must have 16 to 4096 characters/],
  ['a cookie name that is none', { sticky: { secret: 'sixteen-letters!', cookie: 'a b' } }, /sticky\.cookie: is not a cookie name/],
  ['a path that would end the attribute', { sticky: { secret: 'sixteen-letters!', path: '/;Domain=x' } }, /sticky\.path/],
];
for (const [what, upstream, message] of refused) {
  test(`refused with its place: ${what}`, () => {
    const result = read(upstream);
    assert.equal(result.kind, 'bad');
    assert.match(messagesOf(result).join('\n'), message);
    assert.doesNotMatch(messagesOf(result).join('\n'), /short/, 'a secret is not told');
  });
}

const warned: readonly (readonly [what: string, upstream: object, message: RegExp])[] = [
  ['a key without hashing', { balance: { key: 'ip' } }, /balance\.key: has no effect with round-robin, only with ring-hash and maglev/],
  ['choices without a comparison', { balance: { method: 'random', choices: 3 } }, /balance\.choices: has no effect with random/],
  ['a zone that nobody is in', { zone: 'a' }, /zone: has no effect, since no endpoint is in this zone/],
  ['a consumer where there are none', { balance: { method: 'maglev', key: 'consumer' } }, /balance\.key: is the address of the client/],
];
for (const [what, upstream, message] of warned) {
  test(`warned of: ${what}`, () => {
    const result = read(upstream);
    assert.equal(result.kind, 'ok');
    assert.match(messagesOf(result).join('\n'), message);
  });
}

const split = (upstream: unknown, upstreams: object = {}) =>
  read(
    {},
    { upstream },
    { upstreams: { o: { endpoints: ENDPOINTS, timeouts: { total: '5s' } }, n: { endpoints: ENDPOINTS }, ...upstreams } },
  );

test('a route to several upstreams has a part for each, with its own deadline', () => {
  const when = { header: { 'X-Canary': '1' }, cookie: { Lane: { prefix: 'n' } } };
  const result = split(['o', { name: 'n', weight: 0, when }]);
  assert.ok(result.kind === 'ok', JSON.stringify(result));
  assert.deepEqual(result.config.routes[0]?.action, {
    kind: 'split',
    parts: [
      { upstream: 'o', weight: 1, when: [], holdOn: 'never', timeoutMs: 5000 },
      {
        upstream: 'n',
        weight: 0,
        when: [
          { on: 'header', name: 'x-canary', match: { kind: 'exact', value: '1' } },
          { on: 'cookie', name: 'Lane', match: { kind: 'prefix', value: 'n' } },
        ],
        holdOn: 'never',
        timeoutMs: 0,
      },
    ],
  });
  assert.deepEqual(messagesOf(result), [], 'both are used');
});

const badSplits: readonly (readonly [what: string, upstream: unknown, message: RegExp])[] = [
  ['a name that there is not', ['o', { name: 'm' }], /upstream\[1\]\.name: there is no upstream "m"/],
  ['the same twice', ['o', 'o'], /upstream\[1\]: "o" is already in this list; add its weight/],
  ['nobody with a weight', [{ name: 'o', weight: 0 }], /upstream: leaves nobody for requests without an override/],
  ['an empty list', [], /upstream: must have at least one upstream/],
  ['a weight out of bounds', [{ name: 'o', weight: 1001 }], /weight: must be a whole number from 0 to 1000/],
  ['a key that is none', [{ name: 'o', wieght: 1 }], /wieght/],
  ['a number', 1, /upstream: must be the name of an upstream, or a list/],
];
for (const [what, upstream, message] of badSplits) {
  test(`a split is refused with its place: ${what}`, () => {
    const result = split(upstream);
    assert.equal(result.kind, 'bad');
    assert.match(messagesOf(result).join('\n'), message);
  });
}

test('a split is warned of where a part gets nothing, and where two take one cookie', () => {
  assert.match(messagesOf(split(['o', { name: 'n', weight: 0 }])).join('\n'), /upstream\[1\]\.weight: gives it no request/);
  const sticky = { endpoints: ENDPOINTS, sticky: { secret: 'sixteen-letters!' } };
  assert.match(
    messagesOf(split(['o', 'n'], { o: sticky, n: sticky })).join('\n'),
    /upstream\[1\]: has the same sticky cookie "sluice_endpoint"/,
  );
  const other = { ...sticky, sticky: { ...sticky.sticky, cookie: 'other' } };
  assert.deepEqual(messagesOf(split(['o', 'n'], { o: sticky, n: other })), []);
});
