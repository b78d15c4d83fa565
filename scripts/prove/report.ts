import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { commandLine, readMachine, readRevision } from '../bench/machine.ts';

/** A line of a table: what it is, and its value. */
export type Row = readonly [string, string | number];

/** The value of `--name N`, or what is meant without it. */
export function readNumbers<Name extends string>(
  defaults: Readonly<Record<Name, number>>,
): Readonly<Record<Name, number>> & { readonly out: string | undefined } {
  const names = Object.keys(defaults) as Name[];
  const options = Object.fromEntries([...names, 'out'].map((name) => [name, { type: 'string' as const }]));
  const { values } = parseArgs({ options });
  const numbers = Object.fromEntries(names.map((name) => [name, Number(values[name] ?? defaults[name])]));
  const out = values.out;
  // Every name has been given its number above.
  return { ...(numbers as Record<Name, number>), out: typeof out === 'string' ? out : undefined };
}

export type Report = {
  readonly title: string;
  readonly script: string;
  readonly text: string;
  readonly rows: readonly Row[];
  readonly report: unknown;
  readonly isGood: boolean;
  readonly out: string | undefined;
};

/** Of so many faults the words are printed. */
const SHOWN_FAULTS = 20;

/** A report of what must have no faults; `isGood`: what must hold besides. */
export function finishProof(proof: Report & { readonly faults: readonly string[]; readonly seconds: number }): void {
  const { faults, seconds, ...report } = proof;
  const rows: readonly Row[] = [...proof.rows, ['**faults**', faults.length], ['seconds', Math.round(seconds)]];
  finishReport({ ...report, rows, isGood: proof.isGood && faults.length === 0 });
  for (const fault of faults.slice(0, SHOWN_FAULTS)) console.error(fault.slice(0, 3000));
}

/** Prints an outcome, and with `out` writes it to `out`.json and `out`.md. Ends with exit code 1 when it is not good. */
export function finishReport(outcome: Report): void {
  const { title, script, text, rows, report, isGood, out } = outcome;
  const machine = readMachine();
  const revision = readRevision();
  const verdict = isGood ? 'Holds.' : '**Does not hold.**';
  const date = new Date().toISOString().slice(0, 10);
  const lines = [
    `# ${title}, ${date}`,
    '',
    `- commit ${revision.commit}${revision.dirty ? ' and changes' : ''}`,
    `- ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, load ${machine.loadBefore}`,
    `- ${machine.distribution}, ${machine.kernel}, Node ${machine.node}`,
    '',
    `\`${commandLine(script)}\``,
    '',
    text,
    '',
    '| | |',
    '| --- | --- |',
    ...rows.map(([name, value]) => `| ${name} | ${typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', ' ') : value} |`),
    '',
    verdict,
    '',
  ];
  console.log(lines.join('\n'));
  if (out !== undefined) {
    writeFileSync(`${out}.md`, lines.join('\n'));
    writeFileSync(
      `${out}.json`,
      `${JSON.stringify({ title, date, command: commandLine(script), machine, revision, isGood, report }, null, 1)}\n`,
    );
  }
  if (!isGood) process.exitCode = 1;
}
