import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SluiceProcess } from '../harness/sluice-process.ts';

// The example of the task: free tier 100 requests an hour and 1000 a day, 429 beyond; paid tier 10 000 an hour. As `npm start` has it.

type Demo = { readonly sluice: SluiceProcess; readonly admin: URL; ask(key: string | undefined): Promise<Response> };

let demo: Demo;
before(async () => {
  demo = await startDemo();
});
after(() => demo.sluice.stop());

async function startDemo(): Promise<Demo> {
  const sluice = await SluiceProcess.start({ args: ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], env: { SLUICE_WORKERS: '2' } });
  const ask = async (key: string | undefined): Promise<Response> => {
    const headers: Record<string, string> = key === undefined ? {} : { 'x-api-key': key };
    const reply = await fetch(`http://127.0.0.1:${sluice.port}/metered/api/time`, { headers });
    return new Response(await reply.text(), reply);
  };
  return { sluice, admin: sluice.addresses.at(-1) ?? assert.fail(), ask };
}

/** As if nothing had been asked with the key. */
async function forget(limit: string, key = 'demo-free'): Promise<void> {
  const reset = await fetch(`${demo.admin.origin}/limits/key?limit=${limit}&key=${key}`, { method: 'DELETE' });
  assert.equal(reset.status, 200);
}

async function statusesOf(key: string | undefined, times: number): Promise<readonly number[]> {
  const statuses: number[] = [];
  for (let asked = 0; asked < times; asked++) statuses.push((await demo.ask(key)).status);
  return statuses;
}

test('free: 100 an hour, then 429 with all that the client should know; paid is not touched', async () => {
  const first = await demo.ask('demo-free');
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('ratelimit-policy'), '"free-100-per-1h";q=100;w=3600, "free-1000-per-1d";q=1000;w=86400');
  assert.match(first.headers.get('ratelimit') ?? '', /^"free-100-per-1h";r=99;t=\d+, "free-1000-per-1d";r=999;t=\d+$/);
  assert.deepEqual(new Set(await statusesOf('demo-free', 99)), new Set([200]));
  const refused = await demo.ask('demo-free');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  const waitSec = Number(refused.headers.get('retry-after'));
  // One comes back every 36 s.
  assert.ok(waitSec >= 1 && waitSec <= 36, `Retry-After: ${waitSec}`);
  const problem = (await refused.json()) as Record<string, unknown>;
  assert.deepEqual([problem['status'], problem['violated-policies']], [429, ['free-100-per-1h']]);
  assert.deepEqual(new Set(await statusesOf('demo-paid', 110)), new Set([200]));
  // Nobody's key is nobody: free, by address, and not the consumer's.
  assert.deepEqual([(await demo.ask(undefined)).status, (await demo.ask('demo-none')).status], [200, 200]);
});

test('free: 1000 a day, whatever the hour has left', async () => {
  await forget('free-100-per-1h');
  await forget('free-1000-per-1d');
  for (let hour = 0; hour < 10; hour++) {
    assert.deepEqual(new Set(await statusesOf('demo-free', 100)), new Set([200]), `hour ${hour}`);
    await forget('free-100-per-1h');
  }
  const refused = await demo.ask('demo-free');
  assert.equal(refused.status, 429);
  assert.deepEqual(((await refused.json()) as Record<string, unknown>)['violated-policies'], ['free-1000-per-1d']);
  // What the day refused has cost nothing of the hour.
  assert.match(refused.headers.get('ratelimit') ?? '', /^"free-100-per-1h";r=100/);
});

test('the ready lines tell how to try it', async () => {
  await demo.sluice.untilOutput(/curl -i -H 'X-API-Key: demo-free' http:\/\/\S+\/metered\/api\/time/);
});
