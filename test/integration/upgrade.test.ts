import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';
import { childrenOf, isAlive } from './processes.ts';
import { SteadyLoad } from './steady-load.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };

function configSaying(body: string): string {
  return `listeners: ["127.0.0.1:0"]\nroutes:\n  - { name: all, match: "/*", respond: { status: 200, body: "${body}" } }\n`;
}

async function textOf(port: number): Promise<string> {
  const reply = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  return reply.text();
}

/** Goes on through all tests; each begins with what serves then. */
let sluice: SluiceProcess;
before(async () => {
  sluice = await SluiceProcess.start({ config: configSaying('old'), env: ENV });
});
after(() => sluice.stop());

test('hot upgrades under keep-alive load replace the process and fail no request', async (t) => {
  const load = new SteadyLoad(`http://127.0.0.1:${sluice.port}/`, 8);
  t.after(() => load.stop());
  for (let round = 0; round < 2; round++) {
    const [old = 0] = childrenOf(sluice.pid);
    sluice.writeConfig(configSaying(`new ${round}`));
    sluice.signal('SIGUSR2');
    await waitFor('the old process has ended', () => !isAlive(old), 30_000);
    assert.equal(await textOf(sluice.port), `new ${round}`);
  }
  await load.stop();
  assert.deepEqual(load.failures, []);
  assert.equal(childrenOf(sluice.pid).length, 1);
  t.diagnostic(`${load.requests} requests over 2 upgrades`);
});

test('an upgrade that cannot start leaves the old process serving and says why', async () => {
  const serving = await textOf(sluice.port);
  const [old] = childrenOf(sluice.pid);
  sluice.writeConfig('routes: []\n');
  sluice.signal('SIGUSR2');
  await sluice.untilOutput('hot upgrade failed');
  assert.match(sluice.stderr, /proxy process cannot start.*sluice\.yaml:1:/);
  assert.equal(await textOf(sluice.port), serving);
  assert.deepEqual(childrenOf(sluice.pid), [old]);
});

test('after a death the configuration serves that served before, whatever the file says by then', async () => {
  const serving = await textOf(sluice.port);
  const [old = 0] = childrenOf(sluice.pid);
  sluice.writeConfig('routes: []\n');
  process.kill(old, 'SIGKILL');
  await waitFor('it answers again', async () => (await textOf(sluice.port).catch(() => '')) === serving);
  await waitFor('another process', () => childrenOf(sluice.pid).length === 1 && childrenOf(sluice.pid)[0] !== old);
});
