import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatContentRange, judgeRange, parseContentRange, parseRange } from '../../../src/http/range.ts';

const ranges = (...pairs: readonly (readonly [number, number])[]): object => ({
  kind: 'ranges',
  ranges: pairs.map(([first, last]) => ({ first, last })),
});
const IGNORED = { kind: 'ignored' };
const UNSATISFIABLE = { kind: 'unsatisfiable' };

const ROWS: readonly (readonly [why: string, value: string, length: number, expected: object])[] = [
  ['14.1.2: first and last', 'bytes=0-499', 1000, ranges([0, 499])],
  ['14.1.2: an open end', 'bytes=9500-', 10000, ranges([9500, 9999])],
  ['14.1.2: a suffix', 'bytes=-500', 10000, ranges([9500, 9999])],
  ['14.1.2: a suffix longer than the whole', 'bytes=-500', 100, ranges([0, 99])],
  ['14.1.2: a last beyond the end', 'bytes=10-999', 100, ranges([10, 99])],
  ['14.1.2: first and last byte', 'bytes=0-0,-1', 100, ranges([0, 0], [99, 99])],
  ['14.1: units in any case', 'BYTES=0-1', 100, ranges([0, 1])],
  ['14.2: another unit is ignored', 'items=0-1', 100, IGNORED],
  ['14.2: malformed is ignored', 'bytes=a-b', 100, IGNORED],
  ['malformed: nothing', 'bytes=', 100, IGNORED],
  ['malformed: no numbers', 'bytes=-', 100, IGNORED],
  ['malformed: backwards', 'bytes=5-4', 100, IGNORED],
  ['malformed: one bad member spoils all', 'bytes=0-1,x', 100, IGNORED],
  ['malformed: a space in it', 'bytes=0 -1', 100, IGNORED],
  ['malformed: signed', 'bytes=0-+1', 100, IGNORED],
  ['malformed: beyond 2^53', 'bytes=0-99999999999999999999', 100, IGNORED],
  ['empty members and blanks', 'bytes= , 0-1 ,, 5-6', 100, ranges([0, 1], [5, 6])],
  ['14.1.2: beyond the end', 'bytes=100-', 100, UNSATISFIABLE],
  ['14.1.2: a suffix of nothing', 'bytes=-0', 100, UNSATISFIABLE],
  ['14.1.2: one that can be satisfied is enough', 'bytes=100-,0-1', 100, ranges([0, 1])],
  ['of nothing there are no parts', 'bytes=0-', 0, IGNORED],
  ['of nothing there is no suffix', 'bytes=-5', 0, IGNORED],
  ['15.3.7.2: overlapping ones become one', 'bytes=0-10,5-20', 100, ranges([0, 20])],
  ['15.3.7.2: touching ones too', 'bytes=0-10,11-20', 100, ranges([0, 20])],
  ['15.3.7.2: one within the other', 'bytes=0-50,10-20', 100, ranges([0, 50])],
  ['15.3.7.2: else the order stays', 'bytes=50-60,0-10', 100, ranges([50, 60], [0, 10])],
  [
    '17.15: sixteen',
    `bytes=${Array.from({ length: 16 }, (_, i) => `${i * 2}-${i * 2}`).join(',')}`,
    100,
    ranges(...Array.from({ length: 16 }, (_, i) => [i * 2, i * 2] as const)),
  ],
  ['17.15: too many', `bytes=${Array.from({ length: 17 }, (_, i) => `${i * 2}-${i * 2}`).join(',')}`, 100, IGNORED],
];

test('Range, one row a sentence of RFC 9110', () => {
  for (const [why, value, length, expected] of ROWS) assert.deepEqual(judgeRange(value, length), expected, why);
});

test('whatever is asked for, what is given lies within, does not overlap, and is what a plain reader would give', () => {
  const spec = fc.oneof(
    fc.tuple(fc.nat(30), fc.nat(30)).map(([first, more]) => `${first}-${first + more}`),
    fc.nat(30).map((first) => `${first}-`),
    fc.nat(30).map((last) => `-${last}`),
  );
  fc.assert(
    fc.property(fc.array(spec, { minLength: 1, maxLength: 16 }), fc.integer({ min: 1, max: 25 }), (specs, length) => {
      const wanted = new Set(specs.flatMap((text) => plainly(text, length)));
      const verdict = judgeRange(`bytes=${specs.join(',')}`, length);
      const given = verdict.kind === 'ranges' ? verdict.ranges.flatMap(({ first, last }) => span(first, last)) : [];
      assert.equal(verdict.kind === 'unsatisfiable', wanted.size === 0);
      assert.deepEqual(
        given.toSorted((a, b) => a - b),
        [...wanted].sort((a, b) => a - b),
      );
    }),
  );
});

const span = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

function plainly(text: string, length: number): number[] {
  const all = span(0, length - 1);
  const [first = '', last = ''] = text.split('-');
  if (first === '') return last === '0' ? [] : all.slice(-Number(last));
  return all.slice(Number(first), last === '' ? undefined : Number(last) + 1);
}

test('the members as asked for', () => {
  assert.deepEqual(parseRange('bytes=1-2,3-,-4'), [
    { first: 1, last: 2 },
    { first: 3, last: Number.POSITIVE_INFINITY },
    { first: -1, last: 4 },
  ]);
});

test('Content-Range is read where it names one valid range (RFC 9110 14.4)', () => {
  assert.deepEqual(parseContentRange('bytes 4-9/10'), { first: 4, last: 9, completeLength: 10 });
  assert.deepEqual(parseContentRange('bytes 0-0/*'), { first: 0, last: 0, completeLength: -1 });
  for (const wrong of [
    'bytes */10',
    'bytes 5-4/10',
    'bytes 4-10/10',
    'bytes=4-9/10',
    'items 0-1/2',
    'bytes 0-1',
    '',
    'bytes 0-1/2, bytes 0-1/2',
  ]) {
    assert.equal(parseContentRange(wrong), undefined, wrong);
  }
  assert.equal(formatContentRange({ first: 4, last: 9 }, 10), 'bytes 4-9/10');
  assert.equal(formatContentRange({ first: 4, last: 9 }, -1), 'bytes 4-9/*');
});
