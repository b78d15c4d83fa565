import type { BenchReport } from '../bench/bench-report.ts';

type Round = Readonly<Record<string, number>>;
type Measured = { readonly subject: string; readonly rounds: readonly Round[] };
type Section = { readonly id: string; readonly measured: readonly Measured[]; readonly skipped: readonly never[] };

/** Reports of runs of one program as one: every subject with the rounds of all. */
export type Merged = { readonly command: string; readonly sections: readonly Section[] };

export function mergeMicro<T extends Merged>(parts: readonly T[]): T {
  const [first] = parts;
  if (first === undefined) throw new Error('nothing was run');
  const sections = first.sections.map((section, at) => ({
    ...section,
    measured: section.measured.map(({ subject }) => ({ subject, rounds: parts.flatMap((part) => roundsOf(part.sections[at], subject)) })),
  }));
  return { ...first, command: `${first.command}, ${parts.length} times`, sections };
}

function roundsOf(section: Section | undefined, subject: string): readonly Round[] {
  return section?.measured.find((one) => one.subject === subject)?.rounds ?? [];
}

/** Runs of `npm run bench`, each a round of the section `bench-quick`. */
export function mergeBench(parts: readonly BenchReport[]): Merged {
  const [first] = parts;
  if (first === undefined) throw new Error('nothing was run');
  const { date, revision, machine, command } = first;
  const runs = parts.flatMap((part) => part.runs);
  const subjects = [...new Set(runs.map((run) => run.proxy))];
  const measured = subjects.map((subject) => ({ subject, rounds: runs.filter((run) => run.proxy === subject).map(roundOf) }));
  const sections: Section[] = [{ id: 'bench-quick', measured, skipped: [] }];
  const report = { tool: 'bench', date, revision, machine, command: `${command}, ${parts.length} times`, sections };
  return report;
}

function roundOf({ throughput, rate, gc, rssMiB }: BenchReport['runs'][number]): Round {
  return {
    'CPU µs/req': throughput.cpuUsPerRequest,
    'req/s': throughput.requestsPerSec,
    rate: rate.ratePerSec,
    'p50 µs': rate.latency.p50Us,
    'p99 µs': rate.latency.p99Us,
    'p99.9 µs': rate.latency.p999Us,
    'longest GC ms': gc?.maxPauseMs ?? 0,
    'RSS MiB': rssMiB,
    errors: throughput.errors + rate.errors,
  };
}
