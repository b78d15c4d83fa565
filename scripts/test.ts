/**
 * Runs the tests on the pinned Node: all of them, or those whose path holds one of the words given.
 *
 *   npm test                         everything but files called …-long
 *   npm test -- routing              files with `routing` in their path
 *   npm test -- --test-name-pattern='a stale entry'
 *   npm test -- --repeat=20          again and again, also after a failure; a table of runs and failures at the end
 *   npm test -- --repeat=20 --out=perf-reports/NAME
 *
 * Other words that begin with `-` go to `node`. Files called …-long run only when a word has `-long` in it.
 */
import { chooseFiles } from './tests/choose-files.ts';
import { repeatSuite } from './tests/repeat.ts';
import { runSuite } from './tests/suite.ts';
import { readWords } from './tests/words.ts';

const { chosen, passed, valueOfFlag } = readWords(['repeat', 'out']);
const files = chooseFiles(chosen);
const options = { files, flags: passed };
const times = valueOfFlag('repeat');
if (files.length === 0) {
  console.error('no test file matches');
  process.exitCode = 1;
} else if (times !== undefined) {
  await repeatSuite({ ...options, times: Number(times), out: valueOfFlag('out') });
} else {
  const { failures, tookMs, tests } = await runSuite(options);
  console.log(`\n${tests} tests in ${files.length} files, ${failures.length} failed, ${(tookMs / 1000).toFixed(0)} s`);
  for (const failure of failures) console.log(`  ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
}
