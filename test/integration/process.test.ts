import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPipe } from '../harness/named-pipe.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { childrenOf, isAlive } from './processes.ts';

const TWO_WORKERS = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };

async function statusOf(url: string): Promise<number> {
  const reply = await fetch(url).catch(() => undefined);
  await reply?.arrayBuffer();
  return reply?.status ?? 0;
}

function configWith(originUrl: string, extra = ''): string {
  return `listeners: ["127.0.0.1:0"]\nupstreams: { origin: "${originUrl}" }\nroutes:\n  - { name: all, match: "/*", upstream: origin }\n${extra}`;
}

/** The built-in example, for those tests that begin with a plain start; the last of them ends it. */
let demo: SluiceProcess;
before(async () => {
  demo = await SluiceProcess.start({ args: ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], env: TWO_WORKERS });
});
after(() => demo.stop());

test('start without a configuration serves the built-in example and says what to try', async () => {
  const [url, admin] = demo.addresses;
  assert.equal(demo.stdout.match(/^sluice ready /gm)?.length, 1);
  assert.match(demo.stdout, /curl -N http:\/\/127\.0\.0\.1:\d+\/events/);
  const users = await fetch(`${url?.origin}/api/users/2`).then((reply) => reply.json());
  assert.deepEqual(users, { id: 2, name: 'Grace' });
  const part = await fetch(`${url?.origin}/download?bytes=1000000`, { headers: { range: 'bytes=10-19' } });
  assert.equal(part.status, 206);
  assert.equal((await part.arrayBuffer()).byteLength, 10);
  const echoed = await fetch(`${url?.origin}/echo`, { method: 'POST', body: 'there and back' }).then((reply) => reply.text());
  assert.equal(echoed, 'there and back');
  assert.equal(await statusOf(`${admin?.origin}/readyz`), 200);
});

test('an address that is taken is an error that names it, not a silently shared port', async () => {
  const second = await SluiceProcess.run(['start', '--to', 'http://127.0.0.1:9', '--listen', `127.0.0.1:${demo.port}`]);
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${demo.port}: .*EADDRINUSE`));
});

test('a proxy process killed with SIGKILL is replaced at once, on the same port', async (t) => {
  const url = `http://127.0.0.1:${demo.port}/api/users/1`;
  assert.equal(await statusOf(url), 200);
  const [proxy = 0] = childrenOf(demo.pid);
  process.kill(proxy, 'SIGKILL');
  await waitFor('the proxy process is gone', () => !isAlive(proxy));
  const diedMs = performance.now();
  await waitFor('a new one answers', async () => (await statusOf(url)) === 200);
  t.diagnostic(`answering again after ${Math.round(performance.now() - diedMs)} ms`);
  assert.notEqual(childrenOf(demo.pid)[0], proxy);
  assert.match(demo.stderr, /proxy process died/);
});

test('no proxy process outlives a supervisor that was killed', async () => {
  const [proxy = 0] = childrenOf(demo.pid);
  demo.signal('SIGKILL');
  await waitFor('the proxy process has ended', () => !isAlive(proxy));
});

test('SIGTERM lets a request in flight be answered, with Connection: close, and ends with code 0', async (t) => {
  const origin = await RawOrigin.start();
  t.after(() => origin.close());
  const own = '  - { name: own, match: /own, respond: { status: 200, body: "" } }\n';
  const sluice = await SluiceProcess.start({ config: configWith(origin.url, own), env: { ...TWO_WORKERS, SLUICE_WORKERS: '1' } });
  t.after(() => sluice.stop());
  const client = await connectRaw(sluice.port);
  await client.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  const upstream = await origin.connection(0);
  await upstream.readRequest();
  const witness = await connectRaw(sluice.port);
  const isTheLast = async (): Promise<boolean> => {
    await witness.send('GET /own HTTP/1.1\r\nHost: a\r\n\r\n');
    return (await witness.readReply('GET')).field('connection') === 'close';
  };
  assert.equal(await isTheLast(), false);
  sluice.signal('SIGTERM');
  await sluice.untilOutput('drain started');
  await waitFor(
    'the port is closed',
    async () =>
      (await connectRaw(sluice.port).then(
        (peer) => peer.close(),
        () => 'refused',
      )) === 'refused',
  );
  // The sockets close first; only then are answers the last of their connections.
  await waitFor('answers are the last', isTheLast);
  await upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
  const reply = await client.readReply('GET');
  assert.equal(reply.text, 'late');
  assert.equal(reply.field('connection'), 'close');
  assert.deepEqual(await sluice.untilExit(), { code: 0, signal: null });
});

