import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { childrenOf } from './processes.ts';
import { SteadyLoad } from './steady-load.ts';

// `sharding: acceptor`, by real processes: one thread accepts and deals connections out to the workers.

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** Answers with the thread that serves; ends the worker, or has it drain as after an exception of our own, when asked to. */
const FILTER = `import { threadId } from 'node:worker_threads';
const own = import.meta.resolve('sluice');
function fail() {
  const error = new Error('as if of our own');
  error.stack += '\\n    at ' + own;
  throw error;
}
export const filter = {
  request(request) {
    if (request.target === '/exit') process.exit(3);
    if (request.target === '/fail') setTimeout(fail, 1);
    return { status: 200, body: String(threadId) };
  },
};
`;

/** As long as the listener allows, above the 4096 bytes of the addon itself, which reads its own only once. */
const MAX_HEAD = 'maxHead: 32KiB';

function configWith(more = ''): string {
  return `sharding: acceptor
admin: "127.0.0.1:0"
listeners: [{ name: web, listen: "127.0.0.1:0", engine: uws, limits: { ${MAX_HEAD}${more} } }]
routes:
  - { name: all, match: "/*", respond: { status: 404, body: "" }, filters: ["./who.ts"] }
`;
}

function startProcess(): Promise<SluiceProcess> {
  return SluiceProcess.start({ config: configWith(), files: { 'who.ts': FILTER }, env: ENV });
}

/** For a test that ends it. */
async function startSluice(t: TestContext): Promise<SluiceProcess> {
  const own = await startProcess();
  t.after(() => own.stop());
  return own;
}

/** Goes on through all tests that do not end it. */
let sluice: SluiceProcess;
before(async () => {
  sluice = await startProcess();
});
after(() => sluice.stop());

async function reload(): Promise<void> {
  assert.equal((await fetch(`${sluice.addresses.at(-1)?.origin}/reload`, { method: 'POST' })).status, 200);
}

/** The worker that answers. */
async function ask(client: RawPeer): Promise<string> {
  await client.send(REQUEST);
  return (await client.readReply('GET')).text;
}

test('few connections are spread evenly, and each stays where it is', async () => {
  const clients = [];
  for (let count = 0; count < 6; count++) clients.push(await connectRaw(sluice.port));
  const counts = new Map<string, number>();
  for (const client of clients) {
    const worker = await ask(client);
    counts.set(worker, (counts.get(worker) ?? 0) + 1);
    assert.equal(await ask(client), worker);
  }
  assert.deepEqual(Array.from(counts.values()), [3, 3]);
  for (const client of clients) client.close();
});

test('a head may be as long as the listener allows, above the 4096 bytes of the addon itself', async () => {
  const reply = await fetch(`http://127.0.0.1:${sluice.port}/`, { headers: { connection: 'close', 'x-long': 'a'.repeat(20_000) } });
  assert.equal(reply.status, 200);
});

test('SIGTERM closes the port, ends every thread in order and exits with code 0', async (t) => {
  const sluice = await startSluice(t);
  const client = await connectRaw(sluice.port);
  await ask(client);
  sluice.signal('SIGTERM');
  await waitFor('the port is closed', () => connectRaw(sluice.port).then(refuse, () => true));
  // An idle connection of this engine is closed with the answer to its next request, once no worker accepts.
  await waitFor('an answer is the last', async () => {
    await client.send(REQUEST);
    return (await client.readReply('GET')).field('connection') === 'close';
  });
  await client.untilEnd();
  assert.deepEqual(await sluice.untilExit(), { code: 0, signal: null });
  assert.doesNotMatch(sluice.stderr, /died|exception/);
});

test('a second SIGTERM cuts, and exits with code 0 all the same', async (t) => {
  const sluice = await startSluice(t);
  const client = await connectRaw(sluice.port);
  await ask(client);
  sluice.signal('SIGTERM');
  await sluice.untilOutput('drain started');
  sluice.signal('SIGTERM');
  assert.deepEqual(await sluice.untilExit(), { code: 0, signal: null });
});

