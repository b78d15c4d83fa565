import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DateLine, formatHttpDate, parseHttpDate } from '../../../src/http/http-date.ts';

const NOW = Date.UTC(2026, 10, 24);
const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

test('the three forms of RFC 9110 5.6.7 are read', () => {
  assert.equal(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT', NOW), EXAMPLE);
  assert.equal(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW), EXAMPLE);
  assert.equal(parseHttpDate('Sun Nov  6 08:49:37 1994', NOW), EXAMPLE);
});

test('letters may be of any case', () => {
  for (const text of [
    'SUN, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 NOV 1994 08:49:37 gMT',
    'sunday, 06-nov-94 08:49:37 gmt',
    'SUN NOV  6 08:49:37 1994',
  ]) {
    assert.equal(parseHttpDate(text, NOW), EXAMPLE, text);
  }
});

test('a two-digit year is never more than 50 years ahead', () => {
  assert.equal(parseHttpDate('Sunday, 06-Nov-76 08:49:37 GMT', NOW), Date.UTC(2076, 10, 6, 8, 49, 37));
  assert.equal(parseHttpDate('Sunday, 06-Nov-77 08:49:37 GMT', NOW), Date.UTC(1977, 10, 6, 8, 49, 37));
});

test('what is no date is told from one', () => {
  const wrong = [
    '',
    '0',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Xxx, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nox 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
  ];
  const more = [
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sunda, 06-Nov-94 08:49:37 GMT',
  ];
  for (const text of [...wrong, ...more]) assert.equal(parseHttpDate(text, NOW), undefined, text);
});

test('a leap second is read as the next second', () => {
  assert.equal(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW), Date.UTC(2017, 0, 1));
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (second) =>
      assert.equal(parseHttpDate(formatHttpDate(second * 1000), NOW), second * 1000),
    ),
  );
});

test('the date line changes with the second', () => {
  const line = new DateLine();
  assert.equal(line.at(EXAMPLE), 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.equal(line.at(EXAMPLE + 999), 'Sun, 06 Nov 1994 08:49:37 GMT');
  assert.equal(line.at(EXAMPLE + 1000), 'Sun, 06 Nov 1994 08:49:38 GMT');
});
