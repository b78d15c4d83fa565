import type { BenchReport, BenchRun } from './bench-report.ts';
import { figure } from './statistics.ts';
import { bold, dim, green, red } from './terminal.ts';

type Measure = { readonly name: string; readonly isMoreBetter: boolean; read(run: BenchRun): number };

const MEASURES: readonly Measure[] = [
  { name: 'req/s', isMoreBetter: true, read: (run) => run.throughput.requestsPerSec },
  { name: 'CPU µs/req', isMoreBetter: false, read: (run) => run.throughput.cpuUsPerRequest },
  { name: 'p50 µs', isMoreBetter: false, read: (run) => run.rate.latency.p50Us },
  { name: 'p99 µs', isMoreBetter: false, read: (run) => run.rate.latency.p99Us },
  { name: 'p99.9 µs', isMoreBetter: false, read: (run) => run.rate.latency.p999Us },
  { name: 'RSS MiB', isMoreBetter: false, read: (run) => run.rssMiB },
];

/** Two single runs on one machine differ by this much without any cause in the code. */
const NOISE = 0.05;

function line(measure: Measure, before: number, after: number): string {
  const change = (after - before) / before;
  const text = `${change >= 0 ? '+' : ''}${(change * 100).toFixed(1)} %`.padStart(9);
  const isBetter = change > 0 === measure.isMoreBetter;
  const paint = Math.abs(change) < NOISE ? dim : isBetter ? green : red;
  return `    ${measure.name.padEnd(11)} ${figure(before).padStart(9)} → ${figure(after).padStart(9)} ${paint(text)}`;
}

/** Lines for the terminal: every run that both reports have. */
export function compareReports(before: BenchReport, after: BenchReport): string[] {
  const lines = [bold(`against ${before.date} ${before.revision.commit}`) + dim(` (within ${NOISE * 100} % is noise)`)];
  for (const run of after.runs) {
    const same = before.runs.find(
      (old) => old.scenario === run.scenario && old.workers === run.workers && old.connections === run.connections,
    );
    if (same === undefined) continue;
    lines.push(`  ${run.scenario}, ${run.workers} worker${run.workers === 1 ? '' : 's'}`);
    for (const measure of MEASURES) lines.push(line(measure, measure.read(same), measure.read(run)));
  }
  return lines.length === 1 ? [...lines, '  no run in common'] : lines;
}
