import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { assert as invariant } from '../../../src/base/assert.ts';
import { LoopClock } from '../../../src/base/clock.ts';
import { copied } from '../../../src/base/copied.ts';
import { detach } from '../../../src/base/detach.ts';
import { never } from '../../../src/base/never.ts';

test('an invariant that is broken stops the programme and names itself', () => {
  invariant(true, 'holds');
  assert.throws(() => invariant(false, 'two is three'), /^Error: invariant broken: two is three$/);
});

test('a case that no one expected is named', () => {
  assert.throws(() => never('odd' as never, 'decide'), /^Error: decide: unexpected odd$/);
});

test('the clock stands still between refreshes and never goes back', async () => {
  const clock = new LoopClock();
  const first = clock.nowMs;
  await new Promise((resolve) => setTimeout(resolve, 2));
  assert.equal(clock.nowMs, first);
  assert.ok(clock.refresh() > first);
  assert.ok(clock.nowMs > first);
});

test('the failure of a promise that is let go is told with its place; success is not', async () => {
  const told: unknown[] = [];
  const report = (where: string, error: unknown): void => void told.push([where, error]);
  detach(Promise.resolve(1), 'good', report);
  detach(Promise.reject('why'), 'bad', report);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, [['bad', 'why']]);
});

test('a word that is remembered beyond its request does not keep the whole head', () => {
  const words: string[] = [];
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 2000; i++) words.push(copied(`${i}${'h\xe9ad '.repeat(8000)}`.slice(0, 40)));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  assert.equal(words[7]?.slice(0, 7), '7h\xe9ad h');
  const grownBytes = process.memoryUsage().heapUsed - before;
  assert.ok(grownBytes < 4_000_000, `${grownBytes} bytes for ${words.length} words`);
});
