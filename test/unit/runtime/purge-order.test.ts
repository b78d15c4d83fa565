import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePurgeOrder } from '../../../src/runtime/purge-order.ts';

test('an order names one thing, and may be soft', () => {
  const rows: [body: unknown, order: unknown][] = [
    [{ url: 'http://a/b' }, { kind: 'url', what: 'http://a/b', isSoft: false }],
    [
      { url: 'https://a/b', soft: true },
      { kind: 'url', what: 'https://a/b', isSoft: true },
    ],
    [{ url: 'http://a/é b' }, { kind: 'url', what: 'http://a/%C3%A9%20b', isSoft: false }],
    [{ prefix: 'http://a/b' }, { kind: 'prefix', what: 'http://a/b', isSoft: false }],
    [{ prefix: '/b' }, { kind: 'prefix', what: '/b', isSoft: false }],
    [
      { tag: 'p-1', soft: false },
      { kind: 'tag', what: 'p-1', isSoft: false },
    ],
    [
      { all: true, soft: true },
      { kind: 'all', what: '', isSoft: true },
    ],
  ];
  for (const [body, order] of rows) assert.deepEqual(parsePurgeOrder(body), order);
});

test('what is not an order is told in words', () => {
  const rows: [body: unknown, problem: string][] = [
    [undefined, 'name exactly one of url, prefix, tag, all'],
    ['all', 'name exactly one of url, prefix, tag, all'],
    [[{ all: true }], 'name exactly one of url, prefix, tag, all'],
    [{ soft: true }, 'name exactly one of url, prefix, tag, all'],
    [{ url: 'http://a/', all: true }, 'name exactly one of url, prefix, tag, all'],
    [{ uri: 'http://a/' }, 'unknown key "uri"; use one of url, prefix, tag, all, and soft'],
    [{ all: 'yes' }, 'all must be true'],
    [{ all: false }, 'all must be true'],
    [{ all: true, soft: 'no' }, 'soft must be true or false'],
    [{ tag: '' }, 'tag must be text of 1 to 8192 characters'],
    [{ tag: ['a'] }, 'tag must be text of 1 to 8192 characters'],
    [{ url: `http://a/${'x'.repeat(9000)}` }, 'url must be text of 1 to 8192 characters'],
    [{ url: '/a' }, 'url must be an absolute http or https URL'],
    [{ url: 'ftp://a/' }, 'url must be an absolute http or https URL'],
    [{ prefix: 'a' }, 'prefix must begin with http://HOST or https://HOST, or with /'],
  ];
  for (const [body, problem] of rows) assert.equal(parsePurgeOrder(body), problem, JSON.stringify(body));
});

test('whatever JSON comes, it is an order or a problem', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('url', 'prefix', 'tag', 'all', 'soft'), fc.jsonValue())), (body) => {
      const order = parsePurgeOrder(body);
      assert.ok(typeof order === 'string' ? order.length > 0 : ['url', 'prefix', 'tag', 'all'].includes(order.kind));
    }),
  );
});
