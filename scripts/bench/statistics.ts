/** Median, lowest and highest of a handful of rounds: with seven, more would pretend. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number };

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Ratio of each round to the same round of another: what drifts on the machine drifts in both, and cancels. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Spread {
  const ratios: number[] = [];
  for (let i = 0; i < Math.min(ours.length, theirs.length); i += 1) ratios.push((ours[i] ?? Number.NaN) / (theirs[i] ?? Number.NaN));
  return spreadOf(ratios);
}

/** Three significant digits, thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  if (Number.isInteger(value)) return String(value);
  return value.toPrecision(3);
}

export function spreadText(spread: Spread): string {
  return `${figure(spread.median)} (${figure(spread.min)}–${figure(spread.max)})`;
}
