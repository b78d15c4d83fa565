import type { CounterBlocks } from '../shm/counters.ts';
import { BUCKETS, boundOf } from './histogram.ts';
import type { MetricRow } from './metric-row.ts';
import { METRICS } from './metrics.ts';
import type { MetricRegistry, Series } from './registry.ts';

/** `text`: Prometheus text format 0.0.4. `openmetrics`: OpenMetrics 1.0.0, for scrapers whose `Accept` names it. */
export type MetricsFormat = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/**
 * Every second bucket is printed: cumulative counts stay exact, and 42 lines a histogram are what a scraper can bear. The
 * bounds are then 100, 150, 200, 300, 400, 600 µs and so on to 104.8576 s.
 */
const PRINTED_EVERY = 2;

/**
 * Prints all metrics. `workers`: how many of the blocks, from the first, are workers'; the rest belong to the coordinator,
 * which takes part in sums but has no series of its own in metrics that are `per: 'worker'`.
 */
export function printMetrics(
  source: { readonly registry: MetricRegistry; readonly counters: CounterBlocks; readonly workers: number },
  format: MetricsFormat,
): string {
  const totals = new Float64Array(source.registry.usedCells);
  source.counters.sumInto(totals);
  const families = groupByMetric(source.registry.series);
  let text = '';
  for (const row of METRICS) {
    const samples = (families.get(row.name) ?? []).map((series) => printSeries(series, source, totals)).join('');
    if (samples !== '') text += printHeading(row, format) + samples;
  }
  return format === 'openmetrics' ? `${text}# EOF\n` : text;
}

function groupByMetric(series: readonly Series[]): ReadonlyMap<string, readonly Series[]> {
  const families = new Map<string, Series[]>();
  for (const one of series) {
    const family = families.get(one.row.name);
    if (family === undefined) families.set(one.row.name, [one]);
    else family.push(one);
  }
  return families;
}

/** OpenMetrics names the family of a counter without `_total`, and tells units. */
function printHeading(row: MetricRow, format: MetricsFormat): string {
  const isOpen = format === 'openmetrics';
  const family = isOpen && row.type === 'counter' ? row.name.slice(0, -'_total'.length) : row.name;
  const unit = isOpen && row.unit !== 'none' ? `# UNIT ${family} ${row.unit}\n` : '';
  const help = row.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${family} ${isOpen ? help.replaceAll('"', '\\"') : help}\n# TYPE ${family} ${row.type}\n${unit}`;
}

function printSeries(series: Series, source: { readonly counters: CounterBlocks; readonly workers: number }, totals: Float64Array): string {
  const labels = printLabels(series);
  if (series.row.per === 'worker') return printPerWorker(series, source, labels);
  if (series.row.type === 'histogram') return printHistogram(series, totals, labels);
  const total = totals[series.slot] ?? 0;
  if (series.isOther && total === 0) return '';
  return `${series.row.name}${braced(labels)} ${printValue(series.row, total)}\n`;
}

function printPerWorker(series: Series, source: { readonly counters: CounterBlocks; readonly workers: number }, labels: string): string {
  if (series.isOther) return '';
  let text = '';
  for (let worker = 0; worker < source.workers; worker += 1) {
    const value = source.counters.block(worker)[series.slot] ?? 0;
    text += `${series.row.name}${braced(withLabel(labels, `worker="${worker}"`))} ${printValue(series.row, value)}\n`;
  }
  return text;
}

function printHistogram(series: Series, totals: Float64Array, labels: string): string {
  const { row, slot } = series;
  let lines = '';
  let count = 0;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    count += totals[slot + 1 + bucket] ?? 0;
    if (bucket % PRINTED_EVERY === 0 || bucket === BUCKETS - 1)
      lines += `${row.name}_bucket{${withLabel(labels, LE_LABELS[bucket] ?? '')}} ${count}\n`;
  }
  if (series.isOther && count === 0) return '';
  return `${lines}${row.name}_sum${braced(labels)} ${printValue(row, totals[slot] ?? 0)}\n${row.name}_count${braced(labels)} ${count}\n`;
}

const LE_LABELS = Array.from({ length: BUCKETS }, (_, bucket) => {
  const bound = boundOf(bucket);
  return `le="${bound === Number.POSITIVE_INFINITY ? '+Inf' : String(toSeconds(bound))}"`;
});

function printLabels(series: Series): string {
  return series.row.labels.map((label, at) => `${label.name}="${escapeLabel(series.values[at] ?? '')}"`).join(',');
}

/** Backslash, quote and line feed are the three that the format escapes. */
function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function withLabel(labels: string, label: string): string {
  return labels === '' ? label : `${labels},${label}`;
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

function printValue(row: MetricRow, value: number): string {
  return String(row.unit === 'seconds' ? toSeconds(value) : value);
}

/** Rounded to the nanosecond, so that 0.1 ms does not print as 0.00010000000000000002. */
function toSeconds(ms: number): number {
  return Math.round(ms * 1e6) / 1e9;
}
