import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LinearRegex } from '../../../src/routing/linear-regex.ts';

const { source: sourceArbitrary } = fc.letrec<{ source: string }>((tie) => ({
  source: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '[a-c-]', '\\d', '\\W', '\\.', '1', '^', '$', '', '\\x61'),
    fc.tuple(tie('source'), tie('source')).map(([a, b]) => a + b),
    fc.tuple(tie('source'), tie('source')).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie('source'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0}', '{2,}', '*?')).map(([a, count]) => `(${a})${count}`),
  ),
}));

test("an expression matches what JavaScript's own matches", () => {
  fc.assert(
    fc.property(
      sourceArbitrary,
      fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', '.', '-', '\n'), maxLength: 8 }), { minLength: 5 }),
      (source, texts) => {
        const [own, reference] = [new LinearRegex(source), new RegExp(source)];
        for (const text of texts) assert.equal(own.test(text), reference.test(text), JSON.stringify(text));
      },
    ),
    { numRuns: 5000 },
  );
});

test('an expression that backtracks for ever elsewhere takes no time', () => {
  const startMs = performance.now();
  for (const source of ['^(a+)+$', '^(a|a)*$', '^(a|aa)+$', '^(.*a){20}$', '(x+x+)+y'])
    assert.ok(!new LinearRegex(source).test(`${'a'.repeat(1000)}!`));
  assert.ok(performance.now() - startMs < 2000);
});

test('a character above ASCII is its UTF-8 bytes', () => {
  assert.ok(new LinearRegex('^\u00e9+$').test('\xc3\xa9\xc3\xa9'));
  assert.ok(!new LinearRegex('^\u00e9$').test('\xc3'));
});

const BAD_ROWS: readonly (readonly [source: string, message: RegExp])[] = [
  ['a(', /\( without \) \(at its character 3\)/],
  ['a)', /\) without \( \(at its character 2\)/],
  ['[a', /\[ without \]/],
  ['[b-a]', /a range/],
  ['*a', /\* has nothing/],
  ['a**', /\* has nothing/],
  ['a{2,1}', /a count/],
  ['a{500}', /a count/],
  ['(?=a)', /looking ahead/],
  ['(a)\\1', /\\1 is not to be had/],
  ['\\b', /\\b is not to be had/],
  ['\\', /is not to be had/],
  ['\\xg', /two hexadecimal/],
  ['((a{200}){200}){200}', /too large/],
  [`${'('.repeat(60)}a${')'.repeat(60)}`, /nested too deep/],
  ['[\u00e9]', /above ASCII/],
];
for (const [source, message] of BAD_ROWS) {
  test(`the expression ${source.slice(0, 24)} is refused with its place`, () => {
    assert.throws(() => new LinearRegex(source), message);
  });
}
