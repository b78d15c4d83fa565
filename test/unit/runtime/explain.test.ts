import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { Router } from '../../../src/routing/router.ts';
import { askedRequest } from '../../../src/runtime/explain-request.ts';
import { explainRoute } from '../../../src/runtime/explain-route.ts';

const HEAD = 'store: ./data\nupstreams: { a: { endpoints: [http://a, { url: "http://b:81", weight: 2 }] } }\n';

/** What `sluice explain` says of the route that has the request; or why the request would be refused. */
function explain(route: string, method: string, url: string, fields: readonly string[] = [], head = HEAD): readonly string[] {
  const result = loadConfig(`${head}routes: [${route}]`, { fileName: 'sluice.yaml', env: {} });
  assert.ok(result.kind === 'ok', result.kind === 'bad' ? result.problems.map(formatProblem).join('\n') : '');
  const asked = askedRequest({ configPath: '', method, url, fields, clientIp: undefined, admin: undefined });
  if (typeof asked === 'string') return [asked];
  const found = new Router(result.config.routes.map((value) => ({ ...value, value }))).match(asked.facts);
  return found.kind === 'found' ? explainRoute(found, asked, result.config) : [found.kind];
}

test('the target is told as the route makes it', () => {
  const targetOf = (route: string, url: string) => explain(route, 'GET', url).find((line) => line.startsWith('target: '));
  assert.equal(targetOf('{ upstream: a }', 'http://x/a/../b?q=1#f'), 'target: /a/../b?q=1, as received');
  assert.equal(targetOf('{ match: "/api/*", upstream: a, stripPrefix: true }', '/api/x?q'), 'target: /x?q, prefix stripped');
  assert.equal(
    targetOf('{ match: "/api/{id}/*", upstream: a, rewrite: "/v1/{id}/{rest}" }', 'http://x/api/7/y/z'),
    'target: /v1/7/y/z, rewritten by /v1/{id}/{rest}',
  );
});

test('upstream, host, credentials and the edits of fields are told, values of fields are not', () => {
  const lines = explain(
    '{ upstream: a, headers: { request: { set: { X-Key: secret }, remove: [x-b], allow: [accept] }, response: { remove: [server] } }, maxBody: 1MiB, timeout: 5s }',
    'POST',
    'http://Shop.example/x',
  );
  assert.deepEqual(lines, [
    'upstream a: http://a, http://b:81 (weight 2)',
    'target: /x, as received',
    "host: the client's, shop.example",
    'credentials: stripped',
    "request fields: only accept of the client's; without x-b; set X-Key",
    'response fields: without server',
    'body: at most 1MiB',
    'deadline: 5s',
    'cache: none',
  ]);
  assert.deepEqual(explain('{ respond: 404 }', 'GET', '/'), ['answered by the gateway: 404']);
});

test('what a listener would refuse is refused here, with its status', () => {
  assert.deepEqual(explain('{ upstream: a }', 'GET', 'ftp://x/'), ['ftp://x/ is not an http URL or a path']);
  assert.deepEqual(explain('{ upstream: a }', 'GET', '/%'), ['the path of /% climbs above its root or has a bad escape: 400']);
  assert.match(explain('{ upstream: a }', 'GE T', '/')[0] ?? '', /^refused, 400: /);
  assert.match(explain('{ upstream: a }', 'GET', '/', ['Host: a', 'Host: b'])[0] ?? '', /^refused, 400: The Host /);
  assert.match(explain('{ upstream: a }', 'GET', '/', ['Host: a', 'X\r\nY: z'])[0] ?? '', /^refused, 400: A header field /);
});

test('the key of the cache is told with what is in it, and by which rules it is kept', () => {
  const lines = explain(
    `{ name: shop, upstream: a, cache: { key: { query: [page], headers: [accept-language] }, defaultTtl: 1m, staleIfError: 5m,
       negativeTtl: { 404: 10s }, ttl: { 200: { max: 1h } } } }`,
    'GET',
    'http://shop.example/list?utm=1&page=2',
    ['Accept-Language: de', 'Cache-Control: no-cache'],
  );
  const cache = lines.slice(lines.findIndex((line) => line.startsWith('cache key: ')));
  assert.match(cache[0] ?? '', /^cache key: shop \| G \| http:\/\/shop\.example\/list\?page=2 \| accept-language.*de$/);
  assert.deepEqual(cache.slice(1), [
    'key holds: scheme, host, path, parameters page, in any order, header accept-language',
    'Cache-Control of the request: heeded',
    'freshness: as cdn-cache-control, cache-control or Expires state; else 10s for 404; else 1m',
    'freshness of 200: at most 1h',
    'stale: served while refreshed as answers allow; served on errors 5m unless answers say otherwise',
    'stored: bodies up to 10MiB, not with Set-Cookie, 32 variants of a key',
    'collapse: one request on the host for what is not cached, others wait up to 10s; for 1m not, where an answer could not be shared',
  ]);
});

