import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../pinned-node.ts';

/** How long each file took when it last ran here. */
export type Durations = Readonly<Record<string, number>>;

const KEPT = join(ROOT, 'node_modules/.cache/sluice/test-durations.json');
/** Of one test that starts Sluice, and of a whole file that does not. */
const GUESSED_PROCESS_TEST_MS = 2000;
const GUESSED_FILE_MS = 2000;

export function lastDurations(): Durations {
  try {
    return JSON.parse(readFileSync(KEPT, 'utf8')) as Durations;
  } catch {
    return {};
  }
}

export function keepDurations(durations: Durations): void {
  mkdirSync(dirname(KEPT), { recursive: true });
  writeFileSync(KEPT, JSON.stringify({ ...lastDurations(), ...durations }));
}

/** A long file that begins last runs alone at the end while the other cores have nothing to do. */
export function longestFirst(files: readonly string[]): readonly string[] {
  const last = lastDurations();
  const expected = new Map(files.map((file) => [file, last[file] ?? guess(file)]));
  return files.toSorted((a, b) => (expected.get(b) ?? 0) - (expected.get(a) ?? 0));
}

/** For a first run: what starts processes takes longest. */
function guess(file: string): number {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return text.includes('sluice-process') ? text.split('\ntest(').length * GUESSED_PROCESS_TEST_MS : GUESSED_FILE_MS;
}
