import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cookieIn } from '../../../src/http/cookies.ts';

const rows: readonly (readonly [cookies: string, name: string, value: string | undefined])[] = [
  ['a=1', 'a', '1'],
  ['a=1; b=2', 'b', '2'],
  ['a=1;b=2 ;\tc=3 ', 'b', '2'],
  ['a=1;b=2 ;\tc=3 ', 'c', '3'],
  ['a=1, b=2', 'b', '2'],
  ['a=1; a=2', 'a', '1'],
  ['ab=1; b=2', 'b', '2'],
  ['b=a=1', 'a', undefined],
  ['b=a=1', 'b', 'a=1'],
  ['a=', 'a', ''],
  ['a', 'a', undefined],
  ['A=1', 'a', undefined],
  ['', 'a', undefined],
  [';;=; ,', 'a', undefined],
  ['a="x y"', 'a', '"x y"'],
];
for (const [cookies, name, value] of rows) {
  test(`${JSON.stringify(cookies)}: ${name} is ${JSON.stringify(value)}`, () => assert.equal(cookieIn(cookies, name), value));
}

test('the first of its name is found among any others', () => {
  const name = fc.stringMatching(/^[a-z]{1,4}$/);
  const pair = fc.tuple(name, fc.stringMatching(/^[!-+\--:<-~]{0,6}$/));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 6 }), name, (pairs, asked) => {
      const text = pairs.map(([key, value]) => `${key}=${value}`).join('; ');
      assert.equal(cookieIn(text, asked), pairs.find(([key]) => key === asked)?.[1]);
    }),
  );
});
