import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { CollapseConfig, IdempotencyConfig, SharingConfig } from '../../../src/config/dedupe-types.ts';
import type { RouteConfig } from '../../../src/config/types.ts';

const OPTIONS = { fileName: 'sluice.yaml', env: { ON: 'true' } };

/** A file with one route to an upstream; `top` stands before it, on the same line. */
function fileWith(route: string, top = 'store: ./data'): string {
  return `${top}\nupstreams: { a: http://a }\nroutes: [{ upstream: a, ${route} }]`;
}

function routeOf(route: string): RouteConfig | undefined {
  const result = loadConfig(fileWith(route), OPTIONS);
  return result.kind === 'ok' ? result.config.routes[0] : assert.fail(result.problems.map(formatProblem).join('\n'));
}

/** Without file and line. */
function problemsOf(text: string): string[] {
  const result = loadConfig(text, OPTIONS);
  return (result.kind === 'bad' ? result.problems : result.warnings).map(formatProblem).map((line) => line.replace(/^[^ ]+ /, ''));
}

const COLLAPSE: CollapseConfig = { maxWaitMs: 10_000, maxFollowers: 10_000, uncacheableForMs: 60_000 };
const IDEMPOTENCY: IdempotencyConfig = {
  header: 'idempotency-key',
  ttlMs: 86_400_000,
  isRequired: false,
  onConcurrent: 'wait',
  scope: { kind: 'consumer' },
  methods: ['POST', 'PATCH'],
  maxBodyBytes: 2 ** 20,
  maxAnswerBytes: 2 ** 20,
  maxWaitMs: 10_000,
};

test('a route that caches collapses unless it says not to, and no other does', () => {
  for (const on of ['cache: true', 'cache: true, collapse: true', 'cache: true, collapse: {}', 'cache: true, collapse: "$' + '{env:ON}"'])
    assert.deepEqual(routeOf(on)?.collapse, COLLAPSE, on);
  for (const off of ['cache: false', 'cache: true, collapse: false', 'cache: true, collapse: { enabled: false }', 'collapse: false'])
    assert.equal(routeOf(off)?.collapse, undefined, off);
  assert.deepEqual(routeOf('cache: true, collapse: { maxWait: 1s, maxFollowers: 5, uncacheableFor: 0 }')?.collapse, {
    maxWaitMs: 1000,
    maxFollowers: 5,
    uncacheableForMs: 0,
  });
});

const SHARING: SharingConfig = {
  methods: ['GET', 'HEAD'],
  key: { hasMethod: true, hasUrl: true, hasBody: true, hasHeaders: true, hasAddress: false, headers: [] },
  sharesSetCookie: false,
  maxBodyBytes: 64 * 1024,
  maxAnswerBytes: 2 ** 20,
  maxWaitMs: 10_000,
  maxFollowers: 10_000,
};

test('dedupe shares identical GET and HEAD requests, and nothing beside idempotency keys unless methods are named', () => {
  for (const on of ['dedupe: true', 'dedupe: {}', 'cache: true, dedupe: { idempotencyKey: false }'])
    assert.deepEqual(routeOf(on)?.dedupe, { sharing: SHARING, idempotency: undefined }, on);
  for (const off of ['cache: true', 'dedupe: false', 'dedupe: { enabled: false }', 'dedupe: { methods: [] }'])
    assert.equal(routeOf(off)?.dedupe, undefined, off);
  assert.equal(routeOf('dedupe: { idempotencyKey: true }')?.dedupe?.sharing, undefined);
  const both = routeOf('dedupe: { methods: [post], idempotencyKey: true }')?.dedupe;
  assert.deepEqual(both, { sharing: { ...SHARING, methods: ['POST'] }, idempotency: IDEMPOTENCY });
});

test('dedupe carries all that the file says of what is identical', () => {
  const made = routeOf(`dedupe: { methods: [post, get], key: [url, ip, X-Tenant, BODY], shareSetCookie: true,
    maxBody: 2KiB, maxAnswer: 4KiB, maxWait: 5s, maxFollowers: 7 }`);
  assert.deepEqual(made?.dedupe?.sharing, {
    methods: ['POST', 'GET'],
    key: { hasMethod: false, hasUrl: true, hasBody: true, hasHeaders: false, hasAddress: true, headers: ['x-tenant'] },
    sharesSetCookie: true,
    maxBodyBytes: 2048,
    maxAnswerBytes: 4096,
    maxWaitMs: 5000,
    maxFollowers: 7,
  });
});