test('a drain ends at its deadline and cuts what is left', async (t) => {
  const origin = await RawOrigin.start();
  t.after(() => origin.close());
  const sluice = await SluiceProcess.start({ config: configWith(origin.url, 'process: { drainTimeout: 500ms }\n'), env: TWO_WORKERS });
  t.after(() => sluice.stop());
  const client = await connectRaw(sluice.port);
  await client.send('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
  await (await origin.connection(0)).readRequest();
  sluice.signal('SIGTERM');
  assert.deepEqual(await sluice.untilExit(), { code: 0, signal: null });
  assert.match(sluice.stderr, /drain timed out/);
  await client.untilEnd();
});

test('a second SIGINT does not wait for what is in flight', async (t) => {
  const origin = await RawOrigin.start();
  t.after(() => origin.close());
  const sluice = await SluiceProcess.start({ config: configWith(origin.url), env: TWO_WORKERS });
  t.after(() => sluice.stop());
  const client = await connectRaw(sluice.port);
  await client.send('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
  await (await origin.connection(0)).readRequest();
  sluice.signal('SIGINT');
  await sluice.untilOutput('drain started');
  sluice.signal('SIGINT');
  assert.deepEqual(await sluice.untilExit(10_000), { code: 0, signal: null });
});

test('a taken admin port is told by the built-in example, which goes on', async (t) => {
  const other = await RawOrigin.start(() => {}, 9901).catch(() => undefined);
  t.after(() => other?.close());
  const sluice = await SluiceProcess.start({ args: ['--listen', '127.0.0.1:0'], env: TWO_WORKERS });
  t.after(() => sluice.stop());
  assert.match(sluice.stdout, /note: admin listener: cannot listen on 127\.0\.0\.1:9901/);
  assert.equal(await statusOf(`http://127.0.0.1:${sluice.port}/api/time`), 200);
});

const MISCHIEF = `export const filter = {
  request(request) {
    if (request.target === '/exit') process.exit(3);
    if (request.target === '/hang') for (;;);
    if (request.target === '/throw') throw new Error('from the filter');
    if (request.target === '/later') setTimeout(() => { throw new Error('from a timer of the filter'); }, 1);
    return undefined;
  },
};
`;

test('what a filter does to its worker costs no other worker anything', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const filters = 'process: { stuckReport: 200ms, stuckKill: 1s }\n';
  const routes = `routes:\n  - { name: all, match: "/*", upstream: origin, filters: ["./mischief.ts"] }\n`;
  const config = `listeners: ["127.0.0.1:0"]\nupstreams: { origin: "${origin.url}" }\n${routes}${filters}`;
  const sluice = await SluiceProcess.start({ config, files: { 'mischief.ts': MISCHIEF }, env: TWO_WORKERS });
  t.after(() => sluice.stop());
  const url = `http://127.0.0.1:${sluice.port}`;
  const [proxy] = childrenOf(sluice.pid);

  assert.equal(await statusOf(`${url}/throw`), 500);
  assert.doesNotMatch(sluice.stderr, /worker died/);
  assert.equal(await statusOf(`${url}/later`), 200);
  await sluice.untilOutput('from a timer of the filter');
  assert.doesNotMatch(sluice.stderr, /worker died/);

  assert.equal(await statusOf(`${url}/exit`), 0);
  await sluice.untilOutput('worker died');
  await waitFor('the third worker started', () => (sluice.stderr.match(/worker started/g)?.length ?? 0) >= 3);

  const hanging = statusOf(`${url}/hang`);
  await sluice.untilOutput('its loop does not turn');
  await sluice.untilOutput('stayed stuck and is replaced');
  await waitFor('the fourth worker started', () => (sluice.stderr.match(/worker started/g)?.length ?? 0) >= 4);
  assert.equal(await hanging, 0);

  for (let count = 0; count < 20; count++) assert.equal(await statusOf(`${url}/`), 200);
  assert.deepEqual(childrenOf(sluice.pid), [proxy]);
});

test('a standard error that nobody reads and a standard output that is gone stop neither the start, nor traffic, nor the end', async (t) => {
  const origin = await RawOrigin.answering(() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  t.after(() => origin.close());
  const pipe = openPipe(t);
  pipe.fill();
  const talking = '  - { name: talking, match: "/talk/*", upstream: origin, filters: [./talk.ts] }\naccessLog: stderr\n';
  const sluice = await SluiceProcess.start({
    config: configWith(origin.url, talking),
    files: { 'talk.ts': 'export default { request: () => console.log("to nobody") };\n' },
    env: TWO_WORKERS,
    stderrFd: pipe.patientFd,
  });
  t.after(() => sluice.stop());
  sluice.closeStdout();
  for (let i = 0; i < 20; i++) assert.equal(await statusOf(`http://127.0.0.1:${sluice.port}/talk/${i}`), 200);
  sluice.signal('SIGTERM');
  assert.deepEqual(await sluice.untilExit(10_000), { code: 0, signal: null });
});
