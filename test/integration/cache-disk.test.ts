import assert from 'node:assert/strict';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request as ask } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { childrenOf, isAlive } from './processes.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };
const LARGE_BYTES = 100_000;

type Reply = { readonly status: number; readonly body: string; readonly cacheStatus: string; readonly age: number };

/** Answers with the path and the number of the request, for an hour; `/large/…` with a long body. All have tags. */
function startOrigin(): Promise<RawOrigin> {
  return RawOrigin.answering(({ target, method }, index) => {
    if (method !== 'GET') return 'HTTP/1.1 204 No Content\r\n\r\n';
    const body = `${target} ${index} `.padEnd(target.startsWith('/large') ? LARGE_BYTES : 20, '.');
    const tag = target.split('/')[1];
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nSurrogate-Key: ${tag} all\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
}

/** Sluice on one store folder, which may be stopped and started again. */
class Site {
  readonly origin: RawOrigin;
  readonly folder = mkdtempSync(join(tmpdir(), 'sluice-disk-'));
  sluice!: SluiceProcess;

  constructor(origin: RawOrigin) {
    this.origin = origin;
  }

  async close(): Promise<void> {
    await this.sluice.stop();
    await this.origin.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async start(): Promise<void> {
    const config = `
listeners: ["127.0.0.1:0"]
admin: "127.0.0.1:0"
upstreams: { o: "${this.origin.url}" }
routes: [{ name: site, upstream: o, cache: true }]
store: { path: "${this.folder}", cacheDisk: 32MiB }
process: { drainTimeout: 2s }
cacheMemory: 8MiB
`;
    this.sluice = await SluiceProcess.start({ config, env: ENV });
    // On a busy machine the first questions could be given up before the disk is open.
    await this.sluice.untilOutput('disk cache opened');
  }

  async restart(): Promise<void> {
    await this.sluice.stop();
    await this.start();
  }

  async get(path: string, method = 'GET'): Promise<Reply> {
    const { port } = this.sluice;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      ask({ host: '127.0.0.1', port, path, method, agent: false, headers: { host: 'site.example' } }, resolve)
        .on('error', reject)
        .end();
    });
    const { statusCode = 0, headers } = answer;
    const age = Number(headers.age ?? Number.NaN);
    return { status: statusCode, body: (await text(answer)).trim(), cacheStatus: String(headers['cache-status']), age };
  }

  /** Of the disk, as `GET /cache` tells. */
  async figures(): Promise<Readonly<Record<string, number>>> {
    const reply = await fetch(new URL('/cache', this.sluice.addresses.at(-1)));
    return ((await reply.json()) as { readonly disk?: Record<string, number> }).disk ?? {};
  }

  async purge(order: object): Promise<void> {
    const reply = await fetch(new URL('/purge', this.sluice.addresses.at(-1)), { method: 'POST', body: JSON.stringify(order) });
    assert.equal(reply.status, 200, await reply.text());
  }

  async untilOnDisk(objects: number): Promise<void> {
    await waitFor(`${objects} objects on disk`, async () => (await this.figures())['objects'] === objects, 20_000);
  }

  /** The origin was not asked. */
  async isHit(path: string): Promise<boolean> {
    const before = this.origin.requests.length;
    const { cacheStatus } = await this.get(path);
    const isHit = cacheStatus.includes('hit');
    assert.equal(this.origin.requests.length, isHit ? before : before + 1, `${path}: ${cacheStatus}`);
    return isHit;
  }
}

/** One store through all tests; each begins with nothing on disk. */
let site: Site;
before(async () => {
  site = new Site(await startOrigin());
  await site.start();
});
after(() => site.close());
beforeEach(async () => {
  await site.purge({ all: true });
  await site.untilOnDisk(0);
});

test('what was cached is served after a restart, by every worker, with the age that it has', async () => {
  const asked = site.origin.requests.length;
  const before = [await site.get('/a'), await site.get('/large/b')];
  await site.untilOnDisk(2);
  await site.restart();
  assert.equal((await site.figures())['objects'], 2);
  for (let time = 0; time < 8; time++) {
    const after = [await site.get('/a'), await site.get('/large/b')];
    assert.deepEqual(
      after.map(({ body }) => body),
      before.map(({ body }) => body),
    );
    for (const { cacheStatus, age } of after) {
      assert.match(cacheStatus, /hit/);
      assert.ok(age >= 0 && age < 120);
    }
  }
  assert.equal(site.origin.requests.length - asked, 2);
});

test('purges of what is only on disk hold, at once and after another restart', async () => {
  for (const path of ['/url', '/tag/1', '/tag/2', '/prefix/1', '/prefix/2', '/posted', '/kept', '/soft']) await site.get(path);
  await site.untilOnDisk(8);
  await site.restart();
  await site.purge({ url: 'http://site.example/url' });
  await site.purge({ tag: 'tag' });
  await site.purge({ prefix: 'http://site.example/prefix/' });
  await site.purge({ tag: 'soft', soft: true });
  assert.equal((await site.get('/posted', 'POST')).status, 204);
  await site.untilOnDisk(2);
  await site.restart();
  for (const path of ['/url', '/tag/1', '/tag/2', '/prefix/1', '/prefix/2', '/posted']) assert.equal(await site.isHit(path), false, path);
  assert.equal(await site.isHit('/kept'), true);
  assert.equal(await site.isHit('/soft'), false);
  await site.purge({ all: true });
  await site.untilOnDisk(0);
  await site.restart();
  assert.equal(await site.isHit('/kept'), false);
});

test('what has left memory is served from disk', async () => {
  for (let at = 0; at < 150; at++) await site.get(`/large/${at}`);
  await site.untilOnDisk(150);
  for (let at = 0; at < 150; at++) assert.equal(await site.isHit(`/large/${at}`), true, `/large/${at}`);
  assert.ok(((await site.figures())['fetched'] ?? 0) > 50);
});

test('a hot upgrade: the successor serves what is on disk, writes when the old process has given way, and so on at the next start', async () => {
  await site.get('/a');
  await site.untilOnDisk(1);
  const [old = 0] = childrenOf(site.sluice.pid);
  site.sluice.signal('SIGUSR2');
  await waitFor('the old process has ended', () => !isAlive(old), 30_000);
  // Either it has found the lock free, or it has waited for it. The admin port 0 is another one now, so files must tell.
  const log = /disk cache opened[\s\S]*disk cache (?:opened|is written by this process)/;
  await site.sluice.untilOutput(log, 20_000);
  assert.equal(await site.isHit('/a'), true);
  assert.equal(await site.isHit('/large/b'), false);
  await waitFor('its body is on disk', () => globSync(`${site.folder}/cache/bodies/*/*`).length === 1, 20_000);
  await site.restart();
  assert.equal(await site.isHit('/a'), true);
  assert.equal(await site.isHit('/large/b'), true);
});

test('a reload moves the store, takes it away and brings it back', async () => {
  // A store that comes back is older than any purge of this process, as far as anybody can tell.
  await site.restart();
  await site.get('/a');
  await site.untilOnDisk(1);
  const { sluice } = site;
  const base = `listeners: ["127.0.0.1:0"]\nadmin: "127.0.0.1:0"\nupstreams: { o: "${site.origin.url}" }\nroutes: [{ name: site, upstream: o, cache: true }]\n`;
  const reload = async (store: string, cacheMemory = '8MiB'): Promise<void> => {
    sluice.writeConfig(`${base}cacheMemory: ${cacheMemory}\n${store}`);
    const reply = await fetch(new URL('/reload', sluice.addresses.at(-1)), { method: 'POST' });
    assert.equal(reply.status, 200, await reply.text());
  };
  await reload('');
  assert.deepEqual(await site.figures(), {});
  assert.equal(await site.isHit('/a'), true);
  await reload(`store: "${join(site.folder, 'other')}"\n`);
  await site.get('/b');
  await site.untilOnDisk(1);
  await reload(`store: "${site.folder}"\n`, '64MiB');
  await site.untilOnDisk(1);
  assert.equal(await site.isHit('/a'), true);
  assert.equal(await site.isHit('/b'), false);
  await site.untilOnDisk(2);
});

test('a process that is killed while it writes leaves a disk that the next one serves from, whole bodies only', async () => {
  const seen = new Map<string, string>();
  for (let at = 0; at < 60; at++) {
    const path = `/${at % 3 === 0 ? 'large' : 'small'}/${at}`;
    seen.set(path, (await site.get(path)).body);
  }
  await waitFor('some are on disk', async () => ((await site.figures())['objects'] ?? 0) > 20);
  const opened = site.sluice.stderr.split('disk cache opened').length;
  const [proxy = 0] = childrenOf(site.sluice.pid);
  process.kill(proxy, 'SIGKILL');
  await waitFor('another process', () => childrenOf(site.sluice.pid).some((pid) => pid !== proxy), 20_000);
  await waitFor('its disk', () => site.sluice.stderr.split('disk cache opened').length > opened, 20_000);
  await waitFor('it answers', async () => (await site.get('/probe').catch(() => undefined))?.status === 200, 20_000);
  let hits = 0;
  for (const [path, body] of seen) {
    const reply = await site.get(path);
    if (!reply.cacheStatus.includes('hit')) continue;
    assert.equal(reply.body, body);
    hits += 1;
  }
  assert.ok(hits > 20, `${hits} hits`);
  assert.doesNotMatch(site.sluice.stderr, /disk cache thrown away|exception caught/);
  await site.sluice.stop();
  const named = globSync(`${site.folder}/cache/bodies/*/*`).length;
  assert.ok(named <= 20, `${named} files for 20 large bodies`);
});
