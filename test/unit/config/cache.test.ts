import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { GatewayConfig, RouteCacheConfig } from '../../../src/config/types.ts';

const OPTIONS = { fileName: 'sluice.yaml', env: { ON: 'true' } };

/** A file with one route to an upstream, whose `cache` is given; `top` stands before it, on the same line. */
function fileWith(cache: string, top = ''): string {
  return `${top === '' ? '' : `${top}\n`}upstreams: { a: http://a }\nroutes: [{ upstream: a, cache: ${cache} }]`;
}

function config(text: string): GatewayConfig {
  const result = loadConfig(text, OPTIONS);
  return result.kind === 'ok' ? result.config : assert.fail(result.problems.map(formatProblem).join('\n'));
}

function cacheOf(cache: string, top = ''): RouteCacheConfig | undefined {
  return config(fileWith(cache, top)).routes[0]?.cache;
}

/** Without file and line. */
function problemsOf(text: string): string[] {
  const result = loadConfig(text, OPTIONS);
  return result.kind === 'bad' ? result.problems.map(formatProblem).map((line) => line.replace(/^sluice\.yaml:\d+:\d+: /, '')) : [];
}

function warningsOf(text: string): string[] {
  const result = loadConfig(text, OPTIONS);
  assert.equal(result.kind, 'ok');
  return result.kind === 'ok' ? result.warnings.map(formatProblem).map((line) => line.replace(/^sluice\.yaml:\d+:\d+: /, '')) : [];
}

const DEFAULTS: RouteCacheConfig = {
  methods: ['GET', 'HEAD'],
  maxObjectBytes: 10 * 2 ** 20,
  key: { query: { kind: 'all' }, sortQuery: true, headers: [], cookies: [] },
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 60_000,
  defaultTtlMs: 0,
  heuristic: { fraction: 0.1, maxMs: 86_400_000 },
  negativeTtl: [],
  ttl: [],
  storeSetCookie: false,
  tagsHeaders: ['surrogate-key', 'cache-tag'],
  targeted: ['cdn-cache-control'],
  debug: false,
  maxVariants: 32,
  noVarySearch: true,
  ignoreClientCacheControl: false,
};

test('true, an empty mapping and enabled: true are the defaults; false in any form is no cache', () => {
  for (const on of ['true', '"true"', '{}', '{ enabled: true }', '"$' + '{env:ON}"']) assert.deepEqual(cacheOf(on), DEFAULTS, on);
  for (const off of ['false', '{ enabled: false }', '{ enabled: false, maxObject: 1GiB }']) assert.equal(cacheOf(off), undefined, off);
  assert.equal(config('routes: [{ respond: 200 }]').routes[0]?.cache, undefined);
});

test('a cache carries all that the file says', () => {
  const made = cacheOf(`{ methods: [get, QUERY], maxObject: 1MiB, staleWhileRevalidate: 30s, staleIfError: 5m, defaultTtl: 1m,
    key: { query: { ignore: [utm_source] }, sortQuery: false, headers: [Accept-Language], cookies: [tenant] },
    heuristic: { fraction: 20%, max: 1h }, negativeTtl: { 404: 10s, 5xx: 1s }, ttl: { 200: { min: 1s, max: 1h } },
    storeSetCookie: true, tagsHeader: Cache-Tag, targeted: [Edge-Control, CDN-Cache-Control], debug: true, maxVariants: 4,
    noVarySearch: false, ignoreClientCacheControl: true }`);
  assert.deepEqual(made, {
    methods: ['GET', 'QUERY'],
    maxObjectBytes: 2 ** 20,
    key: { query: { kind: 'ignore', names: ['utm_source'] }, sortQuery: false, headers: ['accept-language'], cookies: ['tenant'] },
    staleWhileRevalidateMs: 30_000,
    staleIfErrorMs: 300_000,
    defaultTtlMs: 60_000,
    heuristic: { fraction: 0.2, maxMs: 3_600_000 },
    negativeTtl: [
      { fromStatus: 404, toStatus: 404, ttlMs: 10_000 },
      { fromStatus: 500, toStatus: 599, ttlMs: 1000 },
    ],
    ttl: [{ fromStatus: 200, toStatus: 200, minTtlMs: 1000, maxTtlMs: 3_600_000, forceTtlMs: undefined }],
    storeSetCookie: true,
    tagsHeaders: ['cache-tag'],
    targeted: ['edge-control', 'cdn-cache-control'],
    debug: true,
    maxVariants: 4,
    noVarySearch: false,
    ignoreClientCacheControl: true,
  });
});

test('the forms of key.query', () => {
  const queryOf = (text: string) => cacheOf(`{ key: { query: ${text} } }`)?.key.query;
  assert.deepEqual(queryOf('all'), { kind: 'all' });
  assert.deepEqual(queryOf('[page, q]'), { kind: 'keep', names: ['page', 'q'] });
  assert.deepEqual(queryOf('[]'), { kind: 'keep', names: [] });
  assert.deepEqual(queryOf('{ keep: [a] }'), { kind: 'keep', names: ['a'] });
  assert.deepEqual(queryOf('{ ignore: [b] }'), { kind: 'ignore', names: ['b'] });
});

test('statuses stand narrowest first, whatever their order in the file', () => {
  const ttl = cacheOf('{ ttl: { any: 1m, 4xx: { max: 10s }, 404: 5s, 2xx: 2m } }')?.ttl;
  assert.deepEqual(
    ttl?.map(({ fromStatus, toStatus, forceTtlMs }) => [fromStatus, toStatus, forceTtlMs]),
    [
      [404, 404, 5000],
      [200, 299, 120_000],
      [400, 499, undefined],
      [100, 599, 60_000],
    ],
  );
});

