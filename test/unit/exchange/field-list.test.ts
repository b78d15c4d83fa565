import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldList } from '../../../src/exchange/field-list.ts';

const BLOCK = 'Host: a\r\nX-One: 1\r\nx-two: 2\r\nX-ONE:  1b \r\n';
const RESERVED = [
  'Connection',
  'Content-Length',
  'Expect',
  'Host',
  'Keep-Alive',
  'Proxy-Connection',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
];

test('fields keep their order and their case, and are found without case', () => {
  const fields = new FieldList(BLOCK);
  assert.deepEqual(fields.entries(), [
    ['Host', 'a'],
    ['X-One', '1'],
    ['x-two', '2'],
    ['X-ONE', '1b'],
  ]);
  assert.equal(fields.get('x-one'), '1, 1b');
  assert.deepEqual(fields.getAll('X-One'), ['1', '1b']);
  assert.equal(fields.get('none'), undefined);
  assert.deepEqual([fields.has('X-TWO'), fields.has('x-three')], [true, false]);
  assert.equal(fields.isChanged, false);
});

test('set replaces all lines of a name, append adds one, delete takes all', () => {
  const fields = new FieldList(BLOCK);
  fields.set('x-one', 'new');
  fields.append('X-Two', 'more');
  assert.equal(fields.toBlock(), 'Host: a\r\nx-two: 2\r\nx-one: new\r\nX-Two: more\r\n');
  fields.delete('X-TWO');
  assert.equal(fields.toBlock(), 'Host: a\r\nx-one: new\r\n');
  assert.equal(fields.isChanged, true);
});

test('fields of the framing and of the connection cannot be touched, in any case', () => {
  const fields = new FieldList('Content-Length: 5\r\n');
  for (const name of RESERVED.flatMap((name) => [name, name.toLowerCase(), name.toUpperCase()])) {
    assert.throws(() => fields.set(name, '1'), TypeError, name);
    assert.throws(() => fields.append(name, '1'), TypeError, name);
    assert.throws(() => fields.delete(name), TypeError, name);
  }
  assert.equal(fields.toBlock(), 'Content-Length: 5\r\n');
  assert.equal(fields.isChanged, false);
});

test('names and values that would make another head are refused', () => {
  const fields = new FieldList('');
  for (const name of ['', 'a b', 'a:', 'a\r\nb', 'ä', 'x\0']) assert.throws(() => fields.set(name, '1'), TypeError, name);
  for (const value of ['a\r\nB: c', 'a\nb', 'a\rb', 'a\0b', '\u0100', '\x7f']) {
    assert.throws(() => fields.set('x', value), TypeError, JSON.stringify(value));
  }
  assert.equal(fields.toBlock(), '');
});

test('only blanks are taken off a value: bytes of UTF-8 that look like spaces stay', () => {
  const utf8 = Buffer.from('voilà', 'utf8').toString('latin1');
  assert.ok(utf8.endsWith('\xa0'));
  const fields = new FieldList(`X-A: ${utf8}\r\n`);
  assert.equal(fields.get('x-a'), utf8);
  fields.set('x-b', `\t ${utf8} \t`);
  assert.equal(fields.toBlock(), `X-A: ${utf8}\r\nx-b: ${utf8}\r\n`);
});

test('any block of fields comes out as it went in', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9-]{1,8}$/);
  const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,8}[\x21-\x7e\x80-\xff])?)?$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      const block = pairs.map(([field, text]) => `${field}: ${text}\r\n`).join('');
      assert.equal(new FieldList(block).toBlock(), block);
    }),
  );
});