test('reloads under load, also ones that change the listener, fail no request', async (t) => {
  const load = new SteadyLoad(`http://127.0.0.1:${sluice.port}/`, 4);
  t.after(() => load.stop());
  for (let at = 0; at < 3; at++) {
    sluice.writeConfig(configWith(`, maxFields: ${40 + at}`));
    await reload();
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal(await askAnew(sluice.port, 4), 2);
});

test('a listener that comes with a reload accepts, and one that goes is closed', async () => {
  const more = (listeners: string): string => configWith().replace(/^listeners:.*$/m, `listeners: [${listeners}]`);
  const web = `{ name: web, listen: "127.0.0.1:0", engine: uws, limits: { ${MAX_HEAD} } }`;
  sluice.writeConfig(more(`${web}, { name: two, listen: "127.0.0.1:0", engine: uws }`));
  await reload();
  const config = (await fetch(`${sluice.addresses.at(-1)?.origin}/config`).then((reply) => reply.json())) as {
    listeners: { address: { port: number } }[];
  };
  const second = config.listeners[1]?.address.port ?? 0;
  await waitFor('two workers take turns there', async () => (await askAnew(second, 4)) === 2);
  sluice.writeConfig(more(web));
  await reload();
  await waitFor('the port is closed', () => connectRaw(second).then(refuse, () => true));
  await waitFor('two workers take turns', async () => (await askAnew(sluice.port, 4)) === 2);
});

test('a hot upgrade hands the port over and fails no request', async (t) => {
  const load = new SteadyLoad(`http://127.0.0.1:${sluice.port}/`, 4);
  t.after(() => load.stop());
  sluice.signal('SIGUSR2');
  await sluice.untilOutput('proxy process ended', 30_000);
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal(await askAnew(sluice.port, 4), 2);
});

test('a worker that ends without leaving costs the process, which is replaced on the same port', async () => {
  const [proxy] = childrenOf(sluice.pid);
  await fetch(`http://127.0.0.1:${sluice.port}/exit`).catch(() => undefined);
  await waitFor('another process serves', async () => childrenOf(sluice.pid).at(-1) !== proxy && (await askAnew(sluice.port, 4)) === 2);
});

test('an acceptor needs uws listeners, and says so with the place', async () => {
  const config = configWith().replace('engine: uws, ', '');
  const checked = await SluiceProcess.run(['check'], { config, files: { 'who.ts': FILTER } });
  assert.equal(checked.code, 1);
  assert.match(checked.stderr, /sluice\.yaml:3:13: listeners\[0\]: must have engine uws/);
});

test('a worker that drains after an exception leaves, and its successor takes its turn', async () => {
  const [proxy] = childrenOf(sluice.pid);
  const started = sluice.stderr.split('worker started').length;
  await (await fetch(`http://127.0.0.1:${sluice.port}/fail`, { headers: { connection: 'close' } })).text();
  await sluice.untilOutput('worker died');
  await waitFor('another worker started', () => sluice.stderr.split('worker started').length > started);
  await waitFor('two workers take turns', async () => (await askAnew(sluice.port, 4)) === 2);
  assert.deepEqual(childrenOf(sluice.pid), [proxy]);
  sluice.signal('SIGTERM');
  assert.deepEqual(await sluice.untilExit(), { code: 0, signal: null });
});

/** Asks on so many new connections; returns how many workers answered. 0: one of them failed. */
async function askAnew(port: number, times: number): Promise<number> {
  const workers = new Set<string>();
  for (let count = 0; count < times; count++) {
    const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } }).catch(() => undefined);
    if (reply === undefined) return 0;
    workers.add(await reply.text());
  }
  return workers.size;
}

function refuse(peer: RawPeer): false {
  peer.close();
  return false;
}
