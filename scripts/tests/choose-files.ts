import { globSync } from 'node:fs';
import { ROOT } from '../pinned-node.ts';

/** Test files whose path holds one of the words, or all; those called …-long only when a word has `-long` in it. */
export function chooseFiles(words: readonly string[]): readonly string[] {
  const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort();
  const wantsLong = words.some((word) => word.includes('-long'));
  const eligible = wantsLong ? all : all.filter((file) => !file.includes('-long'));
  return words.length === 0 ? eligible : eligible.filter((file) => words.some((word) => file.includes(word)));
}
