import assert from 'node:assert/strict';
import { test } from 'node:test';
import { portOf } from '../../../src/http/authority.ts';
import { fieldValue, hasToken, removeFromBlock, setInBlock, valueInBlock } from '../../../src/http/fields.ts';
import * as known from '../../../src/http/known-fields.ts';
import { REFUSALS } from '../../../src/http/refusal.ts';
import { isFieldValue, isToken } from '../../../src/http/tokens.ts';
import { parsed } from './heads.ts';

test('the value of a field, in any case, joined where it is repeated', () => {
  const head = parsed('GET / HTTP/1.1', 'Host: h', 'X-A: 1', 'x-a:2 ', 'X-AB: 3', 'X-B:');
  assert.deepEqual(
    ['x-a', 'x-ab', 'x-b', 'x-c', 'host'].map((name) => fieldValue(head, name)),
    ['1, 2', '3', '', undefined, 'h'],
  );
});

test('tokens are found in a list', () => {
  const found = ['close', 'a, Close', ' close ,b', 'a,\tclose', 'closed', 'a close', '', ',,'].map((value) => hasToken(value, 'close'));
  assert.deepEqual(found, [true, true, true, true, false, false, false, false]);
});

test('a block is edited line by line', () => {
  const block = 'A: 1\r\nAB: 2\r\na: 3\r\n';
  assert.equal(removeFromBlock(block, 'a'), 'AB: 2\r\n');
  assert.equal(removeFromBlock(block, 'x'), block);
  assert.equal(setInBlock(block, 'A', '9'), 'AB: 2\r\nA: 9\r\n');
  assert.deepEqual(
    ['a', 'ab', 'x'].map((name) => valueInBlock(block, name)),
    ['1, 3', '2', undefined],
  );
});

test('tokens and field values of RFC 9110 5.6.2 and 5.5', () => {
  assert.deepEqual(['a', "!#$%&'*+-.^_`|~09AZaz", '', 'a b', 'a:', '\xe9', 'a\n'].map(isToken), [
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
  assert.deepEqual(['', 'a b\tc', '\xe9', ' a', 'a ', 'a\r\nb', '\0', '\u0101'].map(isFieldValue), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});

/** Kinds of several names, or of none. */
const NAMELESS = new Set(['FIELD_OTHER', 'FIELD_KINDS', 'FIELD_LOOKALIKE', 'FIELD_X_FORWARDED_OTHER', 'FIELD_CACHE_WISH']);

test('every field that has a kind is known by its name in any case, and by no other of its length', () => {
  const oneSided: Record<string, 'request' | 'response'> = { TE: 'request' };
  for (const [constant, kind] of Object.entries(known)) {
    if (typeof kind !== 'number' || NAMELESS.has(constant)) continue;
    const name = constant.slice('FIELD_'.length).replaceAll('_', '-');
    const kinds = [name, name.toLowerCase()].flatMap((text) => [
      known.knownRequestField(text, 0, text.length),
      known.knownResponseField(text, 0, text.length),
    ]);
    assert.ok(kinds.includes(kind), name);
    assert.ok(
      kinds.every((each) => each === kind || each === known.FIELD_OTHER),
      name,
    );
    assert.ok(
      known.knownRequestField(`${name.slice(0, -1)}~`, 0, name.length) in { [known.FIELD_OTHER]: 1, [known.FIELD_X_FORWARDED_OTHER]: 1 },
      oneSided[name] ?? name,
    );
  }
  assert.equal(known.knownRequestField('X-Forwarded-Prefix', 0, 18), known.FIELD_X_FORWARDED_OTHER);
});

test('the kinds of requests fit into the bits of one number', () => {
  for (const [constant, kind] of Object.entries(known)) {
    if (typeof kind === 'number' && known.knownRequestField(constant.slice(6).replaceAll('_', '-'), 0, constant.length - 6) === kind)
      assert.ok(kind < 32, constant);
  }
});

test('the port of an authority', () => {
  assert.deepEqual(
    ['h', 'h:80', '[::1]', '[::1]:80'].map((a) => portOf(a)),
    [-1, 80, -1, 80],
  );
});

test('every refusal has an answer of the 4xx or 5xx kind', () => {
  for (const [word, { status, title, detail }] of Object.entries(REFUSALS))
    assert.ok(status >= 400 && status < 600 && title !== '' && detail.endsWith('.'), word);
});
