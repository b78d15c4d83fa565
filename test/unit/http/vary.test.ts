import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { normaliseAcceptEncoding, normaliseAcceptLanguage } from '../../../src/http/accept-encoding.ts';
import { isSelected, parseVary, selectingPairs, VARY_ANY } from '../../../src/http/vary.ts';
import { parsed } from './heads.ts';

test('Vary names fields, or anything (RFC 9110 12.5.5)', () => {
  const rows: readonly (readonly [value: string | undefined, expected: readonly string[]])[] = [
    [undefined, []],
    ['', []],
    [' , ', []],
    ['Foo', ['foo']],
    ['Foo, Bar', ['bar', 'foo']],
    ['foo,FOO , Foo', ['foo']],
    ['*', VARY_ANY],
    ['*, *', VARY_ANY],
    [', *', VARY_ANY],
    ['*, Foo', VARY_ANY],
    ['Foo, *', VARY_ANY],
    ['Foo Bar', VARY_ANY],
    ['"Foo"', VARY_ANY],
  ];
  for (const [value, expected] of rows) assert.deepEqual(parseVary(value), expected, value);
});

const request = (...lines: readonly string[]): ReturnType<typeof parsed> => parsed('GET / HTTP/1.1', 'Host: h', ...lines);
const matches = (vary: string, first: readonly string[], then: readonly string[]): boolean =>
  isSelected(selectingPairs(parseVary(vary), request(...first)), request(...then));

test('a stored response is selected where the fields that it varies by match (RFC 9111 4.1)', () => {
  const rows: readonly (readonly [why: string, vary: string, first: readonly string[], then: readonly string[], isMatch: boolean])[] = [
    ['nothing named', '', ['Foo: 1'], ['Foo: 2'], true],
    ['the same', 'Foo', ['Foo: 1'], ['Foo: 1'], true],
    ['another value', 'Foo', ['Foo: 1'], ['Foo: 2'], false],
    ['case of values counts', 'Foo', ['Foo: a'], ['Foo: A'], false],
    ['missing now', 'Foo', ['Foo: 1'], [], false],
    ['missing then', 'Foo', [], ['Foo: 1'], false],
    ['missing both times', 'Foo, Bar', ['Foo: 1'], ['Foo: 1'], true],
    ['empty is not missing', 'Foo', ['Foo:'], [], false],
    ['a field that is not named', 'Foo', ['Foo: 1', 'Other: 2'], ['Foo: 1', 'Other: 3'], true],
    ['the second of three', 'Foo, Bar, Baz', ['Foo: 1', 'Bar: a', 'Baz: 7'], ['Baz: 7', 'Bar: ab', 'Foo: 1'], false],
    ['lines in another order', 'Foo, Bar', ['Foo: 1', 'Bar: a'], ['Bar: a', 'Foo: 1'], true],
    ['anything', '*', [], [], false],
    ['combined lines', 'Foo', ['Foo: 1, 2'], ['Foo: 1', 'Foo: 2'], true],
    ['blanks at commas', 'Foo', ['Foo: 1,2'], ['Foo:  1 , 2 '], true],
    ['blanks within a string stay', 'Foo', ['Foo: "1,2"'], ['Foo: "1, 2"'], false],
    ['blanks elsewhere stay', 'Foo', ['Foo: a b'], ['Foo: a  b'], false],
    ['order of an unknown list counts', 'Foo', ['Foo: 1, 2'], ['Foo: 2, 1'], false],
    ['languages in another order', 'Accept-Language', ['Accept-Language: en, de'], ['Accept-Language: de, en'], true],
    ['languages in another case', 'Accept-Language', ['Accept-Language: en, de'], ['Accept-Language: eN, De'], true],
    ['languages with blanks', 'Accept-Language', ['Accept-Language: en, de'], ['Accept-Language:  en ,   de'], true],
    ['languages with other weights', 'Accept-Language', ['Accept-Language: en, de'], ['Accept-Language: en, de;q=0.5'], false],
    ['codings in another order', 'Accept-Encoding', ['Accept-Encoding: gzip, br'], ['Accept-Encoding: br,gzip'], true],
    ['other codings', 'Accept-Encoding', ['Accept-Encoding: gzip, br'], ['Accept-Encoding: gzip'], false],
  ];
  for (const [why, vary, first, then, isMatch] of rows) assert.equal(matches(vary, first, then), isMatch, why);
});

test('Accept-Encoding has one text for one meaning (RFC 9110 12.5.3)', () => {
  const rows: readonly (readonly [a: string, b: string])[] = [
    ['gzip, deflate, br', 'br,deflate,gzip'],
    ['gzip;q=1.0', 'gzip'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['x-gzip, gzip', 'gzip'],
    ['gzip, br;q=0', 'gzip'],
    ['gzip;q=0.5, br', 'br, gzip;q=0.500'],
    ['identity', 'identity'],
  ];
  for (const [a, b] of rows) assert.equal(normaliseAcceptEncoding(a), normaliseAcceptEncoding(b), `${a} | ${b}`);
  const apart = ['gzip', 'br', '', '*', 'gzip, *', 'gzip;q=0, *', 'identity;q=0, gzip', 'gzip, br;q=0.5', 'gzip;x=1', 'gzip;q=2'];
  assert.equal(new Set(apart.map(normaliseAcceptEncoding)).size, apart.length);
});

test('normalising is stable, whatever comes', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab*-;q=01.,  \t') }), (value) => {
      for (const normalise of [normaliseAcceptEncoding, normaliseAcceptLanguage])
        assert.equal(normalise(normalise(value)), normalise(value));
    }),
  );
});

test('what clients say in turn is remembered within bounds, and stays right', () => {
  for (let i = 0; i < 2000; i++) {
    assert.equal(matches('Accept-Language', [`Accept-Language: en, x${i}`], [`Accept-Language: X${i},en`]), true);
  }
});
