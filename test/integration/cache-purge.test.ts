import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const WORKERS = 2;
/** New connections, so many that every worker has some of them. */
const ASKED = 10;
const ENV = { SLUICE_WORKERS: String(WORKERS), SLUICE_LOG: 'info' };

/** Tells its version in every answer, which is fresh for an hour; `/tagged/…` has tags; `/held` waits for its barrier. */
class VersionedOrigin {
  version = 1;
  requests = 0;
  validations = 0;
  barrier: Barrier | undefined;
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async open(t: TestContext): Promise<number> {
    t.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const { version } = this;
    const path = request.url ?? '/';
    if (path.startsWith('/held')) await this.barrier?.wait();
    response.setHeader('cache-control', 'max-age=3600');
    response.setHeader('etag', `"${version}"`);
    response.setHeader('surrogate-key', `all-of-it ${path.replaceAll('/', '-').slice(1)}`);
    if (request.headers['if-none-match'] === `"${version}"`) {
      this.validations += 1;
      response.writeHead(304).end();
      return;
    }
    response.end(`${path} ${version}`);
  }
}

type Scene = { readonly sluice: SluiceProcess; readonly origin: VersionedOrigin };

/** `/die` ends the worker that it reaches; below `/keyed` the key has more in it than the URL. */
async function open(t: TestContext): Promise<Scene> {
  const origin = new VersionedOrigin();
  const more = `routes:
  - { name: deadly, match: /die, upstream: o, filters: ["./die.ts"] }
  - { name: keyed, match: "/keyed/*", upstream: o, cache: { key: { headers: [x-tenant] } } }
  - { name: site, upstream: o, cache: true }`;
  const config = configOf(await origin.open(t), 'true').replace(/^routes:.*$/m, more);
  const files = { 'die.ts': 'export default { request() { process.exit(3); } };\n' };
  const sluice = await SluiceProcess.start({ config, files, env: ENV });
  t.after(() => sluice.stop());
  return { sluice, origin };
}

function configOf(port: number, cache: string, top = ''): string {
  return `admin: "127.0.0.1:0"\nlisteners: ["127.0.0.1:0"]\n${top}\nupstreams: { o: "http://127.0.0.1:${port}" }\nroutes: [{ name: site, upstream: o, cache: ${cache} }]\n`;
}

function adminOf(sluice: SluiceProcess): string {
  return sluice.addresses.at(-1)?.origin ?? '';
}

async function textOf({ sluice }: Scene, path: string): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${sluice.port}${path}`, { headers: { connection: 'close' } });
  return reply.text();
}

/** What all workers say: each text that came, once. */
async function textsOf(scene: Scene, path: string): Promise<readonly string[]> {
  const texts = new Set<string>();
  for (let asked = 0; asked < ASKED; asked++) texts.add(await textOf(scene, path));
  return [...texts];
}

async function purge({ sluice }: Scene, order: object): Promise<unknown> {
  const reply = await fetch(`${adminOf(sluice)}/purge`, { method: 'POST', body: JSON.stringify(order) });
  return { status: reply.status, ...((await reply.json()) as object) };
}

async function metricsOf({ sluice }: Scene): Promise<string> {
  return (await fetch(`${adminOf(sluice)}/metrics`)).text();
}

const PATHS = ['/a', '/b', '/img/1', '/img/2?x=1'];
const urlOf = ({ sluice }: Scene, path: string): string => `http://127.0.0.1:${sluice.port}${path}`;

/** Every worker has all of PATHS; returns how often the origin was asked for them. */
async function readAll(scene: Scene): Promise<number> {
  const { origin } = scene;
  const asked = origin.requests;
  for (const path of PATHS) assert.deepEqual(await textsOf(scene, path), [`${path} ${origin.version}`]);
  return origin.requests - asked;
}

/** Stores all of PATHS where nothing is stored. */
async function warm(scene: Scene): Promise<void> {
  assert.equal(await readAll(scene), PATHS.length);
}

