import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test, type TestContext } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { LineEventLog } from '../../src/observe/log.ts';
import { quotaFile } from '../../src/runtime/quotas/quota-schema.ts';
import { QuotasHost } from '../../src/runtime/quotas/quotas-host.ts';
import { createQuotaTable, QuotaTable } from '../../src/shm/quota-table.ts';
import { readSources } from '../harness/own-sources.ts';
import { waitFor } from '../harness/wait-for.ts';
import { temporaryFolder } from '../unit/runtime/store-kit.ts';

const WORKER = 0;
const THREAD = 2;
const KEY = [11, 12] as const;
const START_SEC = 1_700_000_040;
const NEVER_MS = 3_600_000;

function keptIn(folder: string): number {
  const database = new DatabaseSync(quotaFile(folder), { readOnly: true });
  try {
    return Number(database.prepare('SELECT coalesce(sum(used), 0) AS used FROM quotas').get()?.['used']);
  } finally {
    database.close();
  }
}

/** Every thread that this one starts, in order. */
function threadsOf(t: TestContext): readonly Worker[] {
  const threads: Worker[] = [];
  const onWorker = (worker: Worker): void => void threads.push(worker);
  process.on('worker', onWorker);
  t.after(() => process.off('worker', onWorker));
  return threads;
}

test('a thread that gets to its store late begins it under the seed of the table, and leaves one alone that has another', async (t) => {
  const folder = temporaryFolder(t);
  const told: string[] = [];
  const log = new LineEventLog((line) => told.push(line), Date.now);
  const sources = await readSources();
  const hosts = [3, 3, 4].map((seed) => {
    const quotas = createQuotaTable({ bytes: 2 ** 16, seed: Buffer.alloc(16, seed) });
    const host = new QuotasHost({ sources, log });
    return { host, quotas };
  });
  for (const { host, quotas } of hosts) {
    new QuotaTable(quotas, WORKER).add(...KEY, START_SEC, 5);
    host.prepare({ storePath: folder, quotas, participant: THREAD, flushMs: NEVER_MS });
    await host.opened();
    await host.close();
  }
  assert.equal(keptIn(folder), 10);
  assert.equal(told.filter((line) => line.includes('was not to be had at the start')).length, 1);
});

test('what a quotas thread had taken from the table and not written when it died, the next one writes', async (t) => {
  const folder = temporaryFolder(t);
  const threads = threadsOf(t);
  const quotas = createQuotaTable({ bytes: 2 ** 16, seed: Buffer.alloc(16, 3) });
  const table = new QuotaTable(quotas, WORKER);
  let log = '';
  const write = (line: string): void => {
    log += line;
  };
  const host = new QuotasHost({ sources: await readSources(), log: new LineEventLog(write, Date.now) });
  t.after(() => host.close());
  host.prepare({ storePath: folder, quotas, participant: THREAD, flushMs: NEVER_MS });
  await host.opened();
  table.add(...KEY, START_SEC, 5);
  // As its `sync` begins.
  new QuotaTable(quotas, THREAD).forEachChanged(() => {});
  const dying = threads.at(-1);
  assert.ok(dying !== undefined);
  await dying.terminate();
  await waitFor('the next one has opened', () => log.split('"quotas opened"').length === 3, 20_000);
  assert.equal(keptIn(folder), 5);
});
