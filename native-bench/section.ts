/** One part of the report: the same measures of several subjects, round by round. */
export type Section = {
  readonly id: string;
  readonly title: string;
  readonly how: string;
  readonly metrics: readonly Metric[];
  readonly measured: readonly Measured[];
  readonly skipped: readonly Skipped[];
  /** Which subject is divided by which, round by round. */
  readonly pairs: readonly (readonly [ours: string, theirs: string])[];
};

export type Metric = { readonly name: string; readonly hasRatio: boolean };
export type Round = Readonly<Record<string, number>>;
export type Measured = { readonly subject: string; readonly rounds: readonly Round[] };
export type Skipped = { readonly subject: string; readonly why: string };

export type Named = { readonly name: string };

/**
 * Runs A B C, B C A, C A B, …: alternating, so that a machine that drifts does so for all, and rotated, so that none always
 * comes first. A subject that fails once is left out from then on, with the reason.
 */
export async function alternate<T extends Named>(
  subjects: readonly T[],
  rounds: number,
  measure: (subject: T, round: number) => Promise<Round>,
): Promise<{ measured: Measured[]; skipped: Skipped[] }> {
  const results = new Map<string, Round[]>(subjects.map((subject) => [subject.name, []]));
  const skipped: Skipped[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < subjects.length; i += 1) {
      const subject = subjects[(i + round) % subjects.length];
      const known = subject === undefined ? undefined : results.get(subject.name);
      if (subject === undefined || known === undefined) continue;
      try {
        const result = await measure(subject, round);
        known.push(result);
        console.log(`  ${String(round + 1).padStart(2)}/${rounds} ${subject.name.padEnd(18)} ${lineOf(result)}`);
      } catch (error) {
        results.delete(subject.name);
        skipped.push({ subject: subject.name, why: reasonOf(error) });
        console.log(`  ${subject.name}: left out: ${reasonOf(error)}`);
      }
    }
  }
  return { measured: [...results].map(([subject, done]) => ({ subject, rounds: done })), skipped };
}

export function reasonOf(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 4).join(' ').slice(0, 300);
  // Paths of this machine do not belong into a report.
  return text.replace(/(?:\/[\w.@-]+)+\/([\w.@-]+)/g, '…/$1');
}

function lineOf(round: Round): string {
  return Object.entries(round)
    .map(([name, value]) => `${name} ${Number.isInteger(value) ? value : value.toPrecision(4)}`)
    .join('  ');
}

export function pairsOf(measured: readonly Measured[]): [string, string][] {
  const names = measured.map((one) => one.subject);
  const ours = names.filter((name) => name.startsWith('sluice'));
  const theirs = names.filter((name) => /^(?:nginx|haproxy|varnish)/.test(name));
  return ours.flatMap((one): [string, string][] => theirs.map((other) => [one, other]));
}
