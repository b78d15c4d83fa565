import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildKey, epochNamesForUri, keysForUri, normalisedUri, originOf, parseCacheUri } from '../../../src/cache/cache-key.ts';
import { queryPreamble, searchKey } from '../../../src/cache/cache-request.ts';
import type { CacheKeyConfig, RouteCacheConfig } from '../../../src/config/types.ts';
import { asked, CONFIG, policy, requestHead } from './model-cache.ts';

const keyed = (key: Partial<CacheKeyConfig>, more: Partial<RouteCacheConfig> = {}): ReturnType<typeof policy> =>
  policy({ ...more, key: { ...CONFIG.key, ...key } });
const keyOf = (of: ReturnType<typeof policy>, start: string, ...lines: readonly string[]): string =>
  asked(requestHead(`${start} HTTP/1.1`, ...lines), of).key;

test('a key has the route, the class of the method and the URI', () => {
  assert.equal(keyOf(policy({}, 'shop'), 'GET /a?x=1'), 'shop\nG\nhttp://h.example/a?x=1\n');
  assert.equal(keyOf(policy(), 'HEAD /a'), keyOf(policy(), 'GET /a'));
  assert.notEqual(keyOf(policy({}, 'one'), 'GET /a'), keyOf(policy({}, 'two'), 'GET /a'));
  assert.notEqual(keyOf(policy(), 'GET /a'), keyOf(policy(), 'GET /A'));
  assert.notEqual(keyOf(policy(), 'GET /a'), keyOf(policy(), 'GET /%61'), 'an origin may care about the spelling');
});

test('the authority counts in lower case and without the port of the scheme', () => {
  assert.equal(keyOf(policy(), 'GET /', 'Host: H.Example:80'), keyOf(policy(), 'GET /'));
  assert.notEqual(keyOf(policy(), 'GET /', 'Host: h.example:8080'), keyOf(policy(), 'GET /'));
  assert.equal(keyOf(policy(), 'GET http://h.example/x', 'Host: h.example'), keyOf(policy(), 'GET /x'));
  const uri = { scheme: 'https', authority: 'h:443', path: '/', query: '' };
  assert.equal(normalisedUri(policy(), uri), 'https://h/');
  assert.equal(normalisedUri(policy(), { ...uri, authority: 'h:80' }), 'https://h:80/');
});

test('parameters of the query count in one order, those under one name in theirs', () => {
  const same = (a: string, b: string, of = policy()): boolean => keyOf(of, `GET /${a}`) === keyOf(of, `GET /${b}`);
  assert.equal(same('?a=1&b=2', '?b=2&a=1'), true);
  assert.equal(same('?a=1&a=2', '?a=2&a=1'), false);
  assert.equal(same('?a=1&b=2', '?b=2&a=1', keyed({ sortQuery: false })), false);
  assert.equal(same('?a=1', '?a=2'), false);
  assert.equal(same('?a', '?a='), false);
  assert.equal(same('', '?'), false);
  const keep = keyed({ query: { kind: 'keep', names: ['page', 'q'] } });
  assert.equal(same('?page=1&utm=5', '?x=7&page=1', keep), true);
  assert.equal(same('?page=1', '?page=2', keep), false);
  assert.equal(same('?utm=1', '', keep), true);
  assert.equal(same('?%71=1', '', keep), false, 'names are compared decoded');
  const ignore = keyed({ query: { kind: 'ignore', names: ['utm source', 'ü'] } });
  assert.equal(same('?a=1&utm+source=9', '?a=1', ignore), true);
  assert.equal(same('?a=1&%C3%BC=9', '?a=1', ignore), true);
  assert.equal(same('?a=1', '?a=2', ignore), false);
});

test('chosen fields and cookies count, and the others do not', () => {
  const of = keyed({ headers: ['accept-language', 'x-tenant'], cookies: ['plan'] });
  const key = (...lines: readonly string[]): string => keyOf(of, 'GET /', ...lines);
  assert.notEqual(key('X-Tenant: a'), key('X-Tenant: b'));
  assert.notEqual(key('X-Tenant:'), key());
  assert.equal(key('Accept-Language: en, de'), key('Accept-Language: DE,en'));
  assert.equal(key('Cookie: a=1; plan=free; b=2'), key('Cookie: plan=free; a=3'));
  assert.notEqual(key('Cookie: plan=free'), key('Cookie: plan=paid'));
  assert.notEqual(key('Cookie: xplan=free'), key('Cookie: plan=free'));
  assert.notEqual(key('Cookie: plan=free; plan=paid'), key('Cookie: plan=free'), 'some origins take the last one');
  assert.notEqual(key('X-Tenant: a\tb'), key('X-Tenant: a'));
  assert.equal(of.hasManyKeys, true);
  assert.equal(policy().hasManyKeys, false);
});

