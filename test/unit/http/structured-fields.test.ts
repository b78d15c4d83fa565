import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memberName, parseDictionary, parseStringList, parseStructuredList } from '../../../src/http/structured-fields.ts';

test('dictionaries, RFC 9651 section 4.2.2', () => {
  const of = (text: string): object | undefined => {
    const members = parseDictionary(text);
    return members === undefined ? undefined : Object.fromEntries(members);
  };
  assert.deepEqual(of('a=1, b="x;y", c=tok/en:1, d, e=?0, f=(1 "b";x=2 );y'), {
    a: { kind: 'integer', value: 1 },
    b: { kind: 'string', value: 'x;y' },
    c: { kind: 'token', value: 'tok/en:1' },
    d: { kind: 'boolean', value: true },
    e: { kind: 'boolean', value: false },
    f: {
      kind: 'inner-list',
      items: [
        { kind: 'integer', value: 1 },
        { kind: 'string', value: 'b' },
      ],
    },
  });
  assert.deepEqual(of(''), {});
  assert.deepEqual(of('  a  '), { a: { kind: 'boolean', value: true } });
  assert.deepEqual(of('a=-1.5;p=1;*q'), { a: { kind: 'decimal', value: -1.5 } });
  assert.deepEqual(of('a=:YQ==:, b=@1659578233, c=%"f%c3%bc"'), {
    a: { kind: 'other', value: ':YQ==:' },
    b: { kind: 'other', value: '@1659578233' },
    c: { kind: 'other', value: '%"f%c3%bc"' },
  });
  assert.deepEqual(of('a="\\"\\\\"'), { a: { kind: 'string', value: '"\\' } });
  for (const wrong of [
    'A=1',
    'a=1,',
    'a=1,,b',
    'a =1',
    'a= 1',
    'a=1 b',
    'a="x',
    'a="\\x"',
    'a="\xe9"',
    'a=(1',
    'a=(1"b")',
    'a=1;',
    'a=1;B',
  ]) {
    assert.equal(of(wrong), undefined, wrong);
  }
  for (const wrong of [
    'a=?2',
    'a=1234567890123456',
    'a=1.',
    'a=1.2345',
    'a=1234567890123.1',
    'a=:a',
    'a=@x',
    'a=%"%C3"',
    '=1',
    '1=1',
    'a=\t1',
  ]) {
    assert.equal(of(wrong), undefined, wrong);
  }
});

test('lists, and lists of strings alone', () => {
  assert.deepEqual(parseStructuredList('a, 1'), [
    { kind: 'token', value: 'a' },
    { kind: 'integer', value: 1 },
  ]);
  assert.deepEqual(parseStringList('"a", "b c";x=1,\t"d"'), ['a', 'b c', 'd']);
  assert.deepEqual(parseStringList(''), []);
  for (const wrong of ['a', '"a", b', '"a" "b"', '("a")', '"a",']) assert.equal(parseStringList(wrong), undefined, wrong);
});

test('strings come back as they were written', () => {
  const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  fc.assert(
    fc.property(fc.array(text), (strings) => {
      const written = strings.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(', ');
      assert.deepEqual(parseStringList(written), strings);
    }),
  );
});

test('any text is read without failing', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'aA1-.,; \t="\\?:@%()*\xe9\0') }), (text) => {
      parseDictionary(text);
      parseStructuredList(text);
    }),
  );
});

test('the name of a server as the member of a list is a token, or in quotes', () => {
  assert.equal(memberName('sluice'), 'sluice');
  assert.equal(memberName('cdn-1.example.com:80/x'), 'cdn-1.example.com:80/x');
  assert.equal(memberName('1st'), '"1st"');
  assert.equal(memberName('our "cache"'), '"our \\"cache\\""');
});
