import type { Expected, Kind, Row, Step } from './cache-row.ts';

const STORED = ['Cache-Control: max-age=5000', 'Last-Modified: @-3000', 'Date: @0'];
const varies = (on: string): readonly string[] => [...STORED, `Vary: ${on}`];
const one = (send: readonly string[], expect: Expected): Step => ({ send, expect });

/** An answer that varies on `on`, stored for one request and asked for with another. */
function vary(id: string, kind: Kind, on: string, requests: readonly [readonly string[], readonly string[]], expect: Expected): Row {
  return { id: `vary-${id}`, kind, steps: [{ send: requests[0], reply: varies(on) }, one(requests[1], expect)] };
}
const FOO = ['Foo: 1'];
const TWO = ['Foo: 1', 'Bar: abc'];
const THREE = ['Foo: 1', 'Bar: abc', 'Baz: 789'];
const ON_2 = 'Foo, Bar';
const ON_3 = 'Foo, Bar, Baz';
const lang = (value: string): readonly string[] => [`Accept-Language: ${value}`];

export const VARY: readonly Row[] = [
  vary('match', 'optimal', 'Foo', [FOO, FOO], 'cached'),
  vary('no-match', 'required', 'Foo', [FOO, ['Foo: 2']], 'not_cached'),
  vary('omit-stored', 'required', 'Foo', [[], FOO], 'not_cached'),
  vary('omit', 'required', 'Foo', [FOO, []], 'not_cached'),
  {
    id: 'vary-invalidate',
    kind: 'optimal',
    steps: [
      { send: FOO, reply: varies('Foo'), content: 'foo one' },
      { send: ['Foo: 2'], reply: varies('Foo'), content: 'foo two', expect: 'not_cached' },
      { send: FOO, content: 'foo one', expect: 'cached' },
    ],
  },
  vary(
    'cache-key',
    'optimal',
    'Foo',
    [
      [...FOO, 'Other: 2'],
      [...FOO, 'Other: 3'],
    ],
    'cached',
  ),
  vary('2-match', 'optimal', ON_2, [TWO, TWO], 'cached'),
  vary('2-no-match', 'required', ON_2, [TWO, ['Foo: 2', 'Bar: abc']], 'not_cached'),
  vary('2-match-omit', 'required', ON_2, [TWO, []], 'not_cached'),
  vary('3-match', 'optimal', ON_3, [THREE, THREE], 'cached'),
  vary('3-no-match', 'required', ON_3, [THREE, ['Foo: 2', 'Bar: abc', 'Baz: 789']], 'not_cached'),
  vary('3-order', 'required', ON_3, [THREE, ['Foo: 1', 'Baz: 789', 'Bar: abcde']], 'not_cached'),
  vary(
    '3-omit',
    'optimal',
    ON_3,
    [
      ['Foo: 1', 'Baz: 789'],
      ['Foo: 1', 'Baz: 789'],
    ],
    'cached',
  ),
  vary(
    'star',
    'required',
    '*',
    [
      ['Foo: 1', 'Baz: 789'],
      ['Foo: 1', 'Baz: 789'],
    ],
    'not_cached',
  ),
  vary('normalise-combine', 'optimal', 'Foo', [['Foo: 1, 2'], ['Foo: 1', 'Foo: 2']], 'cached'),
  vary('normalise-lang-order', 'optimal', 'Accept-Language', [lang('en, de'), lang('de, en')], 'cached'),
  vary('normalise-lang-case', 'optimal', 'Accept-Language', [lang('en, de'), lang('eN, De')], 'cached'),
  vary('normalise-lang-space', 'optimal', 'Accept-Language', [lang('en, de'), lang(' en ,   de')], 'cached'),
  {
    id: 'vary-normalise-lang-select',
    kind: 'optimal',
    steps: [
      { send: lang('en, de'), reply: [...varies('Accept-Language'), 'Content-Language: de'] },
      one(lang('fr;q=0.5, de;q=1.0'), 'cached'),
    ],
  },
  vary('normalise-space', 'optimal', 'Foo', [['Foo: 1,2'], ['Foo:  1, 2 ']], 'cached'),
];

const BOTH = ['Foo: 1', 'Baz: 789'];
const syntax = (id: string, ...lines: readonly string[]): Row => ({
  id: `vary-syntax-${id}`,
  kind: 'required',
  steps: [{ send: BOTH, reply: [...STORED, ...lines.map((line) => `~Vary: ${line}`)] }, one(BOTH, 'not_cached')],
});

export const VARY_PARSE: readonly Row[] = [
  syntax('star', '*'),
  syntax('star-star', '*, *'),
  syntax('star-star-lines', '*', '*'),
  syntax('empty-star', ', *'),
  syntax('empty-star-lines', '', '*'),
  syntax('star-foo', '*, Foo'),
  syntax('foo-star', 'Foo, *'),
];