test('two requests have one key only if all of its parts are the same', () => {
  const of = keyed({ headers: ['x-a', 'x-b'] });
  const value = fc.string({ unit: fc.constantFrom(...'ab=:, '), maxLength: 4 }).map((text) => text.trim());
  const parts = fc.tuple(fc.constantFrom('/', '/a', '/a=b'), value, value);
  const key = ([path, a, b]: readonly [string, string, string]): string => keyOf(of, `GET ${path}`, `X-A: ${a}`, `X-B: ${b}`);
  fc.assert(
    fc.property(parts, parts, (one, two) => {
      const plain = ([path, a, b]: readonly [string, string, string]): string =>
        JSON.stringify([path, ...[a, b].map((text) => text.replace(/ *, */g, ','))]);
      assert.equal(key(one) === key(two), plain(one) === plain(two));
    }),
  );
});

test('a QUERY has a key of its own content, where the route caches it (RFC 10008)', () => {
  const of = policy({ methods: ['GET', 'QUERY'] });
  const head = requestHead('QUERY /a HTTP/1.1', 'Content-Type: application/sql', 'Content-Length: 3');
  assert.equal(asked(head, of, 'abc').key, 'route\nQ\nhttp://h.example/a\nabc');
  assert.equal(asked(head, of, '').key, '', 'without its content it has none');
  assert.equal(asked(head, policy(), 'abc').key, '');
  assert.equal(queryPreamble(head), 'application/sql\n\n\n');
});

test('a method that no cache answers has no key, but POST has that of GET', () => {
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'M-SEARCH']) assert.equal(keyOf(policy(), `${method} /`), '');
  assert.equal(keyOf(policy(), 'POST /'), keyOf(policy(), 'GET /'));
  assert.equal(keyOf(policy({ methods: ['HEAD'] }), 'GET /'), '');
  assert.equal(keyOf(policy(), 'OPTIONS *'), '');
});

test('a name of a route in any letters makes a latin1 key', () => {
  const key = keyOf(policy({}, 'Wörter 漢字\n'), 'GET /');
  assert.ok([...key].every((character) => character.charCodeAt(0) < 256));
  assert.equal(key.split('\n').length, 4);
});

test('what may be held for a URI is found by its keys, and invalidated by its names', () => {
  const [one, two] = [policy({ noVarySearch: false }, 'one'), policy({}, 'two')];
  const uri = parseCacheUri('http://h.example:80/a?b=1&a=2');
  assert.ok(uri !== undefined);
  assert.deepEqual(keysForUri([one, two], uri), [
    'one\nG\nhttp://h.example/a?a=2&b=1\n',
    'two\nG\nhttp://h.example/a?a=2&b=1\n',
    'two\nS\nhttp://h.example/a\n',
  ]);
  assert.ok(keysForUri([one], uri).includes(keyOf(one, 'GET /a?b=1&a=2')));
  assert.ok(keysForUri([two], uri).includes(searchKey(asked(requestHead('GET /a?zz HTTP/1.1'), two))));
  assert.deepEqual(epochNamesForUri([one], uri), ['http://h.example/a?a=2&b=1']);
  assert.deepEqual(epochNamesForUri([one, two], uri), ['http://h.example/a?a=2&b=1', 'S http://h.example/a']);
  assert.equal(searchKey(asked(requestHead('GET /a HTTP/1.1'), one)), '');
  assert.equal(buildKey(one, uri, { keyClass: 'G', head: undefined, contentDigest: '' }), keysForUri([one], uri)[0]);
});

test('absolute URIs are taken apart, others are not', () => {
  assert.deepEqual(parseCacheUri('HTTPS://H.example:8443/a/b?c'), {
    scheme: 'https',
    authority: 'h.example:8443',
    path: '/a/b',
    query: '?c',
  });
  assert.deepEqual(parseCacheUri('http://h'), { scheme: 'http', authority: 'h', path: '/', query: '' });
  assert.deepEqual(parseCacheUri('http://[::1]:80?q'), { scheme: 'http', authority: '[::1]:80', path: '/', query: '?q' });
  for (const wrong of ['/a', 'h/a', 'ftp://h/', 'http:///a', 'http://u@h/', 'http://h/#a', 'http://h/ a', 'http://h:x/', '']) {
    assert.equal(parseCacheUri(wrong), undefined, wrong);
  }
  assert.equal(originOf('http://h:1/a?b'), 'http://h:1');
});
