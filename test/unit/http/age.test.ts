import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAge } from '../../../src/http/age.ts';

test('Age: of several members the first counts, and what is no whole number is ignored (RFC 9111 5.1)', () => {
  const rows: readonly (readonly [value: string | undefined, expected: number])[] = [
    [undefined, -1],
    ['0', 0],
    ['7200', 7200],
    ['007', 7],
    ['7200, 0', 7200],
    ['0, 7200', 0],
    ['0,0', 0],
    ['abc', -1],
    ['-7200', -1],
    ['7200.0', -1],
    ['7200;foo=bar', -1],
    ['', -1],
    [', 5', -1],
    ['2147483647', 2147483647],
    ['2147483648', 2147483648],
    ['2147483649', 2147483648],
    ['99999999999999999999', 2147483648],
  ];
  for (const [value, expected] of rows) assert.equal(parseAge(value), expected, value);
});
