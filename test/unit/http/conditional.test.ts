import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConditionVerdict, isRangeCurrent, isStrongDate, judgeConditions, type Validators } from '../../../src/http/conditional.ts';
import { isStrongMatch, isStrongTag, isWeakMatch, listHasTag } from '../../../src/http/entity-tag.ts';
import { formatHttpDate } from '../../../src/http/http-date.ts';
import { parsed } from './heads.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const at = (sec: number): string => formatHttpDate(NOW + sec * 1000);
const stored = (more: Partial<Validators> = {}): Validators => ({
  entityTag: '"a"',
  lastModified: at(-3000),
  lastModifiedMs: NOW - 3_000_000,
  dateMs: NOW,
  ...more,
});
const NO_DATE = { lastModified: '', lastModifiedMs: Number.NaN };
const verdict = (lines: readonly string[], more: Partial<Validators> = {}): ConditionVerdict =>
  judgeConditions(parsed('GET / HTTP/1.1', 'Host: h', ...lines), stored(more));

const ROWS: readonly (readonly [why: string, lines: readonly string[], expected: ConditionVerdict, more?: Partial<Validators>])[] = [
  ['no condition', [], 'proceed'],
  ['13.1.2: a tag that is there', ['If-None-Match: "a"'], 'not-modified'],
  ['13.1.2: another tag', ['If-None-Match: "b"'], 'proceed'],
  ['13.1.2: weak comparison', ['If-None-Match: W/"a"'], 'not-modified'],
  ['13.1.2: weak comparison, weak stored', ['If-None-Match: "a"'], 'not-modified', { entityTag: 'W/"a"' }],
  ['13.1.2: any', ['If-None-Match: *'], 'not-modified'],
  ['13.1.2: any, of a response without tag', ['If-None-Match: *'], 'not-modified', { entityTag: '' }],
  ['13.1.2: one of a list', ['If-None-Match: "1234", "a", "5678"'], 'not-modified'],
  ['13.1.2: in another line', ['If-None-Match: "1234"', 'If-None-Match: "a"'], 'not-modified'],
  ['13.1.2: a tag, and none stored', ['If-None-Match: "a"'], 'proceed', { entityTag: '' }],
  ['13.2.2 step 3: If-None-Match before If-Modified-Since', ['If-None-Match: "b"', `If-Modified-Since: ${at(0)}`], 'proceed'],
  ['13.2.2 step 3: the other way round', ['If-None-Match: "a"', `If-Modified-Since: ${at(-9000)}`], 'not-modified'],
  ['13.1.3: the same date', [`If-Modified-Since: ${at(-3000)}`], 'not-modified'],
  ['13.1.3: a later date', [`If-Modified-Since: ${at(-2000)}`], 'not-modified'],
  ['13.1.3: an earlier date', [`If-Modified-Since: ${at(-4000)}`], 'proceed'],
  ['13.1.3: what is no date is ignored', ['If-Modified-Since: yesterday'], 'proceed'],
  ['13.1.3: the obsolete form', ['If-Modified-Since: Wednesday, 25-Nov-26 12:00:00 GMT'], 'not-modified'],
  ['RFC 9111 4.3.2: without Last-Modified the Date counts', [`If-Modified-Since: ${at(0)}`], 'not-modified', NO_DATE],
  ['RFC 9111 4.3.2: and an earlier one does not', [`If-Modified-Since: ${at(-1)}`], 'proceed', NO_DATE],
  ['13.1.1: If-Match that holds', ['If-Match: "a"'], 'proceed'],
  ['13.1.1: any', ['If-Match: *'], 'proceed'],
  ['13.1.1: strong comparison', ['If-Match: W/"a"'], 'origin', { entityTag: 'W/"a"' }],
  ['13.1.1: If-Match that does not hold is for the origin', ['If-Match: "b"'], 'origin'],
  ['13.1.4: unmodified since then', [`If-Unmodified-Since: ${at(-3000)}`], 'proceed'],
  ['13.1.4: modified since then is for the origin', [`If-Unmodified-Since: ${at(-3001)}`], 'origin'],
  ['13.1.4: what is no date is ignored', ['If-Unmodified-Since: x'], 'proceed'],
  ['13.2.2 step 2: If-Match before If-Unmodified-Since', ['If-Match: "a"', `If-Unmodified-Since: ${at(-9000)}`], 'proceed'],
  ['13.2.2: If-Match and then If-None-Match', ['If-Match: "a"', 'If-None-Match: "a"'], 'not-modified'],
];

test('preconditions in the order of RFC 9110 13.2.2', () => {
  for (const [why, lines, expected, more] of ROWS) assert.equal(verdict(lines, more), expected, why);
});

test('If-Range honours the range only for this very representation (RFC 9110 13.1.5)', () => {
  assert.equal(isRangeCurrent(undefined, stored()), true);
  assert.equal(isRangeCurrent('"a"', stored()), true);
  assert.equal(isRangeCurrent('"b"', stored()), false);
  assert.equal(isRangeCurrent('W/"a"', stored({ entityTag: 'W/"a"' })), false, 'a weak tag is no use');
  assert.equal(isRangeCurrent(at(-3000), stored()), true);
  assert.equal(isRangeCurrent(at(-2000), stored()), false, 'a date must be the same, a later one does not do');
  assert.equal(
    isRangeCurrent(at(0), stored({ lastModified: at(0), lastModifiedMs: NOW })),
    false,
    '8.8.2.2: it may have changed twice in that second',
  );
  assert.equal(isRangeCurrent('', stored(NO_DATE)), false);
  assert.equal(isStrongDate(stored()), true);
});

test('entity tags are compared strongly and weakly as the table of RFC 9110 8.8.3.2 has it', () => {
  const table: readonly (readonly [a: string, b: string, strong: boolean, weak: boolean])[] = [
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
  ];
  for (const [a, b, strong, weak] of table) assert.deepEqual([isStrongMatch(a, b), isWeakMatch(a, b)], [strong, weak], `${a} ${b}`);
  assert.deepEqual(['""', '"a"', 'a', '"', 'w/"a"', '"a"b"', ''].map(isStrongTag), [true, true, false, false, false, false, false]);
});

test('a list of tags is read with commas in tags, empty members and tags without quotes', () => {
  const has = (list: string, tag: string): boolean => listHasTag(list, tag, isWeakMatch);
  assert.equal(has('"a,b", "c"', '"a,b"'), true);
  assert.equal(has('"a,b"', '"b"'), false);
  assert.equal(has(' , ,"a"', '"a"'), true);
  assert.equal(has('a, b', 'b'), true);
  assert.equal(has('abcdef', '"abcdef"'), false);
  assert.equal(has('"a', '"a'), true);
  assert.equal(has('w/"a"', 'w/"a"'), true);
  assert.equal(has('"*"', '"a"'), false);
  assert.equal(has('', '"a"'), false);
});
