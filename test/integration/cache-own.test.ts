import { test } from 'node:test';
import { DEFAULT_ROWS } from './cache-rows-own.ts';
import { INVALIDATION_ROWS, TOLD_ROWS } from './cache-rows-told.ts';
import { openSubject, testRows } from './cached-front.ts';

test('rules that the public suite lacks', { concurrency: true }, async (t) => {
  await testRows(t, await openSubject(t), [...DEFAULT_ROWS, ...INVALIDATION_ROWS]);
});

test('cache settings', { concurrency: true }, async (t) => {
  const run = async ({ name, cache, rows }: (typeof TOLD_ROWS)[number]): Promise<void> => {
    await t.test(name, { concurrency: true }, async (t) => {
      await testRows(t, await openSubject(t, { cache }), rows);
    });
  };
  await Promise.all(TOLD_ROWS.map(run));
});
