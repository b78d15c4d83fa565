import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const ENV = { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' };
const TOKEN = 'a-token-of-the-tests';
const REST = 'listeners: ["127.0.0.1:0"]\nroutes:\n  - { name: all, match: "/*", respond: { status: 200, body: "x" } }\n';
const OPEN = `admin: "127.0.0.1:0"\n${REST}`;
const GUARDED = `admin: { listen: "127.0.0.1:0", token: "\${env:TEST_TOKEN}" }\n${REST}`;

function adminOf(sluice: SluiceProcess): string {
  return sluice.addresses.at(-1)?.origin ?? '';
}

test('the counters of all workers are one, in Prometheus text', async (t) => {
  const sluice = await SluiceProcess.start({ config: OPEN, env: ENV });
  t.after(() => sluice.stop());
  for (let asked = 0; asked < 10; asked++) {
    await (await fetch(`http://127.0.0.1:${sluice.port}/`, { headers: { connection: 'close' } })).text();
  }
  const reply = await fetch(`${adminOf(sluice)}/metrics`);
  assert.match(reply.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
  const text = await reply.text();
  assert.match(text, /^sluice_requests_total\{route="all",code="2xx"\} 10$/m);
  assert.match(text, /^sluice_workers 2$/m);
});

test('without its token only the health paths answer', async (t) => {
  const sluice = await SluiceProcess.start({ config: GUARDED, env: { ...ENV, TEST_TOKEN: TOKEN } });
  t.after(() => sluice.stop());
  const ask = (path: string, token?: string): Promise<Response> =>
    fetch(`${adminOf(sluice)}${path}`, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await ask('/healthz')).status, 200);
  assert.equal((await ask('/readyz')).status, 200);
  for (const path of ['/metrics', '/config', '/reload', '/drain']) assert.equal((await ask(path)).status, 401, path);
  assert.equal((await ask('/metrics', 'another-token-of-it')).status, 401);
  assert.equal((await ask('/metrics', TOKEN)).status, 200);
  const config = await (await ask('/config', TOKEN)).text();
  assert.doesNotMatch(config, new RegExp(TOKEN));
  assert.doesNotMatch(sluice.stderr, new RegExp(TOKEN));
});

test('a method that a path does not take is 405, an unknown path 404, a page of another origin 403', async (t) => {
  const sluice = await SluiceProcess.start({ config: OPEN, env: ENV });
  t.after(() => sluice.stop());
  const wrong = await fetch(`${adminOf(sluice)}/reload`);
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get('allow'), 'POST');
  assert.equal((await fetch(`${adminOf(sluice)}/nothing`)).status, 404);
  const foreign = await fetch(`${adminOf(sluice)}/drain`, { method: 'POST', headers: { origin: 'http://evil.example' } });
  assert.equal(foreign.status, 403);
});

test('a drain withdraws readiness first, serves on for the delay, then ends', async (t) => {
  const sluice = await SluiceProcess.start({ config: `${OPEN}process: { drainDelay: 1s }\n`, env: ENV });
  t.after(() => sluice.stop());
  const drained = await SluiceProcess.run(['drain', '--admin', new URL(adminOf(sluice)).host]);
  assert.equal(drained.code, 0);
  await waitFor('not ready', async () => (await fetch(`${adminOf(sluice)}/readyz`)).status === 503);
  assert.equal((await fetch(`http://127.0.0.1:${sluice.port}/`)).status, 200);
  assert.deepEqual(await sluice.untilExit(), { code: 0, signal: null });
});
