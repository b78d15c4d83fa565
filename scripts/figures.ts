/** Every figure of the issues beside its target on one page, and the run that measures them. `npm run figures -- --help`. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeReport } from './bench/bench-report.ts';
import { commandLine } from './bench/machine.ts';
import type { Report } from './figures/figure.ts';
import { judgeAll, pageText } from './figures/page.ts';
import { newestRun, reportReader } from './figures/reports.ts';
import { runSteps } from './figures/run-steps.ts';
import { chooseSteps, STEPS, smokeOf } from './figures/steps.ts';
import { FIGURES } from './figures/targets.ts';
import { ROOT } from './pinned-node.ts';

const HELP = `npm run figures -- [options]

Writes perf-reports/<date>-figures.{md,json}: every figure of issues 3 to 6 and 8 beside its target, the missed ones first.

  (nothing)          the page from what has been measured
  --run              measure first, five alternating rounds each: about an hour on a quiet machine with two cores. One JSON a step in
                     perf-reports/<date>-figures/; what is there counts as done, so a run that was stopped goes on where it was
  --only LIST        of the run: these steps alone
  --again LIST       of the run: these anew
  --folder DIR       of the run                          (default: perf-reports/<date>-figures, the newest one without --run)
  --smoke            of the run: one round of a second each; needs --folder, and writes no page

Steps: ${STEPS.map(({ name }) => name).join(', ')}
`;

const FLAGS = {
  help: { type: 'boolean', short: 'h', default: false },
  run: { type: 'boolean', default: false },
  smoke: { type: 'boolean', default: false },
  only: { type: 'string' },
  again: { type: 'string' },
  folder: { type: 'string' },
} as const;

const today = (): string => new Date().toISOString().slice(0, 10);

function readOptions() {
  return parseArgs({ options: FLAGS, allowPositionals: false }).values;
}

type Options = ReturnType<typeof readOptions>;

async function measure(options: Options, folder: string): Promise<void> {
  const only = options.only === undefined ? STEPS : chooseSteps(options.only.split(','), '--only');
  const again = options.again === undefined ? [] : chooseSteps(options.again.split(','), '--again');
  for (const { name } of again) for (const ending of ['json', 'md']) rmSync(join(ROOT, folder, `${name}.${ending}`), { force: true });
  const steps = options.again !== undefined && options.only === undefined ? again : only;
  const failed = await runSteps(options.smoke ? steps.map(smokeOf) : steps, folder);
  for (const line of failed) console.error(`not measured: ${line}`);
  if (failed.length > 0) process.exitCode = 1;
}

function writePage(folder: string): void {
  const reportOf = reportReader(ROOT, folder);
  const judged = judgeAll(FIGURES, reportOf);
  const names = [...new Set(FIGURES.map(({ from }) => from))];
  const reports = names.map(reportOf).filter((report): report is Report => report !== undefined);
  const date = today();
  const command = commandLine('scripts/figures.ts');
  const text = pageText({ date, command, judged, reports });
  const prefix = join('perf-reports', `${date}-figures`);
  writeReport(join(ROOT, prefix), { tool: 'figures', format: 1, date, command, judged }, text);
  console.log(`${readFileSync(join(ROOT, `${prefix}.md`), 'utf8')}\npage: ${prefix}.md and .json`);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    console.log(HELP);
    return;
  }
  process.chdir(ROOT);
  if (options.smoke && options.folder === undefined) throw new Error('--smoke: name a folder with --folder; what it measures is no figure');
  const planned = join('perf-reports', `${today()}-figures`);
  const folder = options.folder ?? (options.run ? planned : (newestRun(ROOT) ?? planned));
  if (options.run || options.smoke) await measure(options, folder);
  if (!options.smoke) writePage(folder);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
