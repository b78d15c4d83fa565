import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CacheControl, parseCacheControl } from '../../../src/http/cache-control.ts';
import { parseTargetedCacheControl } from '../../../src/http/targeted-cache-control.ts';

const SHOWN = Object.keys(new CacheControl()) as (keyof CacheControl)[];
const ABSENT = new CacheControl();

/** What differs from nothing said. */
function said(control: CacheControl): Partial<CacheControl> {
  return Object.fromEntries(SHOWN.filter((name) => !sameValue(control[name], ABSENT[name])).map((name) => [name, control[name]]));
}

const sameValue = (a: unknown, b: unknown): boolean => JSON.stringify([a]) === JSON.stringify([b]) && a !== Number.POSITIVE_INFINITY;

function parsed(value: string | undefined): Partial<CacheControl> {
  const control = new CacheControl();
  parseCacheControl(value, control);
  return said(control);
}

const ROWS: readonly (readonly [why: string, value: string | undefined, expected: Partial<CacheControl>])[] = [
  ['no field', undefined, {}],
  ['nothing in it', ' , ,', {}],
  ['5.2.2.1', 'max-age=60', { maxAgeSec: 60 }],
  ['5.2.2.10', 's-maxage=10, max-age=60', { sMaxAgeSec: 10, maxAgeSec: 60 }],
  ['names in any case (5.2)', 'MaX-aGe=5, NO-STORE', { maxAgeSec: 5, isNoStore: true }],
  ['both forms of an argument (5.2)', 'max-age="60"', { maxAgeSec: 60 }],
  ['an unknown directive is ignored (5.2.3)', 'foo, bar=1, baz="a, max-age=9", max-age=2', { maxAgeSec: 2 }],
  ['a name in a string is no directive', 'x="no-store", y=no-store', {}],
  ['an escaped quote does not end a string', 'x="a\\", no-store, b", max-age=1', { maxAgeSec: 1 }],
  ['a string without end takes the rest', 'x="a, no-store', {}],
  ['the first of two counts (4.2.1)', 'max-age=1, max-age=1800', { maxAgeSec: 1 }],
  ['the first of two counts (4.2.1), longer first', 'max-age=1800, max-age=1', { maxAgeSec: 1800 }],
  [
    'conflicting ones all stand',
    'no-store, max-age=60, private, public',
    { isNoStore: true, maxAgeSec: 60, isPrivate: true, isPublic: true },
  ],
  ['invalid freshness is stale (4.2.1): letters', 'max-age=a60', { maxAgeSec: 0 }],
  ['invalid freshness is stale: trailing', 'max-age=60a', { maxAgeSec: 0 }],
  ['invalid freshness is stale: a fraction', 'max-age=60.5', { maxAgeSec: 0 }],
  ['invalid freshness is stale: negative', 'max-age=-60', { maxAgeSec: 0 }],
  ['invalid freshness is stale: no argument', 'max-age', { maxAgeSec: 0 }],
  ['invalid freshness is stale: single quotes', "max-age='60'", { maxAgeSec: 0 }],
  ['invalid freshness is stale: space before =', 'max-age =60', { maxAgeSec: 0 }],
  ['invalid freshness is stale: space after =', 'max-age= 60', { maxAgeSec: 0 }],
  ['invalid freshness is stale: two words', 'max-age=60 70', { maxAgeSec: 0 }],
  ['invalid s-maxage is stale too', 's-maxage=x, max-age=60', { sMaxAgeSec: 0, maxAgeSec: 60 }],
  ['leading zeros (1.2.2)', 'max-age=0060', { maxAgeSec: 60 }],
  ['too large is 2^31 (1.2.2)', 'max-age=99999999999', { maxAgeSec: 2 ** 31 }],
  ['too large for any number', `max-age=${'9'.repeat(400)}`, { maxAgeSec: 2 ** 31 }],
  ['no-cache (5.2.2.4)', 'no-cache', { isNoCache: true }],
  ['no-cache of fields', 'no-cache="Set-Cookie, X-A"', { noCacheFields: ['set-cookie', 'x-a'] }],
  ['no-cache of a field, token form', 'no-cache=X-A', { noCacheFields: ['x-a'] }],
  ['no-cache of no field is of all', 'no-cache=""', { isNoCache: true }],
  ['no-cache of what is no field is of all', 'no-cache="a b"', { isNoCache: true }],
  ['both no-caches', 'no-cache=a, no-cache', { isNoCache: true, noCacheFields: ['a'] }],
  ['private of fields (5.2.2.7), twice', 'private=a, private="b"', { privateFields: ['a', 'b'] }],
  ['private with a malformed argument is private', 'private="', { isPrivate: true }],
  [
    'switches',
    'must-revalidate, proxy-revalidate, must-understand, no-transform, immutable',
    { isMustRevalidate: true, isProxyRevalidate: true, isMustUnderstand: true, isNoTransform: true, isImmutable: true },
  ],
  ['a switch with an argument still counts', 'no-store=1, must-revalidate="x"', { isNoStore: true, isMustRevalidate: true }],
  ['a switch with a malformed argument still counts', 'no-store =x', { isNoStore: true }],
  ['RFC 5861', 'stale-while-revalidate=5, stale-if-error=6', { staleWhileRevalidateSec: 5, staleIfErrorSec: 6 }],
  ['RFC 5861, invalid: nothing is allowed', 'stale-while-revalidate=x, stale-if-error', {}],
  ['max-stale without argument (5.2.1.2)', 'max-stale', { maxStaleSec: Number.POSITIVE_INFINITY }],
  [
    'max-stale, min-fresh, only-if-cached',
    'max-stale=5, min-fresh=6, only-if-cached',
    { maxStaleSec: 5, minFreshSec: 6, isOnlyIfCached: true },
  ],
  ['max-stale, invalid: none is accepted', 'max-stale=x', {}],
];

