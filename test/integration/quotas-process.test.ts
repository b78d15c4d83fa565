import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { quotaFile } from '../../src/runtime/quotas/quota-schema.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor, within } from '../harness/wait-for.ts';
import { childrenOf } from './processes.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };
const FLUSH_MS = 100;
const KILLS = 2;
const CLIENTS = 4;
const PAUSE_MS = 20;
/** What a busy machine may add to that. */
const MARGIN_MS = 1_500;

/** Sluice on one store folder, which may be stopped and started again. */
class Site {
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-quotas-'));
  readonly #upstream: string;
  /** A port 0 of the admin listener would be another one after a death. */
  readonly #adminPort: number;
  sluice!: SluiceProcess;

  constructor(adminPort: number, upstream: string) {
    this.#adminPort = adminPort;
    this.#upstream = upstream;
  }

  get config(): string {
    return `
listeners: ["127.0.0.1:0"]
admin: "${this.adminAddress}"
upstreams: { o: "${this.#upstream}" }
consumers: { list: [{ name: acme, keys: [acme-secret], tier: basic }] }
tiers: { basic: { quotas: [100000/month] }, small: { quotas: [5/month] } }
routes:
  - { name: api, match: /api, respond: 200, tiers: { plan: [basic, small], default: basic } }
  - { name: busy, match: /busy, upstream: o, limits: [{ name: one, key: consumer, concurrency: 1 }] }
  - { name: die, match: /die, respond: 200, filters: [./die.ts] }
store: { path: "${this.folder}" }
usage: { flush: ${FLUSH_MS}ms }
`;
  }

  async start(): Promise<void> {
    const files = { 'die.ts': 'export const filter = { request: () => process.exit(7) };\n' };
    this.sluice = await SluiceProcess.start({ config: this.config, files, env: ENV });
  }

