import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readKey, recordKey } from '../../../src/exchange/idempotency-key.ts';

const ROWS: readonly [value: string | undefined, key: string | 'missing' | 'malformed'][] = [
  [undefined, 'missing'],
  ['', 'malformed'],
  ['""', 'malformed'],
  ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
  ['"a b, c; d"', 'a b, c; d'],
  ['"quote \\" and backslash \\\\"', 'quote " and backslash \\'],
  ['"a"; version=1', 'a'],
  // Repeated fields, as they are joined.
  ['a, b', 'malformed'],
  ['a, a', 'malformed'],
  ['"a", "b"', 'malformed'],
  ['a b', 'malformed'],
  ['a;b', 'malformed'],
  ['"a', 'malformed'],
  ['a"', 'malformed'],
  ['\xe4', 'malformed'],
  ['a'.repeat(255), 'a'.repeat(255)],
  ['a'.repeat(256), 'malformed'],
  [`"${'a'.repeat(256)}"`, 'malformed'],
];

test('a key is a string of RFC 9651, or the same without quotes', () => {
  for (const [value, expected] of ROWS) {
    const read = readKey(value);
    assert.equal(read.kind === 'key' ? read.key : read.kind, expected, value);
  }
});

test('no two triples of route, scope and key have one record, and none shows what it is made of', () => {
  const text = fc.string({ unit: 'binary-ascii', maxLength: 6 });
  const route = fc.stringMatching(/^[a-z]{1,3}$/);
  fc.assert(
    fc.property(route, text, text, route, text, text, (routeA, scopeA, keyA, routeB, scopeB, keyB) => {
      const isSame = routeA === routeB && scopeA === scopeB && keyA === keyB;
      assert.equal(recordKey(routeA, scopeA, keyA) === recordKey(routeB, scopeB, keyB), isSame);
    }),
  );
  assert.match(recordKey('pay', 'consumer Bearer secret', 'k'), /^[\w-]{43}$/);
});
