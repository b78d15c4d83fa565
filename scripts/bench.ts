import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { type BenchReport, type BenchRun, readBenchReport, writeBenchReport } from './bench/bench-report.ts';
import { compareReports } from './bench/compare.ts';
import { commandLine, hasCommand, readMachine, readRevision } from './bench/machine.ts';
import { type BenchOptions, HELP, readOptions } from './bench/options.ts';
import { pacingHere } from './bench/rate.ts';
import { runScenario } from './bench/run-scenario.ts';
import { startProcess, waitForOutput } from './bench/start-process.ts';
import { dim, Progress } from './bench/terminal.ts';

const REPORTS = 'perf-reports';

/** Load and origin keep off CPU 0, where a single worker runs; with more workers all share all cores. */
function pinOurselves(options: BenchOptions, cores: number): string {
  if (!options.isPinned || cores < 2 || !hasCommand('taskset')) return 'nothing pinned';
  if (options.workers.some((workers) => workers !== 1))
    return 'one worker: proxy on CPU 0, load and origin free; more workers: nothing pinned';
  const others = cores === 2 ? '1' : `1-${cores - 1}`;
  execFileSync('taskset', ['-apc', others, String(process.pid)], { stdio: 'ignore' });
  return `proxy on CPU 0, load and origin on CPU ${others}`;
}

async function runAll(options: BenchOptions, folder: string): Promise<{ runs: BenchRun[]; configText: string }> {
  const origin = startProcess([process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'bench/origin.ts')]);
  const originPort = Number((await waitForOutput(origin, /^origin (\d+)$/m, 5000))[1]);
  const bench = { options, originPort, folder, progress: new Progress() };
  const runs: BenchRun[] = [];
  let configText = '';
  for (const workers of options.workers) {
    for (const scenario of options.scenarios) {
      const done = await runScenario(bench, scenario, workers);
      runs.push(done.run);
      configText = done.configText;
    }
  }
  await origin.stop();
  return { runs, configText };
}

async function main(): Promise<void> {
  const revision = readRevision();
  const date = new Date().toISOString().slice(0, 10);
  const cores = os.availableParallelism();
  const options = readOptions(cores, join(REPORTS, `${date}-${revision.commit}${revision.dirty ? '-dirty' : ''}`));
  if (options === undefined) {
    console.log(HELP);
    return;
  }
  // Read first: a mistyped path should not cost a run.
  const before = options.compare === undefined ? undefined : readBenchReport(options.compare);
  const machine = readMachine();
  const pinning = pinOurselves(options, cores);
  console.log(dim(`${machine.cpu}, ${cores} cores, load ${machine.loadBefore}; ${pinning}\n`));
  const folder = mkdtempSync(join(os.tmpdir(), 'sluice-bench-'));
  try {
    const { runs, configText } = await runAll(options, folder);
    const command = commandLine('scripts/bench.ts');
    const pacing = pacingHere();
    const report: BenchReport = { tool: 'bench', format: 1, date, revision, machine, command, pinning, pacing, configText, runs };
    if (before !== undefined) console.log(compareReports(before, report).join('\n'));
    if (options.out === undefined) return;
    writeBenchReport(options.out, report);
    console.log(`report: ${options.out}.md and .json`);
  } finally {
    if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
