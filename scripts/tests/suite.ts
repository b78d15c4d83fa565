import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pinnedEnv, pinnedNode, ROOT } from '../pinned-node.ts';
import { keepDurations, longestFirst } from './durations.ts';

/** What `run-files.ts` writes down, a line each. */
export type TestRecord =
  | { readonly kind: 'failure'; readonly file: string; readonly name: string }
  | { readonly kind: 'file'; readonly file: string; readonly tookMs: number }
  | { readonly kind: 'end'; readonly tests: number; readonly passed: number };

export type SuiteOptions = {
  readonly files: readonly string[];
  /** Go to `node` before each test file. */
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

export type SuiteResult = {
  readonly tookMs: number;
  readonly tests: number;
  /** `file: name`; a process that ended before it could tell is one too. */
  readonly failures: readonly string[];
};

type Group = { readonly files: readonly string[]; readonly filesAtOnce: number; readonly isShownAtOnce: boolean };

/** A test that hangs is a failure; the slowest honest one takes well under this. */
const TEST_TIMEOUT_MS = 300_000;
const MIN_FILES_AT_ONCE = 4;

// Pure code needs no process of its own for each file, whose start takes longer than most tests of it.
const isPure = (file: string): boolean => file.startsWith('test/unit/');

/** Runs the files, shows what they say, and keeps how long each took for the order of the next run. */
export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const startedMs = performance.now();
  const sources = await keepSources();
  // Node's own default leaves one core out, which on two cores means one file at a time; most files wait for sockets, timers and processes.
  const filesAtOnce = Math.max(MIN_FILES_AT_ONCE, availableParallelism());
  const pure = options.files.filter(isPure);
  const others = longestFirst(options.files.filter((file) => !isPure(file)));
  const groups: Group[] = [
    { files: others, filesAtOnce, isShownAtOnce: true },
    { files: pure, filesAtOnce: 0, isShownAtOnce: others.length === 0 },
  ];
  const flags = [`--import=${sources}`, `--test-timeout=${TEST_TIMEOUT_MS}`, ...options.flags];
  const running = groups.filter(({ files }) => files.length > 0).map((group) => runGroup(group, { ...options, flags }));
  const records = (await Promise.all(running)).flat();
  keepDurations(Object.fromEntries(records.flatMap((record) => (record.kind === 'file' ? [[pathOf(record.file), record.tookMs]] : []))));
  return {
    tookMs: performance.now() - startedMs,
    tests: records.reduce((sum, record) => (record.kind === 'end' ? sum + record.tests : sum), 0),
    failures: records.flatMap((record) => (record.kind === 'failure' ? [`${pathOf(record.file)}: ${record.name}`] : [])),
  };
}

/** What it prints is shown at once, or when it has ended. */
async function runGroup({ files, filesAtOnce, isShownAtOnce }: Group, { flags, env }: SuiteOptions): Promise<readonly TestRecord[]> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-suite-'));
  const path = join(folder, 'records');
  const child = spawn(
    pinnedNode(),
    ['--disable-warning=ExperimentalWarning', ...flags, join(import.meta.dirname, 'run-files.ts'), path, String(filesAtOnce), ...files],
    { cwd: ROOT, env: { ...pinnedEnv(), ...env }, stdio: ['ignore', isShownAtOnce ? 'inherit' : 'pipe', 'inherit'] },
  );
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  process.stdout.write(Buffer.concat(chunks));
  const records = readRecords(path);
  rmSync(folder, { recursive: true });
  const isTold = code === 0 || records.some(({ kind }) => kind === 'failure');
  if (isTold && records.at(-1)?.kind === 'end') return records;
  return [...records, { kind: 'failure', file: 'the run', name: `ended with ${signal ?? `exit code ${code}`}` }];
}

function readRecords(path: string): readonly TestRecord[] {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
  return lines.map((line) => JSON.parse(line) as TestRecord);
}

const pathOf = (file: string): string => (file.startsWith('/') ? relative(ROOT, file) : file);

/** JavaScript, as what it shares with the launcher is. */
async function keepSources(): Promise<string> {
  const path = new URL('./keep-sources.mjs', import.meta.url).href;
  const { keepTestSources } = (await import(path)) as { keepTestSources(): string };
  return keepTestSources();
}
