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

/** Prints a proof's outcome, and with `out` writes it to `out`.json and `out`.md. Ends with exit code 1 when it failed. */
export function finishProof(proof: {
  readonly title: string;
  readonly script: string;
  readonly text: string;
  readonly rows: readonly Row[];
  readonly report: unknown;
  readonly isGood: boolean;
  readonly out: string | undefined;
}): void {
  const { title, script, text, rows, report, isGood, out } = proof;
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
