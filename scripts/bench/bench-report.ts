import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { GcSummary } from './gc-log.ts';
import type { Machine, Revision } from './machine.ts';
import type { RateResult } from './rate-plan.ts';
import type { ScenarioName } from './scenario.ts';
import { figure } from './statistics.ts';
import { timeText } from './terminal.ts';
import type { ThroughputResult } from './throughput.ts';

export type BenchRun = {
  readonly proxy: string;
  readonly version: string;
  readonly scenario: ScenarioName;
  readonly workers: number;
  readonly connections: number;
  readonly throughput: ThroughputResult;
  readonly rate: RateResult;
  /** Over the constant-rate part, all threads; absent where the proxy is not Node. */
  readonly gc: GcSummary | undefined;
  readonly rssMiB: number;
};

export type BenchReport = {
  readonly tool: 'bench';
  readonly format: 1;
  readonly date: string;
  readonly revision: Revision;
  readonly machine: Machine;
  readonly command: string;
  readonly pinning: string;
  readonly pacing: string;
  readonly configText: string;
  readonly runs: readonly BenchRun[];
};

const HOW = `How: throughput by autocannon (closed loop); latency by an own open-loop generator at a constant rate, from the intended
send time, so that nothing is omitted while the proxy stalls; \`lag\` is how late the generator itself was. CPU is that of all proxy
processes. GC pauses by a probe that Node loads into the proxy beside it (\`NODE_OPTIONS=--require\`), over the constant-rate part.`;

export function machineLines(machine: Machine, revision: Revision): string[] {
  return [
    `- commit ${revision.commit}${revision.dirty ? ' with local changes' : ''}`,
    `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, load before the run ${machine.loadBefore}`,
    `- ${machine.distribution}, ${machine.kernel}, Node ${machine.node}`,
  ];
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function throughputRow(run: BenchRun): string[] {
  const { throughput: t } = run;
  const cells = [t.requestsPerSec, t.mebibytesPerSec, t.cpuUsPerRequest, t.busyCores].map(figure);
  return [run.scenario, String(run.workers), ...cells, String(t.errors), figure(run.rssMiB)];
}

function latencyRow(run: BenchRun): string[] {
  const { latency, lag } = run.rate;
  const times = [latency.p50Us, latency.p90Us, latency.p99Us, latency.p999Us, latency.maxUs, lag.p99Us].map(timeText);
  const gc = run.gc === undefined ? '-' : `${figure(run.gc.maxPauseMs)} ms (${run.gc.maxKind}, ${run.gc.collections} in all)`;
  return [run.scenario, String(run.workers), figure(run.rate.ratePerSec), ...times, String(run.rate.errors), gc];
}

function markdown(report: BenchReport): string {
  const throughputHead = ['scenario', 'workers', 'req/s', 'MiB/s', 'CPU µs/req', 'cores busy', 'errors', 'RSS MiB'];
  const latencyHead = ['scenario', 'workers', 'rate', 'p50', 'p90', 'p99', 'p99.9', 'max', 'lag p99', 'errors', 'longest GC pause'];
  return [
    `# Bench ${report.date}, ${report.runs[0]?.version ?? ''}`,
    machineLines(report.machine, report.revision).join('\n'),
    `\`${report.command}\` (${report.pinning}; generator: ${report.pacing})`,
    '## Throughput',
    table(throughputHead, report.runs.map(throughputRow)),
    '## Latency at a constant rate',
    table(latencyHead, report.runs.map(latencyRow)),
    HOW,
    '## Configuration',
    `\`\`\`yaml\n${report.configText}\`\`\``,
    '',
  ].join('\n\n');
}

export function writeReport(prefix: string, json: object, text: string): void {
  mkdirSync(dirname(prefix), { recursive: true });
  writeFileSync(`${prefix}.json`, `${JSON.stringify(json, null, 2)}\n`);
  writeFileSync(`${prefix}.md`, text.replace(/\n{3,}/g, '\n\n'));
}

export function writeBenchReport(prefix: string, report: BenchReport): void {
  writeReport(prefix, report, markdown(report));
}

/** Reads a report of this tool; throws a sentence when the file is something else. */
export function readBenchReport(path: string): BenchReport {
  const report: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (typeof report !== 'object' || report === null || !('tool' in report) || report.tool !== 'bench')
    throw new Error(`${path} is no bench report`);
  if (!('format' in report) || report.format !== 1) throw new Error(`${path} has another format`);
  // Checked by the two marks above: only `writeBenchReport` sets them.
  return report as BenchReport;
}