async function takesWhatItNames(scene: Scene): Promise<void> {
  await warm(scene);
  const orders: [order: object, purged: number, gone: readonly string[]][] = [
    [{ url: urlOf(scene, '/a') }, 1, ['/a']],
    [{ url: urlOf(scene, '/a').replace('http:', 'https:') }, 1, ['/a']],
    [{ url: urlOf(scene, '/a?x') }, 0, []],
    [{ prefix: urlOf(scene, '/img/') }, 2, ['/img/1', '/img/2?x=1']],
    [{ prefix: '/img/1' }, 1, ['/img/1']],
    [{ prefix: 'http://other.example/' }, 0, []],
    [{ tag: 'img-1' }, 1, ['/img/1']],
    [{ tag: 'all-of-it' }, 4, PATHS],
    [{ tag: 'all' }, 0, []],
    [{ all: true }, 4, PATHS],
  ];
  const versions = new Map(PATHS.map((path) => [path, 1]));
  for (const [order, purged, gone] of orders) {
    scene.origin.version += 1;
    assert.deepEqual(await purge(scene, order), { status: 200, purged }, JSON.stringify(order));
    for (const path of gone) versions.set(path, scene.origin.version);
    for (const path of PATHS) assert.deepEqual(await textsOf(scene, path), [`${path} ${versions.get(path)}`], JSON.stringify(order));
  }
  const metrics = await metricsOf(scene);
  assert.match(metrics, /^sluice_cache_purged_total\{kind="url"\} 2$/m);
  assert.match(metrics, /^sluice_cache_purged_total\{kind="prefix"\} 3$/m);
  assert.match(metrics, /^sluice_cache_purged_total\{kind="tag"\} 5$/m);
  assert.match(metrics, /^sluice_cache_purged_total\{kind="all"\} 4$/m);
  assert.match(metrics, /^sluice_cache_objects 4$/m);
}

async function losesAllValues(scene: Scene): Promise<void> {
  const { origin } = scene;
  const path = '/keyed/a';
  const ask = async (tenant: string): Promise<string> =>
    (await fetch(urlOf(scene, path), { headers: { connection: 'close', 'x-tenant': tenant } })).text();
  const asked = origin.requests;
  for (const tenant of ['one', 'two', 'one', 'two']) assert.equal(await ask(tenant), `${path} ${origin.version}`);
  assert.equal(origin.requests - asked, 2);
  origin.version += 1;
  assert.deepEqual(await purge(scene, { url: urlOf(scene, path) }), { status: 200, purged: 2 });
  for (const tenant of ['one', 'two']) assert.equal(await ask(tenant), `${path} ${origin.version}`);
}

async function validatesAndKeeps(scene: Scene): Promise<void> {
  await warm(scene);
  for (const [order, purged] of [
    [{ url: urlOf(scene, '/a') }, 1],
    [{ tag: 'img-1' }, 1],
    [{ prefix: '/b' }, 1],
    [{ all: true }, 4],
  ] as const) {
    const { validations } = scene.origin;
    assert.deepEqual(await purge(scene, { ...order, soft: true }), { status: 200, purged });
    assert.deepEqual([await readAll(scene), scene.origin.validations - validations], [purged, purged], JSON.stringify(order));
  }
}

/** Purges while the origin still thinks about its answer. */
async function purgeUnderWay(scene: Scene, path: string, order: object): Promise<void> {
  const { origin } = scene;
  const asked = origin.requests;
  const barrier = new Barrier('the answer');
  origin.barrier = barrier;
  const old = origin.version;
  const first = textOf(scene, path);
  await waitFor('the origin has the request', () => origin.requests > asked);
  assert.deepEqual(await purge(scene, order), { status: 200, purged: 0 });
  barrier.open();
  assert.equal(await first, `${path} ${old}`);
  origin.version += 1;
  assert.deepEqual(await textsOf(scene, path), [`${path} ${origin.version}`], JSON.stringify(order));
  await purge(scene, { all: true });
}

async function holdsUnderLoad(scene: Scene): Promise<void> {
  let isOver = false;
  let floor = scene.origin.version;
  const tooOld: string[] = [];
  const ask = async (): Promise<void> => {
    while (!isOver) {
      const atLeast = floor;
      const text = await (await fetch(urlOf(scene, '/a'))).text();
      if (Number(text.split(' ')[1]) < atLeast) tooOld.push(`${text}, wanted ${atLeast}`);
    }
  };
  const load = Array.from({ length: 8 }, ask);
  for (let round = 0; round < 40; round++) {
    scene.origin.version += 1;
    const kind = [{ url: urlOf(scene, '/a') }, { prefix: '/a' }, { tag: 'a' }, { all: true }][round % 4];
    await purge(scene, kind ?? {});
    floor = scene.origin.version;
  }
  isOver = true;
  await Promise.all(load);
  assert.deepEqual(tooOld, []);
}

