/** What a micro program tells: a line for a person, and with `--json FILE` the same as a report that `npm run figures` reads. */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { readMachine, readRevision } from '../bench/machine.ts';

type Round = Record<string, number>;

const measured = new Map<string, Round[]>();
const args = process.argv.slice(2);
const at = args.indexOf('--json');
const file = at === -1 ? undefined : args[at + 1];

/** The arguments but for `--json FILE`. */
export const words: readonly string[] = at === -1 ? args : args.toSpliced(at, 2);

/** Keeps one value. A name that comes again is another round of the same. */
export function tell(name: string, metric: string, value: number): void {
  const rounds = measured.get(name) ?? [];
  measured.set(name, rounds);
  rounds.push({ [metric]: value });
}

function write(path: string): void {
  const script = basename(process.argv[1] ?? '', '.ts');
  const sections = [{ id: script, measured: [...measured].map(([subject, rounds]) => ({ subject, rounds })), skipped: [] }];
  const command = ['node', `scripts/micro/${script}.ts`, ...words].join(' ');
  const date = new Date().toISOString().slice(0, 10);
  const report = { tool: 'micro', format: 1, date, revision: readRevision(), machine: readMachine(), command, sections };
  writeFileSync(path, `${JSON.stringify(report, null, 1)}\n`);
}

if (isMainThread && file !== undefined) process.on('exit', () => write(file));
