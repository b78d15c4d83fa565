import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };

/** As a user writes one: TypeScript with types that are stripped, and a module of its own beside it. */
const FILTER = `import { defineFilter } from 'sluice';
import { nameOf } from './names.ts';
type Context = { state: Map<string, unknown>; requestId: string };
export default defineFilter({
  async request(request: Context & { target: string; headers: { set(name: string, value: string): void } }) {
    if (request.target === '/throw') throw new Error('thrown by the filter');
    if (request.target === '/reject') return Promise.reject(new Error('rejected by the filter'));
    if (request.target === '/hang') return new Promise(() => {});
    if (request.target === '/loop') for (;;);
    if (request.target === '/early') return { status: 203, headers: { 'X-Early': 'yes' }, body: 'early' };
    request.state.set('name', nameOf(request.target));
    request.headers.set('X-Filter', 'request');
    return undefined;
  },
  upstreamRequest(request: Context & { headers: { set(name: string, value: string): void } }): void {
    request.headers.set('X-Name', String(request.state.get('name')));
  },
  response(response: Context & { headers: { set(name: string, value: string): void } }): void {
    response.headers.set('X-Name', String(response.state.get('name')));
  },
  finish(summary: Context & { status: number; outcome: string }): void {
    console.error('finished', summary.status, summary.outcome, summary.requestId.length > 0);
  },
});
`;
const NAMES = "export const nameOf = (target: string): string => 'name of ' + target;\n";

let origin: RawOrigin;
let sluice: SluiceProcess;
let url = '';
let admin = '';
before(async () => {
  origin = await RawOrigin.answering();
  const config = `admin: "127.0.0.1:0"
listeners: ["127.0.0.1:0"]
upstreams: { origin: "${origin.url}" }
process: { stuckReport: 200ms, stuckKill: 1s }
routes:
  - { name: filtered, match: "/*", upstream: origin, filters: [{ module: "./f.ts", timeout: 200ms }] }
  - { name: open, match: { path: "/*", headers: { x-open: "1" } }, upstream: origin, filters: [{ module: "./f.ts", timeout: 200ms, onError: open }] }
  - { name: plain, match: "/plain", upstream: origin }
`;
  sluice = await SluiceProcess.start({ config, files: { 'f.ts': FILTER, 'names.ts': NAMES }, env: ENV });
  url = `http://127.0.0.1:${sluice.port}`;
  admin = sluice.addresses.at(-1)?.origin ?? '';
});
after(() => sluice.stop());
after(() => origin.close());

async function ask(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers: { connection: 'close', ...headers } });
}

async function metric(admin: string, name: string, ...labels: readonly string[]): Promise<number> {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

test('a filter in a file of its own runs in every worker and phase, and what it does wrong costs one request each', async () => {
  for (let i = 0; i < 10; i++) {
    const reply = await ask(`${url}/n${i}`);
    assert.equal(reply.headers.get('x-name'), `name of /n${i}`);
    assert.equal(await reply.text(), 'ok');
    assert.equal(origin.requests.at(-1)?.field('x-name'), `name of /n${i}`);
    assert.equal(origin.requests.at(-1)?.field('x-filter'), 'request');
  }
  const early = await ask(`${url}/early`);
  assert.deepEqual([early.status, early.headers.get('x-early'), await early.text()], [203, 'yes', 'early']);
  await sluice.untilOutput('finished 203 complete true');

  const paths = ['/throw', '/reject', '/hang', '/plain', '/other'];
  const statuses = await Promise.all(paths.map(async (path) => (await ask(url + path)).status));
  assert.deepEqual(statuses, [500, 500, 500, 200, 200]);
  const opened = await Promise.all(paths.map(async (path) => (await ask(url + path, { 'X-Open': '1' })).status));
  assert.deepEqual(opened, [200, 200, 200, 200, 200]);
  await waitFor(
    'the faults are counted',
    async () => (await metric(admin, 'sluice_filter_errors_total', 'route="filtered"', 'phase="request"')) === 3,
  );
  assert.equal(await metric(admin, 'sluice_filter_errors_total', 'route="open"', 'phase="request"'), 3);
  assert.equal(await metric(admin, 'sluice_timeouts_total', 'kind="filter"'), 2);
  await sluice.untilOutput('thrown by the filter');
  assert.doesNotMatch(sluice.stderr, /worker died/);
});

test('a reload takes a changed filter, and keeps the old plan when a module is broken', async () => {
  const reload = (): Promise<Response> => fetch(`${admin}/reload`, { method: 'POST' });
  sluice.writeFile('f.ts', FILTER.replace("'early'", "'changed'"));
  assert.equal((await reload()).status, 200);
  for (let i = 0; i < 6; i++) assert.equal(await (await ask(`${url}/early`)).text(), 'changed');
  for (const broken of ['export default {', 'export default { request: 1 };', "import './none.ts';\nexport default { request() {} };"]) {
    sluice.writeFile('f.ts', broken);
    const refused = await reload();
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), /f\.ts/);
    for (let i = 0; i < 6; i++) assert.equal(await (await ask(`${url}/early`)).text(), 'changed');
  }
  // A worker that starts later loads what lies there.
  sluice.writeFile('f.ts', FILTER);
});

test('a filter that loops for ever is reported and its worker replaced; the other worker serves meanwhile', async (t) => {
  const clients = await Promise.all(Array.from({ length: 16 }, () => connectRaw(sluice.port)));
  t.after(() => clients.forEach((client) => void client.close()));
  const get = 'GET /plain HTTP/1.1\r\nHost: a\r\n\r\n';
  for (const client of clients) {
    await client.send(get);
    assert.equal((await client.readReply()).status, 200);
  }
  const looping = ask(`${url}/loop`).then(
    ({ status }) => status,
    () => 0,
  );
  await sluice.untilOutput('its loop does not turn');
  for (const client of clients) await client.send(get);
  const replies = clients.map((client) =>
    client.readReply().then(
      ({ status }) => status,
      () => 0,
    ),
  );
  assert.equal(await Promise.any(replies.map((reply) => reply.then((status) => status || Promise.reject(new Error('closed'))))), 200);
  assert.doesNotMatch(sluice.stderr, /stayed stuck/, 'it is answered while the other is still stuck');
  await sluice.untilOutput('stayed stuck and is replaced');
  assert.equal(await looping, 0);
  await waitFor('a third worker', () => (sluice.stderr.match(/worker started/g)?.length ?? 0) >= 3);
  for (let i = 0; i < 20; i++) assert.equal((await ask(`${url}/after`)).status, 200);
  const ended = await Promise.all(replies);
  assert.ok(ended.includes(200));
});