test('directives of Cache-Control, one row a sentence of RFC 9111', () => {
  for (const [why, value, expected] of ROWS) assert.deepEqual(parsed(value), expected, `${why}: ${value}`);
});

test('an object that is used again keeps nothing', () => {
  const control = new CacheControl();
  for (const [why, value, expected] of [...ROWS, ...ROWS.toReversed()]) {
    parseCacheControl(value, control);
    assert.deepEqual(said(control), expected, why);
  }
});

test('any text is read without failing, and each number is whole and in range', () => {
  const text = fc.string({ unit: fc.constantFrom(...'max-age=s0123456789", \\\t=no-cache;private\xe9'), maxLength: 60 });
  fc.assert(
    fc.property(text, (value) => {
      const control = new CacheControl();
      parseCacheControl(value, control);
      for (const seconds of [control.maxAgeSec, control.sMaxAgeSec, control.minFreshSec]) {
        assert.ok(Number.isInteger(seconds) && seconds >= -1 && seconds <= 2 ** 31);
      }
    }),
  );
});

const TARGETED: readonly (readonly [why: string, value: string, expected: Partial<CacheControl> | undefined])[] = [
  ['a dictionary', 'max-age=60, no-store', { maxAgeSec: 60, isNoStore: true }],
  ['blanks around members', '  max-age=60 ,\tno-cache  ', { maxAgeSec: 60, isNoCache: true }],
  ['parameters are left out', 'max-age=60;foo=bar, private;x', { maxAgeSec: 60, isPrivate: true }],
  ['a false switch says nothing', 'no-store=?0, must-revalidate=?1', { isMustRevalidate: true }],
  ['no-cache of fields', 'no-cache="a, b"', { noCacheFields: ['a', 'b'] }],
  ['of a repeated key the last counts (RFC 9651 3.2)', 'max-age=1, max-age=2', { maxAgeSec: 2 }],
  ['an unknown key', 'foobar, max-age=60', { maxAgeSec: 60 }],
  ['too large', 'max-age=99999999999', { maxAgeSec: 2 ** 31 }],
  ['negative is stale', 'max-age=-1', { maxAgeSec: 0 }],
  ['empty: as if absent (RFC 9213 2.1)', '', undefined],
  ['no dictionary: as if absent', 'max-age=10000, &&&&&', undefined],
  ['a trailing comma', 'max-age=1,', undefined],
  ['a space before =', 'max-age =100', undefined],
  ['a space after =', 'max-age= 100', undefined],
  ['upper case is no key', 'MaX-aGe=3600', undefined],
  ['a time that is a string', 'max-age="10000"', undefined],
  ['a time that is a token', 'max-age=a', undefined],
  ['a time that is a decimal', 'max-age=1.5', undefined],
  ['a time that is a switch', 'max-age', undefined],
];

test('targeted fields, RFC 9213: as a dictionary, or as if absent', () => {
  for (const [why, value, expected] of TARGETED) {
    const control = new CacheControl();
    const isThere = parseTargetedCacheControl(value, control);
    assert.equal(isThere, expected !== undefined, why);
    assert.deepEqual(said(control), expected ?? {}, why);
  }
});
