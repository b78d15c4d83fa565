import { table } from '../bench/bench-report.ts';
import { figure as text, median, spreadOf } from '../bench/statistics.ts';
import { type Figure, judge, type Report, readValue, type Value, type Verdict } from './figure.ts';

export type Judged = { readonly figure: Figure; readonly value: Value; readonly verdict: Verdict };

/** Below this many rounds a spread says little, and the page tells so. */
const FEW_ROUNDS = 5;

const ORDER: readonly Verdict[] = ['missed', 'undecided', 'no value', 'met', 'beside'];

const TITLES: Readonly<Record<Verdict, string>> = {
  missed: 'Missed: every round',
  undecided: 'Undecided: the target lies inside the spread',
  'no value': 'No value',
  met: 'Met: every round',
  beside: 'Beside them: no target',
};

export function judgeAll(figures: readonly Figure[], reportOf: (name: string) => Report | undefined): readonly Judged[] {
  return figures.map((figure) => {
    const value = readValue(figure, reportOf(figure.from));
    return { figure, value, verdict: judge(figure, value) };
  });
}

function withUnit(value: number, unit: string): string {
  return unit === '' ? text(value) : `${text(value)} ${unit}`;
}

function targetText({ target, unit }: Figure): string {
  return target === undefined ? '' : `${target.bound} ${withUnit(target.value, unit)}`;
}

function valueText(value: Value, unit: string): string {
  if (value.kind === 'none') return value.why;
  const { median: middle, min, max } = spreadOf(value.rounds);
  if (value.rounds.length === 1) return `${withUnit(middle, unit)} (one run)`;
  const few = value.rounds.length < FEW_ROUNDS ? `, ${value.rounds.length} rounds` : '';
  return `${withUnit(middle, unit)} (${text(min)}–${text(max)}${few})`;
}

/** How far the median is on the wrong side of the target: above 1, or below it where it holds. */
function excess({ figure, value }: Judged): number {
  if (figure.target === undefined || value.kind === 'none') return 0;
  const middle = median(value.rounds);
  const { bound, value: target } = figure.target;
  return bound === '≤' ? middle - target : target - middle;
}

function undecidedText(judged: Judged): string {
  return excess(judged) > 0 ? 'median misses' : 'median meets';
}

function sectionOf(verdict: Verdict, all: readonly Judged[]): string {
  const rows = all.filter((one) => one.verdict === verdict);
  if (rows.length === 0) return verdict === 'missed' ? `## ${TITLES.missed}\n\nNone.` : '';
  const isUndecided = verdict === 'undecided';
  // Those whose median misses come first.
  const sorted = isUndecided ? rows.toSorted((a, b) => Number(excess(b) > 0) - Number(excess(a) > 0)) : rows;
  const cells = sorted.map((judged) => {
    const { figure, value } = judged;
    const row = [String(figure.issue), figure.name, targetText(figure), valueText(value, figure.unit), figure.from];
    return isUndecided ? [...row, undecidedText(judged)] : row;
  });
  const head = ['issue', 'figure', 'target', 'median (lowest–highest)', 'from', ...(isUndecided ? ['which way'] : [])];
  return `## ${TITLES[verdict]}\n\n${table(head, cells)}`;
}

function fieldOf(report: Report, path: readonly string[]): string {
  let at: unknown = report.content;
  for (const step of path) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[step] : undefined;
  return typeof at === 'string' || typeof at === 'number' ? String(at) : '?';
}

function sourceRow(report: Report): string[] {
  const age = report.isOfThisRun ? '' : ' (of an earlier run)';
  const commit = fieldOf(report, ['revision', 'commit']);
  const load = fieldOf(report, ['machine', 'loadBefore']);
  return [report.name, `\`${fieldOf(report, ['command'])}\``, fieldOf(report, ['date']), commit, load, `${report.file}${age}`];
}

export type Page = {
  readonly date: string;
  readonly command: string;
  readonly judged: readonly Judged[];
  readonly reports: readonly Report[];
};

export function pageText({ date, command, judged, reports }: Page): string {
  const count = (verdict: Verdict): number => judged.filter((one) => one.verdict === verdict).length;
  const head =
    `${count('missed')} missed, ${count('undecided')} undecided, ${count('no value')} without a value, ${count('met')} met. ` +
    'A ratio or difference is taken within each alternating round; a figure is met or missed only if every round says so. Targets: issues 3 to 6, and 8.';
  const sources = table(['from', 'command', 'date', 'commit', 'load before', 'file'], reports.map(sourceRow));
  return [
    `# Figures beside their targets, ${date}`,
    `\`${command}\``,
    head,
    ...ORDER.map((verdict) => sectionOf(verdict, judged)).filter((part) => part !== ''),
    '## Where they come from',
    sources,
    '',
  ].join('\n\n');
}
