import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RouteConfig, ValueMatch } from '../../../src/config/types.ts';
import { checkRoutes } from '../../../src/routing/check-routes.ts';
import { queryValue } from '../../../src/routing/query-value.ts';
import { Condition, MAX_REGEX_INPUT, valueHolds } from '../../../src/routing/value-match.ts';

test('the first value of a query parameter is found as a form wrote it', () => {
  const rows: readonly (readonly [query: string, name: string, value: string | undefined])[] = [
    ['', 'a', undefined],
    ['?', 'a', undefined],
    ['?a', 'a', ''],
    ['?a=', 'a', ''],
    ['?b=1&a=2&a=3', 'a', '2'],
    ['?aa=1&a=2', 'a', '2'],
    ['?a=b=c', 'a', 'b=c'],
    ['?%61=1+2%2B', 'a', '1 2+'],
    ['?a=%zz%4', 'a', '%zz%4'],
    ['?&&a=1', 'a', '1'],
    ['?b&a=1', 'b', ''],
    ['?a+b=1', 'a b', '1'],
    ['?a%2Bb=1', 'a+b', '1'],
    ['?a+b=1', 'a+b', undefined],
    ['?a=%C3%A9', 'a', '\xc3\xa9'],
  ];
  for (const [query, name, value] of rows) assert.equal(queryValue(query, name), value, `${query} ${name}`);
});

test('a query parameter is read as URLSearchParams reads it', () => {
  const text = fc.string({ unit: fc.constantFrom('x', 'y', '=', '&', '+', '%58', '%2B', '%'), maxLength: 12 });
  fc.assert(
    fc.property(text, fc.constantFrom('x', 'y', 'X', 'xy', 'x y', 'x+y', 'x%', '%'), (query, name) => {
      assert.equal(queryValue(`?${query}`, name), new URLSearchParams(query).get(name) ?? undefined);
    }),
    { numRuns: 20_000 },
  );
});

test('a value above ASCII is compared by its UTF-8 bytes', () => {
  assert.ok(valueHolds(new Condition('header', 'X', { kind: 'exact', value: '\u00e9' }), '\xc3\xa9'));
  assert.ok(valueHolds(new Condition('query', 'x', { kind: 'prefix', value: '\u20ac' }), '\xe2\x82\xac5'));
});

test('a value too long for a regular expression does not match it', () => {
  const condition = new Condition('header', 'x', { kind: 'regex', source: 'a' });
  assert.ok(valueHolds(condition, 'a'.repeat(MAX_REGEX_INPUT)));
  assert.ok(!valueHolds(condition, 'a'.repeat(MAX_REGEX_INPUT + 1)));
});

const NONE = { set: [], remove: [], allow: undefined } as const;
const config = (path: string, more: Partial<RouteConfig> = {}, header?: ValueMatch): RouteConfig => ({
  name: path,
  match: { host: undefined, path, methods: [], headers: header === undefined ? [] : [{ name: 'x', match: header }], query: [] },
  priority: 0,
  fallback: undefined,
  action: { kind: 'upstream', upstream: 'u' },
  stripPrefix: false,
  rewritePath: undefined,
  shedPriority: 'normal',
  mirror: undefined,
  faults: [],
  requestFields: NONE,
  responseFields: NONE,
  redirects: 'keep',
  maxBodyBytes: 0,
  timeoutMs: 0,
  filters: [],
  cache: undefined,
  collapse: undefined,
  dedupe: undefined,
  limits: [],
  tiers: undefined,
  limitFields: 'draft',
  line: 5,
  ...more,
});

test('at load every wrong route is told with its place, and shadowed ones only when all are right', () => {
  const wrong = checkRoutes([
    config('/a/b*'),
    config('/a/*'),
    config('/a/*', { rewritePath: '/{no}' }),
    config('/x', {}, { kind: 'regex', source: '(' }),
  ]);
  assert.deepEqual(
    wrong.problems.map(({ line, path }) => [line, path]),
    [
      [5, 'routes[0].match.path'],
      [5, 'routes[2].rewrite'],
      [5, 'routes[3].match.headers.x'],
    ],
  );
  assert.match(wrong.problems[0]?.message ?? '', /at its character 5/);
  assert.deepEqual(wrong.warnings, []);
  const warned = checkRoutes([config('/a/*'), config('/a/*')]);
  assert.deepEqual(warned.problems, []);
  assert.deepEqual(
    warned.warnings.map(({ path, message }) => [path, message]),
    [['routes[1]', 'route /a/* matches the same requests as /a/* (line 5), which has them']],
  );
});
