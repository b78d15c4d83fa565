import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type CapturedAnswer, type ComparedFields, compareAnswers, isJsonType } from '../../../../src/exchange/mirror/compare-answers.ts';
import { DifferenceBook } from '../../../../src/exchange/mirror/difference-book.ts';
import { jsonDifferences } from '../../../../src/exchange/mirror/json-differences.ts';
import { exampleRequest, exampleText } from '../../../../src/exchange/mirror/redact-example.ts';
import { judge } from '../../../../src/exchange/mirror/verdict.ts';

const ALL: ComparedFields = { only: [], ignored: [] };
const pathsOf = (left: unknown, right: unknown): readonly string[] => [...(jsonDifferences(left, right, 'body')?.keys() ?? ['too large'])];

function answer(body: string, change: Partial<Extract<CapturedAnswer, { kind: 'answer' }>> = {}): CapturedAnswer {
  const bytes = Buffer.from(body);
  return { kind: 'answer', status: 200, fields: {}, isJson: true, body: bytes, bodyBytes: bytes.length, ...change };
}

describe('two JSON documents', () => {
  const rows: readonly (readonly [string, unknown, unknown, readonly string[]])[] = [
    ['are the same whatever the order of names', { a: 1, b: 2 }, { b: 2, a: 1 }, []],
    ['differ in a value', { a: 1 }, { a: 2 }, ['body.a']],
    ['differ in a kind', { a: 1 }, { a: '1' }, ['body.a']],
    ['differ where one has null and the other an object', { a: null }, { a: {} }, ['body.a']],
    ['differ in a name that one has not', { a: { b: 1 } }, { a: {} }, ['body.a.b']],
    ['differ in a name that the other has more', {}, { a: undefined, b: 1 }, ['body.b']],
    ['differ in elements, whichever', [{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 3 }], ['body[].a']],
    ['differ in how many elements there are', { a: [1, 2] }, { a: [1] }, ['body.a.#']],
    ['differ as a whole', 1, 2, ['body']],
    ['differ in several', { a: 1, b: { c: [1] } }, { a: 2, b: { c: [2] } }, ['body.a', 'body.b.c[]']],
  ];
  for (const [what, left, right, paths] of rows) test(what, () => assert.deepEqual(pathsOf(left, right), paths));

  test('of any shape are the same as themselves, and a planted difference is found at its place', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.string(), (value, name) => {
        assert.deepEqual(pathsOf(value, structuredClone(value)), []);
        const [left, right] = [
          { rest: value, planted: { [name]: 1 } },
          { rest: structuredClone(value), planted: { [name]: 2 } },
        ];
        assert.deepEqual(pathsOf(left, right), [`body.planted.${name}`]);
      }),
    );
  });

  test('that are too deep or too large are not walked', () => {
    const deep = (leaf: number): unknown => JSON.parse(`${'['.repeat(100)}${leaf}${']'.repeat(100)}`);
    assert.deepEqual(pathsOf(deep(1), deep(2)), ['too large']);
    const wide = (from: number): unknown => Array.from({ length: 30_000 }, (_, i) => from + i);
    assert.deepEqual(pathsOf(wide(0), wide(1)), ['too large']);
  });
});

describe('two answers', () => {
  const differ = (left: CapturedAnswer, right: CapturedAnswer, fields = ALL): readonly string[] => [
    ...compareAnswers(left, right, fields).keys(),
  ];

  test('differ by outcome, by status alone, by fields, and by what is in their bodies', () => {
    const failure = { kind: 'failure', failure: 'reset' } as const;
    assert.deepEqual(differ(answer('1'), failure), ['outcome']);
    assert.deepEqual(differ(failure, failure), []);
    assert.deepEqual(differ(answer('{"a":1}'), answer('{"a":2}', { status: 500 })), ['status']);
    assert.deepEqual(differ(answer('1', { fields: { etag: 'a' } }), answer('1', { fields: { etag: undefined } })), ['header.etag']);
    assert.deepEqual(differ(answer('{"a":1, "b":2}'), answer('{"b":2,"a":3}')), ['body.a']);
    assert.deepEqual(differ(answer('{"a":1, "b":2}'), answer('{"b":2,"a":1}')), []);
  });

  test('are compared as bytes where they are no JSON, or not whole', () => {
    assert.deepEqual(differ(answer('a', { isJson: false }), answer('b', { isJson: false })), ['body']);
    assert.deepEqual(differ(answer('{"a":'), answer('{"b":')), ['body']);
    assert.deepEqual(differ(answer('{"a":1}', { bodyBytes: 90 }), answer('{"a":1}', { bodyBytes: 91 })), ['body']);
    assert.deepEqual(differ(answer('{"a":1}', { bodyBytes: 90 }), answer('{"a":1}', { bodyBytes: 90 })), []);
  });

  test('are compared in the fields that are asked for, but for those to be ignored', () => {
    const [left, right] = [answer('{"a":{"b":1,"c":[1]},"ab":1}'), answer('{"a":{"b":2,"c":[2]},"ab":2}')];
    assert.deepEqual(differ(left, right, { only: ['body.a'], ignored: [] }), ['body.a.b', 'body.a.c[]']);
    assert.deepEqual(differ(left, right, { only: [], ignored: ['body.a.c', 'body.ab'] }), ['body.a.b']);
  });

  test('are JSON by their type', () => {
    for (const type of ['application/json', 'application/JSON; charset=utf-8', 'application/problem+json']) assert.ok(isJsonType(type));
    for (const type of [undefined, 'text/json', 'application/jsonp', 'text/html']) assert.equal(isJsonType(type), false);
  });
});