async function printsWhatWasPurged(scene: Scene): Promise<void> {
  await warm(scene);
  const admin = new URL(adminOf(scene.sluice)).host;
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await SluiceProcess.run(['purge', ...args, '--admin', admin]);
    return [code, stdout, stderr];
  };
  assert.deepEqual(await run(urlOf(scene, '/a')), [0, 'purged: 1\n', '']);
  assert.deepEqual(await run('--tag', 'img-1', '--soft'), [0, 'marked stale: 1\n', '']);
  assert.deepEqual(await run('--all', '--tag', 'x'), [1, '', 'name exactly one of url, prefix, tag, all\n']);
  assert.deepEqual(await run('/a'), [1, '', 'url must be an absolute http or https URL\n']);
}

async function survivesWorkers(scene: Scene): Promise<void> {
  const { sluice } = scene;
  await warm(scene);
  for (let deaths = 1; deaths <= WORKERS; deaths++) {
    await assert.rejects(textOf(scene, '/die'));
    await waitFor(
      'the worker is replaced',
      async () => (await fetch(`${adminOf(sluice)}/readyz`)).ok && sluice.stderr.split('worker died').length > deaths,
    );
  }
  assert.equal(await readAll(scene), 0);
  assert.deepEqual(await purge(scene, { all: true }), { status: 200, purged: PATHS.length });
}

test('purges', async (t) => {
  const scene = await open(t);
  const forget = (): Promise<unknown> => purge(scene, { all: true });
  await t.test('each kind holds on all workers when it is answered, takes what it names and nothing else', () => takesWhatItNames(scene));
  await forget();
  await t.test('a key with more in it than the URL loses all its values', () => losesAllValues(scene));
  await forget();
  await t.test('a soft one has everything validated, and what is unchanged stays', () => validatesAndKeeps(scene));
  await forget();
  await t.test('an answer whose request was under way is not stored', async () => {
    await purgeUnderWay(scene, '/held', { url: urlOf(scene, '/held') });
    await purgeUnderWay(scene, '/held/tagged', { tag: 'held-tagged' });
    await purgeUnderWay(scene, '/held', { prefix: '/he' });
    await purgeUnderWay(scene, '/held', { all: true });
  });
  await t.test('under load: nothing older than the purge is served after it', () => holdsUnderLoad(scene));
  await forget();
  await t.test('the command line prints how many were purged, and what is wrong', () => printsWhatWasPurged(scene));
  await forget();
  await t.test('a worker that ends takes nothing of the cache with it', () => survivesWorkers(scene));
});

test('where no route caches there is nothing to purge, and a reload that first caches makes the memory', async (t) => {
  const origin = new VersionedOrigin();
  const port = await origin.open(t);
  const sluice = await SluiceProcess.start({ config: configOf(port, 'false'), env: ENV });
  t.after(() => sluice.stop());
  const scene = { sluice, origin };
  assert.deepEqual(await purge(scene, { all: true }), { status: 409, problems: ['no route caches'] });
  assert.deepEqual(await (await fetch(`${adminOf(sluice)}/cache`)).json(), { enabled: false, routes: [] });
  const reload = async (cache: string, top?: string): Promise<void> => {
    sluice.writeConfig(configOf(port, cache, top));
    assert.equal((await fetch(`${adminOf(sluice)}/reload`, { method: 'POST' })).status, 200);
  };
  await reload('true');
  await warm(scene);
  // The same memory serves on over a reload that changes other things.
  await reload('{ defaultTtl: 1m }');
  assert.equal(await readAll(scene), 0);
  const held = (await (await fetch(`${adminOf(sluice)}/cache`)).json()) as { objects: number; limitBytes: number };
  assert.equal(held.objects, PATHS.length);
  assert.equal(held.limitBytes, 256 * 2 ** 20);
  // Another size is another, empty one.
  await reload('true', 'cacheMemory: 32MiB');
  assert.equal(((await (await fetch(`${adminOf(sluice)}/cache`)).json()) as { objects: number }).objects, 0);
  await warm(scene);
  await sluice.untilOutput('cacheMemory changed');
  await reload('false');
  assert.deepEqual(await (await fetch(`${adminOf(sluice)}/cache`)).json(), { enabled: false, routes: [] });
  assert.match(await metricsOf(scene), /^sluice_cache_objects 0$/m);
});