test('heuristic: false guesses nothing', () => {
  assert.equal(cacheOf('{ heuristic: false }')?.heuristic.fraction, 0);
  assert.deepEqual(cacheOf('{ heuristic: true }')?.heuristic, DEFAULTS.heuristic);
});

test('the default of maxObject gives way to a small memory', () => {
  assert.equal(cacheOf('true', 'cacheMemory: 8MiB')?.maxObjectBytes, 2 * 2 ** 20);
});

test('the forms of store', () => {
  const storeOf = (text: string) => config(fileWith('true', `store: ${text}`)).store;
  assert.deepEqual(storeOf('./data'), { path: './data', cacheDiskBytes: 2 ** 30, idempotencyDiskBytes: 2 ** 30 });
  assert.deepEqual(storeOf('{ path: ./data }'), storeOf('./data'));
  assert.deepEqual(storeOf('{ path: /var/lib/sluice, cacheDisk: 0, idempotencyDisk: 2MiB }'), {
    path: '/var/lib/sluice',
    cacheDiskBytes: 0,
    idempotencyDiskBytes: 2 * 2 ** 20,
  });
});

test('what is wrong with a cache is told with its place', () => {
  const rows: [cache: string, problem: string][] = [
    ['yes', 'routes[0].cache: must be true or false'],
    ['[a]', 'routes[0].cache: must be true, false, or a mapping'],
    ['{ maxObjekt: 1MiB }', 'routes[0].cache.maxObjekt: unknown key; did you mean "maxObject"?'],
    ['{ methods: [POST] }', 'routes[0].cache.methods[0]: must be one of GET, HEAD, QUERY'],
    ['{ methods: [] }', 'routes[0].cache.methods: must have at least one method'],
    [
      '{ maxObject: 129MiB }',
      'routes[0].cache.maxObject: must not be above a fifth of `cacheMemory`, which is 256MiB; lower it or raise `cacheMemory`',
    ],
    [
      '{ key: { query: some } }',
      'routes[0].cache.key.query: must be all, a list of parameters to keep, or a mapping with `keep` or `ignore`',
    ],
    ['{ key: { query: { keep: [a], ignore: [b] } } }', 'routes[0].cache.key.query: must have exactly one of keep and ignore'],
    ['{ key: { headers: ["a b"] } }', 'routes[0].cache.key.headers[0]: is not a header name (RFC 9110 5.1): letters, digits and -'],
    ['{ key: { cookies: ["a=b"] } }', 'routes[0].cache.key.cookies[0]: is not the name of a cookie (RFC 6265 4.1.1)'],
    ['{ negativeTtl: { 600: 1s } }', 'routes[0].cache.negativeTtl.600: must be a status from 200 to 599, a class such as 4xx, or any'],
    [
      '{ negativeTtl: { 404: 10 } }',
      'routes[0].cache.negativeTtl.404: must be a duration with its unit (ms, s, m, h, d), such as 250ms or 10s',
    ],
    ['{ ttl: { 200: { min: 1h, max: 1m } } }', 'routes[0].cache.ttl.200.max: must not be below `min`'],
    ['{ ttl: { 200: { least: 1h } } }', 'routes[0].cache.ttl.200.least: unknown key'],
    ['{ heuristic: { fraction: 0.1 } }', 'routes[0].cache.heuristic.fraction: must be a percentage as text, such as 10%'],
    ['{ staleIfError: 2 }', 'routes[0].cache.staleIfError: must be a duration with its unit (ms, s, m, h, d), such as 250ms or 10s'],
    ['{ maxVariants: 0 }', 'routes[0].cache.maxVariants: must be a whole number from 1 to 1000'],
    ['{ tagsHeader: "x y" }', 'routes[0].cache.tagsHeader: is not a header name (RFC 9110 5.1): letters, digits and -'],
  ];
  for (const [cache, problem] of rows) assert.deepEqual(problemsOf(fileWith(cache)), [problem], cache);
});

test('cacheMemory and store have bounds, and a route that answers by itself has no cache', () => {
  assert.deepEqual(problemsOf(fileWith('true', 'cacheMemory: 4KiB')), ['cacheMemory: must be from 1MiB to 64GiB']);
  assert.deepEqual(problemsOf(fileWith('true', 'store: { cacheDisk: 1GiB }')), ['store.path: is required']);
  assert.deepEqual(problemsOf(fileWith('{ maxObject: 6MiB }', 'cacheMemory: 8MiB')), [
    'routes[0].cache.maxObject: must not be above a fifth of `cacheMemory`, which is 8MiB; lower it or raise `cacheMemory`',
  ]);
  assert.deepEqual(problemsOf('routes: [{ respond: 200, cache: true }, { match: /b, respond: 200, cache: false }]'), [
    'routes[0].cache: cannot stand beside `respond`, whose answer is in memory anyway; remove it',
  ]);
});

test('what is allowed but hardly meant is a warning', () => {
  assert.deepEqual(warningsOf(fileWith('true')), []);
  assert.deepEqual(warningsOf(fileWith('false', 'cacheMemory: 1GiB\nstore: ./data')), [
    'cacheMemory: has no effect, since no route has `cache`, or `dedupe` with methods',
    'store: has no effect, since no route has `cache` or `dedupe.idempotencyKey`',
  ]);
  assert.deepEqual(warningsOf(fileWith('{ key: { cookies: [a] } }')), [
    'routes[0].cache.key.cookies: counts cookies that the upstream does not get, since it has no `forwardCredentials: true`',
  ]);
  assert.deepEqual(warningsOf('upstreams: { a: http://a }\nroutes: [{ upstream: a, match: { methods: [POST] }, cache: true }]'), [
    'routes[0].cache: caches nothing: the route takes POST, the cache answers GET, HEAD',
  ]);
});
