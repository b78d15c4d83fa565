/**
 * Runs test files in the order given and shows what they say; not called by hand. The command line of `node --test` would sort
 * them by name.
 *
 *   node run-files.ts RECORDS FILES-AT-ONCE FILE…      0 at once: all in this process
 */
import { appendFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import type { TestRecord } from './suite.ts';

/** A process that does not end, though its tests have, is a failure as well. Much longer than any takes. */
const FILE_TIMEOUT_MS = 600_000;

const [records = '', atOnce = '', ...files] = process.argv.slice(2);
const isIsolated = atOnce !== '0';

const keep = (record: TestRecord): void => appendFileSync(records, `${JSON.stringify(record)}\n`);

const events = run({
  files: files.map((file) => resolve(file)),
  isolation: isIsolated ? 'process' : 'none',
  ...(isIsolated ? { concurrency: Number(atOnce), timeout: FILE_TIMEOUT_MS } : {}),
});
events.on('test:fail', ({ name, file, details, todo }) => {
  // A file and a suite fail by what fails in them.
  const isOwn = (details.error as { failureType?: string }).failureType !== 'subtestsFailed';
  if (isOwn && todo === undefined) keep({ kind: 'failure', file: file ?? '', name });
});
events.on('test:summary', ({ file, duration_ms: tookMs, success, counts }) => {
  if (file !== undefined) return keep({ kind: 'file', file, tookMs });
  keep({ kind: 'end', tests: counts.tests, passed: counts.passed });
  if (!success) process.exitCode = 1;
});
events.compose(spec).pipe(process.stdout);
