import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { askOnce } from '../harness/raw-client.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import type { Reply } from '../harness/http-reply.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { killUnderKeys } from './idempotency-killing.ts';
import { childrenOf } from './processes.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };

const runs = new Map<string, number>();
/** Counts the runs of each key, from 0. */
const numbered: Answer = (request) => {
  const key = String(request.field('idempotency-key'));
  const run = runs.get(key) ?? 0;
  runs.set(key, run + 1);
  const body = `run ${run}`;
  return `HTTP/1.1 201 Created\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

/** Sluice on one store folder, which may be stopped and started again. */
class Site {
  readonly origin: RawOrigin;
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-keyed-'));
  sluice!: SluiceProcess;

  constructor(origin: RawOrigin) {
    this.origin = origin;
  }

  config(idempotencyKey = '{ maxWait: 20s }'): string {
    return `
listeners: ["127.0.0.1:0"]
admin: "127.0.0.1:0"
upstreams: { o: "${this.origin.url}" }
routes:
  - { name: pay, upstream: o, dedupe: { idempotencyKey: ${idempotencyKey} } }
  - { name: die, match: /die, respond: 200, filters: [./die.ts] }
store: { path: "${this.folder}", idempotencyDisk: 8MiB }
process: { drainTimeout: 5s }
`;
  }

  async start(config = this.config()): Promise<void> {
    const files = { 'die.ts': 'export const filter = { request: () => process.exit(7) };\n' };
    this.sluice = await SluiceProcess.start({ config, files, env: ENV });
  }

  async close(): Promise<void> {
    await this.sluice.stop();
    await this.origin.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** How often the origin was asked with a key. */
  runsOf(key: string): number {
    return this.origin.requests.filter((request) => request.field('idempotency-key') === key).length;
  }

  post(key: string, body = 'pay'): Promise<Reply> {
    return askOnce(
      this.sluice.port,
      `POST /pay HTTP/1.1\r\nHost: a\r\nIdempotency-Key: ${key}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      30_000,
    );
  }

  async metrics(): Promise<string> {
    const reply = await askOnce(
      Number(this.sluice.addresses[1]?.port),
      'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
    );
    return reply.text;
  }
}

/** Has the origin keep its answers until it is told. */
function hold(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  answer = (request, index, connection) => promise.then(() => numbered(request, index, connection));
  return resolve;
}

function wordOf(reply: Reply): string {
  const isReplayed = reply.field('idempotent-replayed') === 'true';
  return reply.status === 201
    ? `${isReplayed ? 'replay ' : ''}${reply.text}`
    : `${reply.status} ${/problem:([\w-]+)/.exec(reply.text)?.[1]}`;
}

/** One store through all tests, each with keys of its own. */
let answer: Answer = numbered;
let site: Site;
before(async () => {
  site = new Site(await RawOrigin.answering((request, index, connection) => answer(request, index, connection)));
  await site.start(site.config('false'));
});
after(() => site.close());
beforeEach(() => {
  answer = numbered;
});

test('a reload that first asks for keys finds records', async () => {
  assert.equal(wordOf(await site.post('first')), 'run 0');
  site.sluice.writeConfig(site.config());
  site.sluice.signal('SIGHUP');
  await site.sluice.untilOutput('reload ended');
  assert.equal(wordOf(await site.post('first')), 'run 1');
  assert.equal(wordOf(await site.post('first')), 'replay run 1');
});

test('an answer is replayed on all workers, after a reload, and after a restart; nobody else can read the records', async () => {
  assert.equal(wordOf(await site.post('k')), 'run 0');
  // Connections spread over both workers.
  for (let i = 0; i < 8; i++) assert.equal(wordOf(await site.post('k')), 'replay run 0');
  await waitFor('the metrics know', async () => (await site.metrics()).includes('sluice_idempotency_records 2\n'));
  assert.match(await site.metrics(), /sluice_idempotency_total\{route="pay",result="replayed"\} 9\n/);
  const reloads = site.sluice.stderr.split('reload ended').length;
  site.sluice.signal('SIGHUP');
  await waitFor('reloaded', () => site.sluice.stderr.split('reload ended').length > reloads);
  assert.equal(wordOf(await site.post('k')), 'replay run 0');
  await site.sluice.stop();
  const records = join(site.folder, 'idempotency');
  assert.equal(statSync(records).mode & 0o777, 0o700);
  assert.equal(statSync(join(records, 'records.db')).mode & 0o077, 0);
  assert.deepEqual(readdirSync(join(records, 'owners')), [], 'an end in order leaves no lock behind');
  assert.ok(!readFileSync(join(records, 'records.db')).includes('"k"'), 'keys are not on disk');
  await site.start();
  assert.equal(wordOf(await site.post('k')), 'replay run 0');
  assert.equal(wordOf(await site.post('k', 'more')), '422 idempotency-key-reused');
  assert.equal(site.runsOf('k'), 1);
});