test('a method that the cache does not answer is passed by', () => {
  const lineOf = (method: string) => explain('{ upstream: a, cache: true }', method, 'http://x/').find((line) => line.startsWith('cache'));
  assert.equal(lineOf('OPTIONS'), 'cache: passed by, since OPTIONS is not GET, HEAD');
  assert.equal(
    lineOf('POST'),
    'cache: passed by, since POST is not GET, HEAD; a success invalidates what is stored for the URL (RFC 9111 4.4)',
  );
});

test('what identical requests share is told, and what becomes of those who cannot have it', () => {
  const route = '{ upstream: a, dedupe: { methods: [GET, POST], key: [method, url, body, X-Tenant], maxAnswer: 2KiB } }';
  const lines = (method: string): readonly string[] => explain(route, method, '/').filter((line) => line.startsWith('dedupe: '));
  const first = (method: string): string =>
    `dedupe: identical ${method} requests at the same time are one, by method, url, body, header x-tenant and credentials; others wait up to 10s`;
  const shared = 'dedupe: shared are answers up to 2KiB, not with Set-Cookie; who cannot have it: ';
  assert.deepEqual(lines('GET'), [first('GET'), `${shared}goes to the upstream by itself`]);
  assert.deepEqual(lines('POST'), [first('POST'), `${shared}409, since it must not run twice`]);
  assert.deepEqual(lines('PUT'), []);
});

test('what a request shares with others, and what its key does, is told where it does', () => {
  const route =
    '{ upstream: a, cache: true, collapse: { uncacheableFor: 0 }, dedupe: { maxWait: 2s, idempotencyKey: { required: true, scope: X-Account } } }';
  const lines = (method: string): readonly string[] =>
    explain(route, method, '/').filter((line) => /^(?:collapse|idempotency): /.test(line));
  const collapse = 'collapse: one request on the host for what is not cached, others wait up to 10s';
  const key =
    'idempotency: idempotency-key demanded, of whoever sends the same x-account; its answer is kept for 1d; who comes meanwhile: waits up to 2s';
  assert.deepEqual(lines('GET'), [collapse]);
  assert.deepEqual(lines('POST'), [collapse, key]);
});

const SHARED = `upstreams:
  a: { endpoints: [http://a, http://b, { url: "http://c", priority: 1, zone: z }], balance: { method: maglev, key: { header: x-user } } }
  n: { endpoints: [http://n1, http://n2], balance: least-requests, sticky: { secret: sixteen-letters!, cookie: at } }
`;

test('of several upstreams the one that has the request is told, and why', () => {
  const route = '{ upstream: [{ name: a, weight: 3 }, { name: n, when: { header: { X-Canary: "1" } } }], timeout: 5s }';
  const asked = explain(route, 'GET', '/x', ['X-Canary: 1'], SHARED);
  assert.deepEqual(asked.slice(0, 5), [
    'split: 75% to a, 25% to n (all with header x-canary is "1")',
    'split of this request: n, for which it asks',
    'upstream n: http://n1, http://n2',
    'sticky: the endpoint that cookie at names, where it can be asked',
    'balance: least-requests, the less busy of 2',
  ]);
  const other = explain(route, 'GET', '/x', [], SHARED);
  assert.equal(other[1], 'split of this request: by weight; what follows is that of a');
  assert.ok(other.includes('deadline: 5s'));
});

test('where a key tells the endpoint it is named', () => {
  const lines = explain('{ upstream: a }', 'GET', '/x', ['X-User: 7'], SHARED);
  assert.equal(lines[0], 'upstream a: http://a, http://b, http://c (priority 1, zone z)');
  assert.equal(lines[1], 'balance: maglev by header x-user, none above 1.25 times its part');
  assert.match(lines[2] ?? '', /^endpoint of this request: http:\/\/[ab], while all are well$/);
  assert.equal(explain('{ upstream: a }', 'GET', '/x', [], SHARED)[2], 'endpoint of this request: --ip would tell');
});