  async close(): Promise<void> {
    await this.sluice.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The status; 0 = no answer. A connection of its own, so that all workers get some. */
  async ask(path = '/api'): Promise<number> {
    try {
      const headers = { 'x-api-key': 'acme-secret', connection: 'close' };
      const reply = await fetch(`http://127.0.0.1:${this.sluice.port}${path}`, { headers });
      await reply.text();
      return reply.status;
    } catch {
      return 0;
    }
  }

  get adminAddress(): string {
    return `127.0.0.1:${this.#adminPort}`;
  }

  admin(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://${this.adminAddress}${path}`, { headers: { connection: 'close' }, ...init });
  }

  /** What is used of the quota, as all workers see it. */
  async used(): Promise<number> {
    const reply = await this.admin('/limits/key?limit=month&key=acme');
    const { used } = (await reply.json()) as { used: number };
    return used;
  }

  /** What is on disk. */
  kept(): number {
    const database = new DatabaseSync(quotaFile(this.folder), { readOnly: true });
    try {
      return Number(database.prepare('SELECT coalesce(sum(used), 0) AS used FROM quotas').get()?.['used']);
    } finally {
      database.close();
    }
  }

  /** The proxy process, by SIGKILL; resolves when its successor serves. */
  async kill(): Promise<void> {
    const [proxy] = childrenOf(this.sluice.pid);
    assert.ok(proxy !== undefined);
    process.kill(proxy, 'SIGKILL');
    await waitFor('another process', () => childrenOf(this.sluice.pid).some((pid) => pid !== proxy));
    await waitFor('it is ready', async () => (await this.admin('/readyz').catch(() => undefined))?.status === 200, 30_000);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** One store through all tests, which begin with what those before them have used. */
let origin: RawOrigin;
let site: Site;
const asked = Promise.withResolvers<void>();
const answered = Promise.withResolvers<void>();
before(async () => {
  origin = await RawOrigin.answering(() => {
    asked.resolve();
    return answered.promise.then(() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  });
  site = new Site(await freePort(), origin.url);
  await site.start();
});
after(() => site.close());
after(() => origin.close());

test('explain asks a running Sluice what is left', async () => {
  assert.equal(await site.ask(), 200);
  const files = { 'die.ts': 'export const filter = { request: () => {} };\n' };
  const command = ['explain', '--admin', site.adminAddress, '-H', 'X-API-Key: acme-secret', 'GET', '/api'];
  const { code, stdout } = await SluiceProcess.run(command, { config: site.config, files });
  assert.equal(code, 0);
  assert.match(stdout, /^consumer: acme; tier basic$/m);
  assert.match(stdout, /^quota month: 100000 a calendar month \(UTC\), .* 1 used, 99999 left until \d{4}-\d\d-01T00:00:00.000Z$/m);
});

test('a consumer that is moved by the admin listener has the other tier on all workers at once, and after a restart', async () => {
  while ((await site.used()) < 4) assert.equal(await site.ask(), 200);
  const moved = await site.admin('/limits/consumer?name=acme', { method: 'PUT', body: '{"tier": "small"}' });
  assert.deepEqual(
    [moved.status, await moved.json()],
    [200, { consumer: 'acme', tier: 'small', configuredTier: 'basic', keptOnDisk: true }],
  );
  assert.deepEqual([await site.ask(), await site.ask(), await site.ask(), await site.ask()], [200, 429, 429, 429]);
  await site.sluice.stop();
  await site.start();
  assert.deepEqual([await site.ask(), await site.ask()], [429, 429]);
  assert.equal((await SluiceProcess.run(['limits', 'move', 'acme', '--admin', site.adminAddress])).code, 0);
  assert.deepEqual([await site.ask(), await site.ask()], [200, 200]);
});

test('what a worker had in flight when it died is in flight no more', async () => {
  const lost = site.ask('/busy');
  await within('in flight', asked.promise);
  assert.deepEqual([await site.ask('/busy'), await site.ask('/busy'), await site.ask('/busy')], [429, 429, 429]);
  // Its connections go with a worker; which one has the request, only they know.
  await waitFor('the worker is dead', async () => {
    await site.ask('/die');
    return Promise.race([lost.then(() => true), new Promise<false>((later) => setImmediate(() => later(false)))]);
  });
  assert.equal(await lost, 0);
  answered.resolve();
  await waitFor('free again', async () => (await site.ask('/busy')) === 200);
});

test('what was used of a quota is the same for all workers, and there after a stop, a SIGKILL and a hot upgrade', async () => {
  const [used, kept] = [await site.used(), site.kept()];
  const use = async (times: number): Promise<void> => {
    for (let asked = 0; asked < times; asked++) assert.equal(await site.ask(), 200);
  };
  await use(20);
  assert.equal(await site.used(), used + 20);
  await site.sluice.stop();
  assert.equal(site.kept(), kept + 20);
  await site.start();
  assert.equal(await site.used(), used + 20);
  await use(3);
  await waitFor('on disk', () => site.kept() === kept + 23);
  await site.kill();
  assert.equal(await site.used(), used + 23);
  await use(2);
  const [old] = childrenOf(site.sluice.pid);
  site.sluice.signal('SIGUSR2');
  let more = 25;
  await waitFor(
    'the old process is gone',
    async () => {
      // Both count for a while.
      if ((await site.ask()) === 200) more += 1;
      const now = childrenOf(site.sluice.pid);
      return now.length === 1 && now[0] !== old;
    },
    30_000,
  );
  await waitFor('both are added up', async () => (await site.used()) === used + more);
  await waitFor('on disk', () => site.kept() === kept + more);
});

test('a SIGKILL under load costs no more than usage.flush', async () => {
  const usedBefore = await site.used();
  const admitted: number[] = [];
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) {
      if ((await site.ask()) === 200) admitted.push(performance.now());
      // Who is refused at once would else have the processor that the next process starts on.
      else await sleep(PAUSE_MS);
    }
  });
  for (let kills = 0; kills < KILLS; kills++) {
    const before = admitted.length;
    await waitFor('some requests', () => admitted.length > before + 100, 20_000);
    const killedMs = performance.now();
    const sure = admitted.filter((atMs) => atMs < killedMs - FLUSH_MS - MARGIN_MS).length;
    const all = admitted.length;
    await site.kill();
    const used = (await site.used()) - usedBefore;
    assert.ok(used >= sure, `${used} are known of ${sure} that were long answered and ${all} in all`);
  }
  isOver = true;
  await Promise.all(clients);
  // Nothing is counted that did not happen: those under way at a kill have no answer.
  assert.ok((await site.used()) - usedBefore <= admitted.length + CLIENTS * KILLS);
});
