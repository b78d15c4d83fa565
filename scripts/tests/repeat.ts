import { finishReport, type Row } from '../prove/report.ts';
import { runSuite, type SuiteOptions, type SuiteResult } from './suite.ts';

export type RepeatOptions = SuiteOptions & {
  readonly times: number;
  /** Report without its ending; `undefined`: only printed. */
  readonly out: string | undefined;
};

const secondsOf = ({ tookMs }: SuiteResult): string => (tookMs / 1000).toFixed(0);

/** Goes on after a failure, since what matters is how often each test fails. A table at the end; fails if a test did. */
export async function repeatSuite(options: RepeatOptions): Promise<void> {
  const { times, files, out } = options;
  const results: SuiteResult[] = [];
  while (results.length < times) {
    const result = await runSuite(options);
    results.push(result);
    console.log(`\nrun ${results.length} of ${times}: ${secondsOf(result)} s, ${result.failures.length} failed\n`);
  }
  finishReport({
    title: `The suite, ${times} times`,
    script: 'scripts/test.ts',
    text: `${files.length} files with ${Math.max(...results.map(({ tests }) => tests))} tests, one run after the other.`,
    rows: [...results.map(rowOf), ...failureRows(results)],
    report: results,
    isGood: results.every(({ failures }) => failures.length === 0),
    out,
  });
}

function rowOf(result: SuiteResult, index: number): Row {
  return [`run ${index + 1}`, `${secondsOf(result)} s, ${result.failures.length} failed`];
}

/** Those that fail most often first. */
function failureRows(results: readonly SuiteResult[]): readonly Row[] {
  const times = new Map<string, number>();
  for (const name of results.flatMap(({ failures }) => failures)) times.set(name, (times.get(name) ?? 0) + 1);
  return [...times].sort(([, a], [, b]) => b - a).map(([name, count]) => [`**failed** ${name}`, count]);
}
