import { machineLines, table, writeReport } from '../scripts/bench/bench-report.ts';
import type { Machine, Revision } from '../scripts/bench/machine.ts';
import { figure, pairedRatio, spreadOf, spreadText } from '../scripts/bench/statistics.ts';
import type { Measured, Section } from './section.ts';
import type { Configuration } from './subjects.ts';

export type NativeReport = {
  readonly tool: 'native-bench';
  readonly format: 1;
  readonly date: string;
  readonly revision: Revision;
  readonly machine: Machine;
  readonly command: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly sections: readonly Section[];
  readonly configurations: Readonly<Record<string, Configuration>>;
};

function valuesOf(measured: Measured | undefined, metric: string): number[] {
  return measured?.rounds.map((round) => round[metric] ?? Number.NaN) ?? [];
}

function measuredTable(section: Section): string {
  const rows = section.measured.map((one) => [
    one.subject,
    ...section.metrics.map((metric) => spreadText(spreadOf(valuesOf(one, metric.name)))),
  ]);
  return table(['', ...section.metrics.map((metric) => metric.name)], rows);
}

function ratioTable(section: Section): string {
  const metrics = section.metrics.filter((metric) => metric.hasRatio);
  if (metrics.length === 0 || section.pairs.length === 0) return '';
  const find = (name: string): Measured | undefined => section.measured.find((one) => one.subject === name);
  const rows = section.pairs.map(([ours, theirs]) => [
    `${ours} ÷ ${theirs}`,
    ...metrics.map((metric) => spreadText(pairedRatio(valuesOf(find(ours), metric.name), valuesOf(find(theirs), metric.name)))),
  ]);
  return table(['ratio, round by round', ...metrics.map((metric) => metric.name)], rows);
}

/** Below this share of its cores a proxy was starved, and its own idle work (timers, heartbeats) is no longer small beside the requests. */
const STARVED_BELOW = 0.5;

function starvedNotes(section: Section): string[] {
  if (!section.metrics.some((metric) => metric.name === 'cores busy')) return [];
  return section.measured.flatMap((one) => {
    const busy = spreadOf(valuesOf(one, 'cores busy')).median;
    if (!(busy < STARVED_BELOW)) return [];
    return [
      `- starved: ${one.subject} had ${figure(busy)} of a core; its CPU µs/req holds its idle work too. Measure again on a quiet machine.`,
    ];
  });
}

export function sectionText(section: Section): string {
  const skipped = section.skipped.map((one) => `- not measured: ${one.subject}: ${one.why}`).join('\n');
  const notes = [...starvedNotes(section), skipped].filter((line) => line !== '').join('\n');
  return [`## ${section.title}`, section.how, measuredTable(section), ratioTable(section), notes]
    .filter((part) => part !== '')
    .join('\n\n');
}

function markdown(report: NativeReport): string {
  const configurations = Object.entries(report.configurations).map(
    ([name, { version, configText }]) => `### ${name}: ${version}\n\n\`\`\`\n${configText.trimEnd()}\n\`\`\``,
  );
  return [
    `# Sluice beside its peers, ${report.date}`,
    machineLines(report.machine, report.revision).join('\n'),
    `\`${report.command}\`: ${report.rounds} alternating rounds of ${report.seconds} s. Cells: median (lowest–highest).`,
    ...report.sections.map(sectionText),
    '## Versions and configurations',
    ...configurations,
    '',
  ].join('\n\n');
}

export function writeNativeReport(prefix: string, report: NativeReport): void {
  writeReport(prefix, report, markdown(report));
}