describe('the verdict of a mirror', () => {
  const none = () => ({ request: '', live: '', shadow: '' });

  /** So many compared, and how often a field differed from the shadow and from itself. */
  const verdict = (compared: number, raw: number, noise: number, min = 100) => {
    const book = new DifferenceBook();
    for (let i = 0; i < compared; i += 1) book.add(i < raw ? ['body.a'] : [], i < noise ? ['body.a'] : [], none);
    return judge(book.read(), min).verdict;
  };

  test('is by what the live version does to itself', () => {
    assert.equal(verdict(99, 99, 0), 'not enough');
    assert.equal(verdict(1000, 0, 0), 'same');
    assert.equal(verdict(1000, 5, 0), 'differs', 'a planted difference');
    assert.equal(verdict(1000, 1000, 1000), 'same', 'a timestamp that always differs');
    assert.equal(verdict(1000, 500, 480), 'same', 'noise');
    assert.equal(verdict(1000, 90, 60), 'same', 'not more than a fifth beyond noise');
    assert.equal(verdict(1000, 91, 60), 'differs');
    assert.equal(verdict(1000, 60, 91), 'same', 'the shadow is the steadier one');
    assert.equal(verdict(10_000, 3, 0), 'same', 'too rare');
    assert.equal(verdict(10_000, 4, 0), 'differs');
  });

  test('names fields that differ first, with examples, bounded', () => {
    const book = new DifferenceBook();
    for (let i = 0; i < 30; i += 1)
      book.add(['body.a', 'body.t'], ['body.t'], (path) => ({ request: `GET /${i}`, live: path, shadow: '' }));
    const { fields } = judge(book.read(), 1);
    assert.deepEqual(
      fields.map(({ field, raw, noise, isDifferent }) => [field, raw, noise, isDifferent]),
      [
        ['body.a', 30, 0, true],
        ['body.t', 30, 30, false],
      ],
    );
    assert.equal(fields[0]!.examples.length, 10);
    for (let i = 0; i < 2000; i += 1) book.add([`body.${i}`], [], none);
    assert.equal(Object.keys(book.read().fields).length, 501);
  });

  test('adds up what several workers have seen', () => {
    const [one, two, all] = [new DifferenceBook(), new DifferenceBook(), new DifferenceBook()];
    for (let i = 0; i < 8; i += 1) one.add(['status'], [], none);
    for (let i = 0; i < 8; i += 1) two.add(['status'], ['status'], none);
    for (const book of [one, two]) all.merge(book.take()!);
    assert.equal(one.take(), undefined);
    assert.equal(all.compared, 16);
    const { raw, noise, examples } = all.read().fields['status']!;
    assert.deepEqual([raw, noise, examples.length], [16, 8, 10]);
  });
});

describe('an example of a difference', () => {
  test('shows no value whose name says that it is a secret', () => {
    assert.equal(exampleText('body.user.password', 'x'), '(redacted)');
    assert.equal(exampleText('header.set-cookie', 'x'), '(redacted)');
    assert.equal(exampleText('body.user', { name: 'a', accessToken: 'x' }), '{"name":"a","accessToken":"(redacted)"}');
    assert.equal(exampleText('body.price', 12), '12');
    assert.equal(exampleText('body.price', undefined), '(none)');
    assert.equal(exampleText('body.text', 'a'.repeat(500)).length, 201);
  });

  test('shows the request without secret parameters', () => {
    assert.equal(
      exampleRequest('GET', '/a?q=1&api_key=x&%74oken=y&k=z', ['k']),
      'GET /a?q=1&api_key=(redacted)&%74oken=(redacted)&k=(redacted)',
    );
    assert.equal(exampleRequest('GET', '/a?%zz=1', []), 'GET /a?%zz=1');
  });
});
