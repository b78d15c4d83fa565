import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { SteadyLoad } from './steady-load.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };

/** Answers by the gateway itself, so that the body tells which plan was in force. */
function configSaying(body: string, listeners = '[{ name: a, listen: "127.0.0.1:0" }]'): string {
  return `admin: "127.0.0.1:0"\nlisteners: ${listeners}\nroutes:\n  - { name: all, match: "/*", respond: { status: 200, body: "${body}" } }\n`;
}

/** One for all tests that do not end it: a reload is cheaper than a start, and what came before must not matter. */
let sluice: SluiceProcess;
before(async () => {
  sluice = await SluiceProcess.start({ config: configSaying('first'), env: ENV });
});
after(() => sluice.stop());

async function use(config: string): Promise<void> {
  sluice.writeConfig(config);
  assert.equal((await reload()).status, 200);
}

async function textOf(port: number): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  return reply.text();
}

function countOf(sluice: SluiceProcess, text: string): number {
  return sluice.stderr.split(text).length - 1;
}

async function reload(of: SluiceProcess = sluice): Promise<Response> {
  return fetch(`${of.addresses.at(-1)?.origin}/reload`, { method: 'POST' });
}

test('reloads under load change every worker and fail no request', async (t) => {
  const load = new SteadyLoad(`http://127.0.0.1:${sluice.port}/`, 8);
  t.after(() => load.stop());
  for (let plan = 1; plan <= 3; plan++) {
    await use(configSaying(`plan ${plan}`));
    for (let asked = 0; asked < 10; asked++) assert.equal(await textOf(sluice.port), `plan ${plan}`);
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
  t.diagnostic(`${load.requests} requests over 3 reloads`);
});

test('SIGHUP reloads', async () => {
  await use(configSaying('before'));
  sluice.writeConfig(configSaying('after'));
  sluice.signal('SIGHUP');
  await waitFor('the plan is in force', async () => (await textOf(sluice.port)) === 'after');
});

test('a bad file keeps the old plan and says where it is wrong', async () => {
  await use(configSaying('good'));
  sluice.writeConfig(`${configSaying('bad')}routs: []\n`);
  const reply = await reload();
  assert.equal(reply.status, 422);
  assert.match(await reply.text(), /sluice\.yaml:5:1: routs: .*did you mean/);
  assert.equal(await textOf(sluice.port), 'good');
  const command = await SluiceProcess.run(['reload', '--admin', String(sluice.addresses.at(-1)?.host)]);
  assert.equal(command.code, 1);
  assert.match(command.stderr, /sluice\.yaml:5:1: routs/);
  sluice.writeConfig(configSaying('mended'));
  assert.equal((await SluiceProcess.run(['reload', '--admin', String(sluice.addresses.at(-1)?.host)])).code, 0);
  assert.equal(await textOf(sluice.port), 'mended');
});

test('a filter is loaded afresh, and one that does not load keeps the old plan', async () => {
  const filter = (body: string): string => `export default { request: () => ({ status: 200, body: '${body}' }) };\n`;
  const config = `${configSaying('unseen').trimEnd().slice(0, -1)}, filters: ["./f.ts"] }\n`;
  sluice.writeFile('f.ts', filter('one'));
  await use(config);
  assert.equal(await textOf(sluice.port), 'one');
  sluice.writeFile('f.ts', filter('two'));
  assert.equal((await reload()).status, 200);
  assert.equal(await textOf(sluice.port), 'two');
  sluice.writeFile('f.ts', 'export default { request: 1 };\n');
  const reply = await reload();
  assert.equal(reply.status, 422);
  assert.match(await reply.text(), /filter \.\/f\.ts .*`request` is not a function/);
  assert.equal(await textOf(sluice.port), 'two');
});

test('listeners come and go while a connection of one that goes is answered to its end', async (t) => {
  const two = '[{ name: a, listen: "127.0.0.1:0" }, { name: b, listen: "127.0.0.1:0" }]';
  await use(configSaying('x'));
  const first = sluice.port;
  await use(configSaying('x', two));
  const config = (await fetch(`${sluice.addresses.at(-1)?.origin}/config`).then((reply) => reply.json())) as {
    listeners: { name: string; address: { port: number } }[];
  };
  const second = config.listeners[1]?.address.port ?? 0;
  assert.equal(config.listeners[0]?.address.port, first);
  assert.equal(await textOf(second), 'x');

  const client = await connectRaw(second);
  t.after(() => client.close());
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.readReply('GET');
  await use(configSaying('y'));
  await waitFor('the port is closed', async () => (await textOf(second).catch(() => 'refused')) === 'refused');
  await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.equal((await client.readReply('GET')).text, 'y');
  assert.equal(await textOf(first), 'y');
});

test('a changed listener takes its new limits without refusing a connection', async (t) => {
  const listener = (limits: string): string => `[{ name: a, listen: "127.0.0.1:0"${limits} }]`;
  await use(configSaying('x', listener('')));
  const load = new SteadyLoad(`http://127.0.0.1:${sluice.port}/`, 4);
  t.after(() => load.stop());
  await use(configSaying('x', listener(', limits: { maxFields: 16 }')));
  const fields = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`x-${at}`, '1']));
  const crowded = await fetch(`http://127.0.0.1:${sluice.port}/`, { headers: { ...fields, connection: 'close' } });
  assert.equal(crowded.status, 431);
  await load.stop();
  assert.deepEqual(load.failures, []);
});

test('a change of the number of workers is told to need a restart', async (t) => {
  const single = await SluiceProcess.start({ config: `workers: 1\n${configSaying('x')}`, env: { SLUICE_LOG: 'info', SLUICE_WORKERS: '' } });
  t.after(() => single.stop());
  single.writeConfig(`workers: 2\n${configSaying('x')}`);
  const reply = await reload(single);
  assert.match(await reply.text(), /workers: 2 \(1 run\): takes effect at the next start or hot upgrade/);
  assert.equal(countOf(single, 'worker started'), 1);
});
