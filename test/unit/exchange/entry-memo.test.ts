import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntryMemo } from '../../../src/exchange/entry-memo.ts';
import type { StoredEntry } from '../../../src/exchange/stored-entry.ts';

function entryOf(head: string, tags: readonly string[] = []): StoredEntry {
  return { object: { key: 'k', meta: head }, meta: { vary: [], tags, groups: [] } } as unknown as StoredEntry;
}

function foundOf(memo: EntryMemo<number>, count: number): number {
  let found = 0;
  for (let i = 0; i < count; i++) if (memo.get(i) !== undefined) found++;
  return found;
}

test('what is asked for again and again is remembered over many others', () => {
  const memo = new EntryMemo<number>();
  const hot = entryOf('hot');
  memo.set(-1, hot);
  for (let i = 0; i < 20_000; i++) {
    memo.set(i, entryOf('head'));
    assert.equal(memo.get(-1), hot);
  }
  assert.equal(memo.get(0), undefined);
});

test('of entries with usual heads thousands are remembered, of those with huge heads or many tags few', () => {
  const usual = new EntryMemo<number>();
  for (let i = 0; i < 4000; i++) usual.set(i, entryOf('h'.repeat(700)));
  assert.ok(foundOf(usual, 4000) >= 2000);
  for (const huge of [
    entryOf('h'.repeat(50_000)),
    entryOf(
      'h'.repeat(6000),
      Array.from({ length: 3000 }, (_, i) => `${i}`),
    ),
  ]) {
    const memo = new EntryMemo<number>();
    for (let i = 0; i < 4000; i++) memo.set(i, huge);
    for (let i = 0; i < 4000; i++) memo.set(3999, huge);
    const found = foundOf(memo, 4000);
    assert.ok(found > 100 && found < 700, `${found} are remembered`);
  }
});
