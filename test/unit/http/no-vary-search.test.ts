import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparableQuery, parseNoVarySearch, parseQueryPairs } from '../../../src/http/no-vary-search.ts';

test('No-Vary-Search: which differences do not matter', () => {
  const rows: readonly (readonly [field: string, a: string, b: string, isSame: boolean])[] = [
    ['key-order', '?a=1&b=2', '?b=2&a=1', true],
    ['key-order', '?a=1&b=2', '?a=1&b=3', false],
    ['key-order', '?a=1&a=2', '?a=2&a=1', false],
    ['params', '?a=1', '?b=2', true],
    ['params', '?a=1', '', true],
    ['params=("utm" "x")', '?a=1&utm=5', '?x=9&a=1', true],
    ['params=("utm")', '?a=1&b=2', '?b=2&a=1', false],
    ['params=("utm"), key-order', '?a=1&b=2&utm=1', '?b=2&a=1', true],
    ['params, except=("a")', '?a=1&b=2', '?c=3&a=1', true],
    ['params, except=("a")', '?a=1', '?a=2', false],
    ['params=("%C3%BC")', '?%c3%bc=1', '', true],
    ['params=("a b")', '?a+b=1', '?a%20b=2', true],
    ['key-order', '?a=%41', '?a=A', true],
    ['params=("utm")', '?a=1&utm=5;b=2', '?a=1', false],
    ['params=("utm")', '?a=1&utm=5;b=2', '?a=1&utm=5;b=2', true],
    ['params', '?utm=5;a=2', '', false],
    ['key-order;x=1, params=("utm";y)', '?a=1&utm=2', '?a=1', true],
  ];
  for (const [field, a, b, isSame] of rows) {
    const rule = parseNoVarySearch(field);
    assert.ok(rule !== undefined, field);
    assert.equal(comparableQuery(a, rule) === comparableQuery(b, rule), isSame, `${field}: ${a} | ${b}`);
  }
});

test('No-Vary-Search that helps nothing, or is not understood, is as if absent', () => {
  for (const field of [
    '',
    'params=?0',
    'key-order=?0',
    'params=()',
    'params=(1)',
    'params="a"',
    'params, except="a"',
    'except=("a")',
    'params=("a"), except=("b")',
    'key-order=1',
    'Params',
  ]) {
    assert.equal(parseNoVarySearch(field), undefined, field);
  }
});

test('queries are read as forms are', () => {
  assert.deepEqual(parseQueryPairs('?a=1&b&=c&&d=%zz+%41'), [
    ['a', '1'],
    ['b', ''],
    ['', 'c'],
    ['d', '%zz A'],
  ]);
  assert.deepEqual(parseQueryPairs(''), []);
  assert.deepEqual(parseQueryPairs('?'), []);
});
