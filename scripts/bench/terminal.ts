import { styleText } from 'node:util';
import type { LatencySummary } from './rate-plan.ts';
import { figure } from './statistics.ts';

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;
const RISING = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

export type Painter = (text: string) => string;

function paint(style: Parameters<typeof styleText>[0]): Painter {
  return (text) => (process.stdout.isTTY ? styleText(style, text) : text);
}

export const bold = paint('bold');
export const dim = paint('dim');
export const green = paint('green');
export const yellow = paint('yellow');
export const red = paint('red');
export const cyan = paint('cyan');

/** A bar of `share` (0..1) of `width` cells, in eighths of a cell. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '');
}

export function sparkline(values: readonly number[]): string {
  const top = Math.max(...values, 1e-9);
  return values.map((value) => RISING[Math.min(7, Math.floor((value / top) * 8))] ?? '▁').join('');
}

export function timeText(us: number): string {
  if (us < 1000) return `${figure(us)} µs`;
  if (us < 1e6) return `${figure(us / 1000)} ms`;
  return `${figure(us / 1e6)} s`;
}

/** Rows of percentiles with bars on a log scale, because p50 and the maximum are often three powers of ten apart. */
export function percentileBars(summary: LatencySummary): string[] {
  const rows = [
    ['p50', summary.p50Us],
    ['p90', summary.p90Us],
    ['p99', summary.p99Us],
    ['p99.9', summary.p999Us],
    ['max', summary.maxUs],
  ] as const;
  const low = Math.log10(Math.max(1, summary.p50Us / 3));
  const span = Math.max(0.1, Math.log10(Math.max(10, summary.maxUs)) - low);
  return rows.map(([name, us]) => {
    const share = (Math.log10(Math.max(1, us)) - low) / span;
    return `    ${name.padEnd(6)} ${timeText(us).padStart(9)}  ${cyan(bar(share, 40))}`;
  });
}

/** Latency by percentile: ten rows high, a log scale upward, the tail stretched out to the right. */
export function percentilePlot(summary: LatencySummary): string[] {
  const points = summary.curve.filter(([percentile]) => percentile >= 10);
  const logs = points.map(([, us]) => Math.log10(Math.max(1, us)));
  const low = Math.min(...logs);
  const span = Math.max(0.1, Math.max(...logs) - low);
  const height = 8;
  const rows: string[] = [];
  for (let row = height - 1; row >= 0; row -= 1) {
    const cells = logs.map((log) => {
      const level = ((log - low) / span) * (height - 1);
      return Math.round(level) === row ? '●─' : level > row ? '│ ' : '  ';
    });
    const label = timeText(10 ** (low + (span * row) / (height - 1)));
    rows.push(`    ${dim(label.padStart(9))} ┤ ${cyan(cells.join(' '))}`);
  }
  const shown = new Set([10, 50, 75, 90, 99, 99.9, 99.99]);
  const labels = points.map(([percentile]) => (shown.has(percentile) ? String(percentile) : '').padEnd(3)).join('');
  return [...rows, `    ${' '.repeat(9)}   ${dim(labels)}`];
}

/** One line that is redrawn while a run goes on; on a pipe it stays silent but for the last word of each step. */
export class Progress {
  readonly isLive = process.stderr.isTTY === true;
  label = '';

  begin(label: string): void {
    this.label = label;
    this.show(0, '');
  }

  show(share: number, note: string): void {
    if (!this.isLive) return;
    process.stderr.write(`\r\x1b[2K  ${this.label} ${dim('▕')}${bar(share, 24).padEnd(24)}${dim('▏')} ${note}`);
  }

  end(): void {
    if (this.isLive) process.stderr.write('\r\x1b[2K');
  }
}
