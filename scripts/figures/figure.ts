/** One figure that an issue promised, or one that stands beside it: what it is, what it should be, and where its value is read. */
export type Figure = {
  readonly issue: 3 | 4 | 5 | 6 | 8;
  readonly name: string;
  readonly unit: string;
  /** Absent: shown for comparison only. */
  readonly target?: Target;
  /** Name of the report that holds it: `<run folder>/<from>.json`, else the newest `perf-reports/<date>-<from>.json`. */
  readonly from: string;
  readonly read: Reading;
};

export type Target = { readonly bound: '≤' | '≥'; readonly value: number };

export type Reading =
  /** Values of a subject, round by round; with `over` each divided by the same round of another subject, with `minus` less it. */
  | {
      readonly kind: 'rounds';
      readonly section: string;
      readonly subject: string;
      readonly metric: string;
      readonly over?: string;
      readonly minus?: string;
    }
  /** One number, or a list of numbers, at a place in the JSON: `report.flood.leastShare`. */
  | { readonly kind: 'path'; readonly path: string }
  /** Length of the list at a place in the JSON. */
  | { readonly kind: 'count'; readonly path: string };

/** A report as it was read; `undefined` for its content when there is none. */
export type Report = { readonly name: string; readonly file: string; readonly content: unknown; readonly isOfThisRun: boolean };

export type Value = { readonly kind: 'value'; readonly rounds: readonly number[] } | { readonly kind: 'none'; readonly why: string };

type Row = Readonly<Record<string, unknown>>;

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function none(why: string): Value {
  return { kind: 'none', why };
}

function remedyFor(figure: Figure): string {
  return `\`npm run figures -- --run --again ${figure.from}\``;
}

/** The value of a figure in its report, or a sentence that says what is missing where, and what to do. */
export function readValue(figure: Figure, report: Report | undefined): Value {
  if (report === undefined) return none(`there is no report \`${figure.from}\`: ${remedyFor(figure)}`);
  if (!isRow(report.content)) return none(`${report.file} is no report: ${remedyFor(figure)}`);
  const { read } = figure;
  switch (read.kind) {
    case 'rounds':
      return readRounds(read, report, remedyFor(figure));
    case 'path':
      return readNumbers(valueAt(report.content, read.path), `${report.file} has no number at \`${read.path}\`: ${remedyFor(figure)}`);
    case 'count': {
      const list = valueAt(report.content, read.path);
      if (!Array.isArray(list)) return none(`${report.file} has no list at \`${read.path}\`: ${remedyFor(figure)}`);
      return { kind: 'value', rounds: [list.length] };
    }
    default:
      read satisfies never;
      return none('');
  }
}

function valueAt(content: Row, path: string): unknown {
  let at: unknown = content;
  for (const step of path.split('.')) at = isRow(at) ? at[step] : undefined;
  return at;
}

function readNumbers(found: unknown, why: string): Value {
  const rounds = typeof found === 'number' ? [found] : listOf(found);
  const numbers = rounds.filter((one) => typeof one === 'number');
  return numbers.length === 0 || numbers.length < rounds.length ? none(why) : { kind: 'value', rounds: numbers };
}

type RoundsReading = Extract<Reading, { kind: 'rounds' }>;

function readRounds(read: RoundsReading, report: Report, remedy: string): Value {
  const content = isRow(report.content) ? report.content : {};
  const section = listOf(content['sections']).find((one) => isRow(one) && one['id'] === read.section);
  if (!isRow(section)) return none(`${report.file} has no section \`${read.section}\`: ${remedy}`);
  const ours = metricOf(section, read.subject, read.metric);
  if (ours === undefined) return none(whyNot(section, report, { subject: read.subject, metric: read.metric, remedy }));
  const other = read.over ?? read.minus;
  if (other === undefined) return { kind: 'value', rounds: ours };
  const theirs = metricOf(section, other, read.metric);
  if (theirs === undefined) return none(whyNot(section, report, { subject: other, metric: read.metric, remedy }));
  const pairs = Math.min(ours.length, theirs.length);
  const rounds = ours.slice(0, pairs).map((value, at) => {
    const beside = theirs[at] ?? Number.NaN;
    return read.over === undefined ? value - beside : value / beside;
  });
  return { kind: 'value', rounds };
}

function metricOf(section: Row, subject: string, metric: string): readonly number[] | undefined {
  const measured = listOf(section['measured']).find((one) => isRow(one) && one['subject'] === subject);
  const rounds = isRow(measured) ? listOf(measured['rounds']).map((round) => (isRow(round) ? round[metric] : undefined)) : [];
  const numbers = rounds.filter((one) => typeof one === 'number' && Number.isFinite(one)) as number[];
  return numbers.length === 0 || numbers.length < rounds.length ? undefined : numbers;
}

type Missing = { readonly subject: string; readonly metric: string; readonly remedy: string };

function whyNot(section: Row, report: Report, { subject, metric, remedy }: Missing): string {
  const skipped = listOf(section['skipped']).find((one) => isRow(one) && one['subject'] === subject);
  if (isRow(skipped)) return `${subject} was left out: ${String(skipped['why'])}`;
  return `${report.file} has no \`${metric}\` of ${subject} in section \`${String(section['id'])}\`: ${remedy}`;
}

export type Verdict = 'missed' | 'undecided' | 'met' | 'beside' | 'no value';

/** Met or missed only where every round says so; a target that lies inside the spread is not decided. */
export function judge(figure: Figure, value: Value): Verdict {
  if (value.kind === 'none') return 'no value';
  if (figure.target === undefined) return 'beside';
  const { bound, value: target } = figure.target;
  const holds = (one: number): boolean => (bound === '≤' ? one <= target : one >= target);
  if (value.rounds.every(holds)) return 'met';
  return value.rounds.some(holds) ? 'undecided' : 'missed';
}
