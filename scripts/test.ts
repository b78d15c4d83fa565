/**
 * Runs the tests on the pinned Node: all of them, or those whose path holds one of the words given.
 *
 *   npm test                         everything but files called …-long
 *   npm test -- routing              files with `routing` in their path
 *   npm test -- --test-name-pattern='a stale entry'
 *
 * Words that begin with `-` go to `node --test`. Files called …-long run only when a word has `-long` in it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { pinnedEnv, pinnedNode, ROOT } from './pinned-node.ts';

/** A test that hangs is a failure; the slowest honest one takes well under this. */
const TEST_TIMEOUT_MS = 300_000;
const MIN_FILES_AT_ONCE = 4;

function chooseFiles(words: readonly string[]): readonly string[] {
  const all = globSync('test/**/*.test.ts', { cwd: ROOT }).sort();
  const wantsLong = words.some((word) => word.includes('-long'));
  const eligible = wantsLong ? all : all.filter((file) => !file.includes('-long'));
  return words.length === 0 ? eligible : eligible.filter((file) => words.some((word) => file.includes(word)));
}

const forwarded = process.argv.slice(2).filter((word) => word.startsWith('-'));
const files = chooseFiles(process.argv.slice(2).filter((word) => !word.startsWith('-')));
if (files.length === 0) {
  console.error('no test file matches');
  process.exit(1);
}

/** Ends with the exit code; what the run prints is shown at once, or when it has ended. */
async function runFiles(chosen: readonly string[], flags: readonly string[], isShownAtOnce: boolean): Promise<number> {
  if (chosen.length === 0) return 0;
  const child = spawn(
    pinnedNode(),
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      '--test-reporter=spec',
      ...flags,
      ...forwarded,
      ...chosen,
    ],
    { cwd: ROOT, env: pinnedEnv(), stdio: ['ignore', isShownAtOnce ? 'inherit' : 'pipe', 'inherit'] },
  );
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  process.stdout.write(Buffer.concat(chunks));
  if (signal !== null) console.error(`the test run ended by ${signal}`);
  return code ?? 1;
}

// Pure code needs no process of its own for each file, whose start takes longer than most tests of it.
const isPure = (file: string): boolean => file.startsWith('test/unit/');
// Node's own default leaves one core out, which on two cores means one file at a time; most files wait for sockets, timers and processes.
const concurrency = Math.max(MIN_FILES_AT_ONCE, availableParallelism());
const others = files.filter((file) => !isPure(file));
const codes = await Promise.all([
  runFiles(others, [`--test-concurrency=${concurrency}`], true),
  runFiles(files.filter(isPure), ['--experimental-test-isolation=none'], others.length === 0),
]);
process.exitCode = Math.max(...codes);
