/**
 * How much of `src/` the tests run, in all their processes and threads and those of the Sluice that they start.
 *
 *   npm run coverage                                       all tests but those called …-long
 *   npm run coverage -- shm threads                        only test files with one of these words in their path; no bound
 *   npm run coverage -- --out=perf-reports/NAME
 *   npm run coverage -- --keep=FOLDER                      leaves what V8 wrote; what is there already counts and no test runs
 *
 * Fails when less than 90 % of the lines of `src/` have run, or when a branch of `src/shm/` has not and no reason is known. A
 * process that is killed leaves nothing.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { finishReport, type Row } from './prove/report.ts';
import { chooseFiles } from './tests/choose-files.ts';
import { type FileCoverage, type Gap, readCoverage } from './tests/coverage.ts';
import { explainGaps } from './tests/shm-gaps.ts';
import { runSuite } from './tests/suite.ts';
import { readWords } from './tests/words.ts';

const MIN_LINES = 0.9;

const { chosen, passed, valueOfFlag } = readWords(['keep', 'out']);
const kept = valueOfFlag('keep');
const folder = kept === undefined ? mkdtempSync(join(tmpdir(), 'sluice-coverage-')) : resolve(kept);

let failures: readonly string[] | undefined;
if (kept === undefined || !existsSync(folder)) {
  ({ failures } = await runSuite({ files: chooseFiles(chosen), flags: passed, env: { NODE_V8_COVERAGE: folder } }));
}
const files = readCoverage(folder);
if (kept === undefined) rmSync(folder, { recursive: true });

const folders = Map.groupBy(files, ({ file }) => file.split('/').slice(0, 2).join('/'));
const gaps = explainGaps(files.filter(({ file }) => file.startsWith('src/shm/')).flatMap((file) => file.gaps));
const unexplained = gaps.filter(({ why }) => why === undefined);
finishReport({
  title: 'Lines of src/ that the tests run',
  script: 'scripts/coverage.ts',
  text: `Lines with code on them. ${toldOf(failures)}`,
  rows: [
    ['**src**', shareOf(files)],
    ...[...folders].map(([name, inside]): Row => [name, shareOf(inside)]),
    ...files.filter((file) => ratioOf([file]) < MIN_LINES).map((file): Row => [`below: ${file.file}`, shareOf([file])]),
    ...gaps.map((gap): Row => [nameOf(gap), gap.why ?? '**no test, no reason**']),
  ],
  report: { files: files.map(({ file, lines, covered }) => ({ file, lines, covered })), failures },
  isGood: chosen.length > 0 || (ratioOf(files) >= MIN_LINES && unexplained.length === 0),
  out: valueOfFlag('out'),
});

function toldOf(failed: readonly string[] | undefined): string {
  if (failed === undefined) return 'Read from what an earlier run left.';
  return failed.length === 0 ? 'All tests passed.' : `${failed.length} tests failed, as some may when they run so slowly.`;
}

function ratioOf(some: readonly FileCoverage[]): number {
  const lines = some.reduce((sum, file) => sum + file.lines, 0);
  return lines === 0 ? 1 : some.reduce((sum, file) => sum + file.covered, 0) / lines;
}

function shareOf(some: readonly FileCoverage[]): string {
  return `${(ratioOf(some) * 100).toFixed(1)} % of ${some.reduce((sum, file) => sum + file.lines, 0)}`;
}

function nameOf({ file, line, text }: Gap): string {
  return `${file}:${line} \`${text.slice(0, 80).replaceAll('|', '\\|')}\``;
}