test('dedupe carries all that the file says', () => {
  const made = routeOf(`dedupe: { maxWait: 3s, idempotencyKey: { header: X-Request-Key, ttl: 1h, required: true, onConcurrent: 409,
    scope: X-Account, methods: [put], maxBody: 2KiB, maxAnswer: 4KiB, maxWait: 5s } }`);
  assert.deepEqual(made?.dedupe, {
    sharing: undefined,
    idempotency: {
      header: 'x-request-key',
      ttlMs: 3_600_000,
      isRequired: true,
      onConcurrent: 'conflict',
      scope: { kind: 'header', name: 'x-account' },
      methods: ['PUT'],
      maxBodyBytes: 2048,
      maxAnswerBytes: 4096,
      maxWaitMs: 5000,
    },
  });
});

test('the forms of idempotencyKey, and its patience is that of dedupe where it has none of its own', () => {
  const of = (text: string) => routeOf(`dedupe: { maxWait: 3s, idempotencyKey: ${text} }`)?.dedupe?.idempotency;
  for (const on of ['true', '{}']) assert.deepEqual(of(on), { ...IDEMPOTENCY, maxWaitMs: 3000 }, on);
  for (const word of ['consumer', 'ip', 'none'] as const) assert.deepEqual(of(`{ scope: ${word} }`)?.scope, { kind: word });
  assert.equal(of('{ onConcurrent: "409" }')?.onConcurrent, 'conflict');
  assert.deepEqual(routeOf('dedupe: { methods: [], idempotencyKey: true }')?.dedupe, { sharing: undefined, idempotency: IDEMPOTENCY });
});

test('what is wrong is told with its place and the remedy', () => {
  const rows: [route: string, problem: string][] = [
    [
      'collapse: true',
      'routes[0].collapse: needs `cache` on the same route; add `cache: true`, or use `dedupe` for answers that are not cached',
    ],
    ['cache: true, collapse: { wait: 1s }', 'routes[0].collapse.wait: unknown key'],
    ['cache: true, collapse: { maxWait: 2h }', 'routes[0].collapse.maxWait: must be from 0 to 1h'],
    ['dedupe: { key: [], idempotencyKey: true }', 'routes[0].dedupe.key: must have at least one part'],
    [
      'dedupe: { key: ["a b"], idempotencyKey: true }',
      'routes[0].dedupe.key[0]: is not a header name (RFC 9110 5.1): letters, digits and -',
    ],
    ['dedupe: { idempotencyKey: { onConcurrent: 425 } }', 'routes[0].dedupe.idempotencyKey.onConcurrent: must be wait or 409'],
    ['dedupe: { idempotencyKey: { methods: [get] } }', 'routes[0].dedupe.idempotencyKey.methods[0]: is a safe method, which needs no key'],
    ['dedupe: { idempotencyKey: { methods: [] } }', 'routes[0].dedupe.idempotencyKey.methods: must have at least one method'],
    [
      'dedupe: { idempotencyKey: { ttl: 1y } }',
      'routes[0].dedupe.idempotencyKey.ttl: must be a duration with its unit (ms, s, m, h, d), such as 250ms or 10s',
    ],
  ];
  for (const [route, problem] of rows) assert.deepEqual(problemsOf(fileWith(route)), [problem], route);
  assert.deepEqual(
    problemsOf('store: ./data\nroutes: [{ respond: 200, dedupe: true }]')[0],
    'routes[0].dedupe: cannot stand beside `respond`, which asks nobody; remove it',
  );
});

test('idempotency keys need a store, which is told to whoever has none', () => {
  for (const route of ['dedupe: { idempotencyKey: true }', 'dedupe: { methods: [], idempotencyKey: { required: true } }']) {
    assert.deepEqual(problemsOf(fileWith(route, 'workers: 1')), [
      'routes[0].dedupe.idempotencyKey: needs `store`, since its promise outlives the process; add `store: { path: ./data }` at the top level',
    ]);
  }
});

test('what is allowed but hardly meant is a warning', () => {
  assert.deepEqual(problemsOf(fileWith('match: { methods: [GET] }, dedupe: { idempotencyKey: { methods: [PUT] } }')), [
    'routes[0].dedupe.idempotencyKey.methods: has no effect: the route takes GET only',
  ]);
  assert.deepEqual(problemsOf(fileWith('dedupe: { methods: [], idempotencyKey: true }', 'store: ./data\ncacheMemory: 1GiB')), [
    'cacheMemory: has no effect, since no route has `cache`, or `dedupe` with methods',
  ]);
  assert.deepEqual(problemsOf(fileWith('dedupe: true', 'cacheMemory: 64MiB')), []);
  assert.deepEqual(problemsOf(fileWith('dedupe: { methods: [GET, POST], key: [headers] }', 'workers: 1')), [
    'routes[0].dedupe.key: has no url: requests for different things share one answer',
    'routes[0].dedupe.key: has no method: requests with different methods share one answer',
    'routes[0].dedupe.key: has no body: requests with different content share one answer',
  ]);
});
