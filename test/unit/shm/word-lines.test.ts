import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCounters } from '../../../src/shm/counters.ts';
import { createWordLines, LINE_WORDS, WordLines } from '../../../src/shm/word-lines.ts';

test('lines are zero at first, the same for all who open them, and begin on cache lines of their own', () => {
  const made = createWordLines(3);
  const opened = new WordLines(made.memory);
  assert.equal(opened.lines, 3);
  assert.deepEqual([...opened.words], new Array(3 * LINE_WORDS).fill(0));
  assert.equal(opened.words.byteOffset % 64, 0);
  Atomics.store(made.words, 2 * LINE_WORDS + 15, 7);
  assert.equal(opened.words[3 * LINE_WORDS - 1], 7);
  assert.throws(() => new WordLines(createCounters(1, 1).memory), /kind/);
});
