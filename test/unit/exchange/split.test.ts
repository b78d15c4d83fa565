import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SplitPart } from '../../../src/config/balance-types.ts';
import { Split, type SplitFacts, upstreamLine } from '../../../src/exchange/split.ts';

const part = (upstream: string, weight: number, when: SplitPart['when'] = []): SplitPart => ({
  upstream,
  weight,
  when,
  holdOn: 'never',
  timeoutMs: 0,
});
const splitOf = (parts: readonly SplitPart[]) =>
  new Split(
    parts,
    parts.map(({ upstream }) => ({ upstreamName: upstream })),
  );

const asking = (fields: Readonly<Record<string, string>> = {}): SplitFacts => ({
  facts: { field: (name) => fields[name] },
  refreshOf: null,
});
const PLAIN = asking();

test('every run as long as the sum of the weights has its exact parts, also after they have been changed', () => {
  const weights = fc.array(fc.nat(6), { minLength: 3, maxLength: 3 }).filter((list) => list.some((weight) => weight > 0));
  fc.assert(
    fc.property(weights, weights, (first, second) => {
      const split = splitOf(first.map((weight, at) => part(`u${at}`, weight)));
      for (const now of [first, second]) {
        split.setWeights(now);
        const sum = now.reduce((total, weight) => total + weight, 0);
        const names = Array.from({ length: sum * 2 }, () => split.choose(PLAIN).upstreamName);
        for (const [at, weight] of now.entries()) assert.equal(names.filter((name) => name === `u${at}`).length, weight * 2);
      }
    }),
  );
});

test('the first part that is asked for has the request, and takes no turn of the others for it', () => {
  const lane = { on: 'cookie', name: 'Lane', match: { kind: 'present' } } as const;
  const canary = { on: 'header', name: 'x-canary', match: { kind: 'regex', source: '^[1-9]$' } } as const;
  const split = splitOf([part('a', 1), part('b', 1, [canary]), part('c', 0, [canary, lane])]);
  const names: string[] = [];
  for (const fields of [{}, { 'x-canary': '1' }, { cookie: 'Lane=' }, {}, { 'x-canary': '0', cookie: 'lane=1' }, {}])
    names.push(split.choose(asking(fields)).upstreamName);
  assert.deepEqual(names, ['a', 'b', 'c', 'b', 'a', 'b']);
});

test('what is to be refreshed goes to the part that is in its key, also where one name begins like another', () => {
  const split = splitOf([part('a', 5), part('ab', 0), part('größer', 0)]);
  for (const upstream of ['a', 'ab', 'größer']) {
    for (const rest of ['', '\nx-chosen=a']) {
      const key = `route\nG\nhttp://h/x\n${upstreamLine(upstream)}${rest}`;
      assert.equal(split.choose({ ...PLAIN, refreshOf: { object: { key } } } as SplitFacts).upstreamName, upstream);
    }
  }
  const gone = { ...PLAIN, refreshOf: { object: { key: `route\nG\nhttp://h/x\n${upstreamLine('gone')}` } } } as SplitFacts;
  assert.equal(split.choose(gone).upstreamName, 'a', 'one that is gone');
});