test('a drain waits for what clients will ask for, though they have left', async () => {
  const release = hold();
  const left = site.post('drained').catch(() => undefined);
  await waitFor('it runs', () => site.runsOf('drained') === 1);
  site.sluice.signal('SIGTERM');
  await site.sluice.untilOutput('drain started');
  release();
  await left;
  await site.sluice.untilExit();
  await site.start();
  assert.equal(wordOf(await site.post('drained')), 'replay run 0');
});

test('a hot upgrade: the new process knows what ran and what runs in the old one', async () => {
  await site.post('before');
  const release = hold();
  const running = site.post('upgraded');
  await waitFor('it runs', () => site.runsOf('upgraded') === 1);
  site.sluice.signal('SIGUSR2');
  await site.sluice.untilOutput('drain started', 60_000);
  assert.equal(wordOf(await site.post('before')), 'replay run 0');
  const waiting = site.post('upgraded');
  release();
  assert.equal(wordOf(await running), 'run 0');
  assert.equal(wordOf(await waiting), 'replay run 0');
  assert.deepEqual([site.runsOf('before'), site.runsOf('upgraded')], [1, 1]);
});

test('what ran on a worker that died is unknown to the other worker at once', async () => {
  const release = hold();
  const broken = site.post('orphan').then(wordOf, () => 'broken');
  await waitFor('it runs', () => site.runsOf('orphan') === 1);
  // Until it hits the worker that has the request.
  let isOver = false;
  void broken.then(() => (isOver = true));
  while (!isOver) await askOnce(site.sluice.port, 'GET /die HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => undefined);
  assert.equal(await broken, 'broken');
  const after = await waitFor('somebody serves', () =>
    site
      .post('orphan')
      .then(wordOf)
      .catch(() => undefined),
  );
  assert.equal(after, '409 idempotency-outcome-unknown');
  release();
});

test('what ran when the process was killed is unknown, for those who wait and those who come', async () => {
  const release = hold();
  const broken = site.post('killed').catch(() => 'broken');
  await waitFor('it runs', () => site.runsOf('killed') === 1);
  for (const pid of childrenOf(site.sluice.pid)) process.kill(pid, 'SIGKILL');
  assert.equal(await broken, 'broken');
  release();
  await waitFor('another process serves', () => site.post('other').catch(() => undefined), 30_000);
  assert.equal(wordOf(await site.post('killed')), '409 idempotency-outcome-unknown');
  await site.sluice.stop();
  await site.start();
  assert.equal(wordOf(await site.post('killed')), '409 idempotency-outcome-unknown');
  assert.equal(site.runsOf('killed'), 1);
});

test('records that are damaged are not thrown away: keyed requests are refused, others go on, until somebody repairs it', async () => {
  await site.post('damaged');
  await site.sluice.stop();
  const path = join(site.folder, 'idempotency', 'records.db');
  const good = readFileSync(path);
  writeFileSync(path, 'this is no database, and never was one');
  await site.start();
  await site.sluice.untilOutput('idempotency records cannot be used');
  assert.equal(wordOf(await site.post('damaged')), '503 idempotency-unavailable');
  const unkeyed = await askOnce(site.sluice.port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n');
  assert.equal(unkeyed.status, 201);
  writeFileSync(path, good);
  const reply = await waitFor('it is open again', async () => {
    const word = wordOf(await site.post('damaged'));
    return word.startsWith('503') ? undefined : word;
  });
  assert.equal(reply, 'replay run 0');
});

test('under kills at random moments a key runs once or is told as unknown', async () => {
  const { counts, faults } = await killUnderKeys({ kills: 2, seed: 7 });
  assert.deepEqual(faults, []);
  assert.ok(counts.answered > 0 && counts.caught > 0);
});
