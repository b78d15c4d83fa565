import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { escapeText, formatInteger, formatMillis } from '../../../src/observe/json-line.ts';

const latin1 = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 300 });

test('any latin1 text comes back from JSON.parse as it was, and its line is printable ASCII', () => {
  fc.assert(
    fc.property(latin1, (text) => {
      const written = escapeText(text, 1000);
      assert.match(written, /^[\x20-\x7e]*$/);
      assert.equal(JSON.parse(`"${written}"`), text);
    }),
  );
});

test('a name in any script comes back too', () => {
  const name = 'заказы-注文-🚰\u2028';
  assert.equal(JSON.parse(`"${escapeText(name, 100)}"`), name);
});

test('a text is cut at its limit', () => assert.equal(escapeText('abcdef', 4), 'abcd'));

test('what is no whole number is 0', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60, 0.5]) assert.equal(formatInteger(value), 0);
  for (const value of [0, -1, 2 ** 53 - 1]) assert.equal(formatInteger(value), value);
});

test('times have three decimals', () => {
  const time = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(time, (ms) => {
      const written = formatMillis(ms);
      assert.match(written, /^\d+\.\d{3}$/);
      assert.ok(Math.abs(Number(written) - ms) <= 0.000_501);
    }),
  );
  for (const ms of [Number.NaN, -1, Number.POSITIVE_INFINITY]) assert.equal(formatMillis(ms), '0');
});
