import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LimitHash } from '../../../src/policy/limit-hash.ts';

const SEED = Uint8Array.from({ length: 16 }, (_, i) => i);

function wordsOf(hash: LimitHash, identity: string, text: string): string {
  hash.aim(identity, text);
  return `${hash.low} ${hash.high}`;
}

test('the place of a key depends on rule and text alone, not on what was asked before', () => {
  const used = new LimitHash(SEED);
  const text = fc.string({ unit: 'binary-ascii', maxLength: 40 });
  fc.assert(
    fc.property(text, text, (identity, key) => {
      assert.equal(wordsOf(used, identity, key), wordsOf(new LimitHash(SEED), identity, key));
    }),
  );
});

test('rules and keys do not meet: ten thousand of each have places of their own, under one seed and another', () => {
  const hash = new LimitHash(SEED);
  const seen = new Set<string>();
  for (let i = 0; i < 100; i++) for (let j = 0; j < 100; j++) seen.add(wordsOf(hash, `rule-${i}`, `key-${j}`));
  for (let i = 0; i < 100; i++) seen.add(wordsOf(hash, `key-${i}`, `rule-${i}`));
  for (let i = 0; i < 100; i++) seen.add(wordsOf(hash, `same-${i}`, `same-${i}`));
  const other = new LimitHash(SEED.map((byte) => byte + 1));
  for (let i = 0; i < 100; i++) seen.add(wordsOf(other, `rule-${i}`, 'key-0'));
  assert.equal(seen.size, 10_300);
});
