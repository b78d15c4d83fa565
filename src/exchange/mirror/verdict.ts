import type { DifferenceExample } from './redact-example.ts';
import type { Differences } from './difference-book.ts';

/** Diffy's thresholds: a field differs if it does so more often than by itself, and by more than chance and rarity explain. */
const MIN_RELATIVE = 0.2;
const MIN_ABSOLUTE = 0.0003;

export type MirrorVerdict = 'same' | 'differs' | 'not enough';

export type FieldReport = {
  readonly field: string;
  readonly raw: number;
  readonly noise: number;
  /** Of the two counts together, how far apart they are: 0 to 1. */
  readonly relative: number;
  /** Of all that was compared: 0 to 1. */
  readonly absolute: number;
  readonly isDifferent: boolean;
  readonly examples: readonly DifferenceExample[];
};

export type MirrorReport = { readonly verdict: MirrorVerdict; readonly compared: number; readonly fields: readonly FieldReport[] };

/** `minCompared`: of fewer requests nothing is said. Those fields come first that differ, then those that do so most often. */
export function judge({ compared, fields }: Differences, minCompared: number): MirrorReport {
  const reports = Object.entries(fields).map(([field, { raw, noise, examples }]): FieldReport => {
    const relative = raw + noise === 0 ? 0 : Math.abs(raw - noise) / (raw + noise);
    const absolute = compared === 0 ? 0 : Math.abs(raw - noise) / compared;
    const isDifferent = raw > noise && relative > MIN_RELATIVE && absolute > MIN_ABSOLUTE;
    return { field, raw, noise, relative, absolute, isDifferent, examples };
  });
  reports.sort((a, b) => Number(b.isDifferent) - Number(a.isDifferent) || b.absolute - a.absolute || (a.field < b.field ? -1 : 1));
  return { verdict: verdictOf(reports, compared, minCompared), compared, fields: reports };
}

function verdictOf(reports: readonly FieldReport[], compared: number, minCompared: number): MirrorVerdict {
  if (compared < minCompared) return 'not enough';
  return reports.some(({ isDifferent }) => isDifferent) ? 'differs' : 'same';
}
