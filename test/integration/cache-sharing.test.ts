import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Barrier } from '../harness/barrier.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, hostCache, openCached } from './cached-front.ts';

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`;
const stored = (body: string, lines = 'Cache-Control: max-age=3600\r\n'): string =>
  `HTTP/1.1 200 OK\r\n${lines}Content-Length: ${body.length}\r\n\r\n${body}`;
const isHit = (reply: Reply): boolean => /; hit/.test(reply.field('Cache-Status') ?? '');
const SHORT = 'Cache-Control: max-age=1\r\nETag: "a"\r\n';
const STALE_MS = 2100;

/** Two workers of one host, in this thread, before one origin. */
async function openHost(
  t: TestContext,
  answer: Answer,
  cache: object | true = true,
): Promise<{ fronts: readonly CachedFront[]; origin: RawOrigin }> {
  const origin = await RawOrigin.answering(answer);
  const host = hostCache();
  const fronts = [await openCached(t, origin.url, { host, self: 0, cache }), await openCached(t, origin.url, { host, self: 1, cache })];
  t.after(() => origin.close());
  return { fronts, origin };
}
const [A, B] = [0, 1] as const;
const portOf = (fronts: readonly CachedFront[], index: number): number => fronts[index % fronts.length]?.port ?? 0;

test('what one worker has stored, another serves', async (t) => {
  const { fronts, origin } = await openHost(t, () => stored('hello'));
  assert.equal(isHit(await askOnce(portOf(fronts, A), get('/a'))), false);
  const reply = await askOnce(portOf(fronts, B), get('/a'));
  assert.equal(isHit(reply), true);
  assert.equal(reply.text, 'hello');
  assert.equal(origin.requests.length, 1);
});

test('what one worker learns of an unsafe request, another knows at once', async (t) => {
  const { fronts, origin } = await openHost(t, (request) =>
    request.method === 'POST' ? 'HTTP/1.1 204 No Content\r\n\r\n' : stored('hello'),
  );
  await askOnce(portOf(fronts, A), get('/a'));
  assert.equal(isHit(await askOnce(portOf(fronts, A), get('/a'))), true);
  await askOnce(portOf(fronts, B), 'POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n');
  assert.equal(isHit(await askOnce(portOf(fronts, A), get('/a'))), false);
  assert.equal(origin.requests.length, 3);
});

test('one validation on the whole host: two workers, many clients, and the origin is asked once', async (t) => {
  const gate = new Barrier('the origin answers');
  const { fronts, origin } = await openHost(t, async (request) => {
    if (request.field('If-None-Match') === undefined) return stored('hello', SHORT);
    await gate.wait();
    return 'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=3600\r\nETag: "a"\r\n\r\n';
  });
  await askOnce(portOf(fronts, A), get('/a'));
  await sleep(STALE_MS);
  const replies = Array.from({ length: 40 }, (_, i) => askOnce(portOf(fronts, i), get('/a')));
  await waitFor('all clients are in', () => fronts.reduce((sum, { gateway }) => sum + gateway.inFlight, 0) === 40);
  gate.open();
  for (const reply of await Promise.all(replies)) assert.deepEqual([reply.status, reply.text], [200, 'hello']);
  assert.equal(origin.requests.length, 2);
  assert.equal(isHit(await askOnce(portOf(fronts, B), get('/a'))), true, 'it is fresh again');
});

test('when the validation brings a new answer, all that wait get it', async (t) => {
  const gate = new Barrier('the origin answers');
  const { fronts, origin } = await openHost(t, async (request) => {
    if (request.field('If-None-Match') === undefined) return stored('old', SHORT);
    await gate.wait();
    return stored('new', 'Cache-Control: max-age=3600\r\nETag: "b"\r\n');
  });
  await askOnce(portOf(fronts, A), get('/a'));
  await sleep(STALE_MS);
  const replies = Array.from({ length: 20 }, (_, i) => askOnce(portOf(fronts, i), get('/a')));
  await waitFor('all clients are in', () => fronts.reduce((sum, { gateway }) => sum + gateway.inFlight, 0) === 20);
  gate.open();
  for (const reply of await Promise.all(replies)) assert.equal(reply.text, 'new');
  assert.equal(origin.requests.length, 2);
});

test('when the client that validates leaves, the others are not left waiting', async (t) => {
  const gate = new Barrier('the origin answers');
  const { fronts } = await openHost(t, async (request) => {
    if (request.field('If-None-Match') === undefined) return stored('hello', SHORT);
    await gate.wait();
    return 'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=3600\r\nETag: "a"\r\n\r\n';
  });
  await askOnce(portOf(fronts, A), get('/a'));
  await sleep(STALE_MS);
  const first = await connectRaw(portOf(fronts, A));
  await first.send(get('/a'));
  await waitFor('it asks the origin', () => gate.arrived === 1);
  const others = Array.from({ length: 6 }, (_, i) => askOnce(portOf(fronts, i), get('/a')));
  await waitFor('the others wait', () => fronts.reduce((sum, { gateway }) => sum + gateway.inFlight, 0) === 7);
  first.reset();
  gate.open();
  for (const reply of await Promise.all(others)) assert.deepEqual([reply.status, reply.text], [200, 'hello']);
});

test('an origin that dies in the validation costs each waiting client an answer of its own at most', async (t) => {
  const { fronts, origin } = await openHost(
    t,
    (request, _index, connection) => {
      if (request.field('If-None-Match') === undefined) return stored('hello', SHORT);
      connection.close();
      return undefined;
    },
    { staleIfError: '0s' },
  );
  await askOnce(portOf(fronts, A), get('/a'));
  await sleep(STALE_MS);
  const replies = await Promise.all(Array.from({ length: 10 }, (_, i) => askOnce(portOf(fronts, i), get('/a'))));
  for (const reply of replies) assert.equal(reply.status, 502);
  assert.ok(origin.requests.length <= 1 + 10 * 2, `${origin.requests.length} requests`);
});

test('stale while revalidate: one refresh on the whole host, and nobody waits for it', async (t) => {
  const gate = new Barrier('the origin answers');
  const { fronts, origin } = await openHost(t, async (_request, index) => {
    if (index === 0) return stored('old', 'Cache-Control: max-age=1, stale-while-revalidate=3600\r\n');
    await gate.wait();
    return stored('new');
  });
  await askOnce(portOf(fronts, A), get('/a'));
  await sleep(STALE_MS);
  const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => askOnce(portOf(fronts, i), get('/a'))));
  for (const reply of replies) assert.deepEqual([reply.text, isHit(reply)], ['old', true]);
  await waitFor('the refresh is at the origin', () => gate.arrived > 0);
  gate.open();
  await waitFor('the new one is served', async () => (await askOnce(portOf(fronts, B), get('/a'))).text === 'new');
  assert.equal(origin.requests.length, 2);
});

test('a request that was under way when its URL was invalidated is not valid after', async (t) => {
  const gate = new Barrier('the slow answer');
  const { fronts, origin } = await openHost(t, async (request, index) => {
    if (request.method === 'POST') return 'HTTP/1.1 204 No Content\r\n\r\n';
    if (index === 0) await gate.wait();
    return stored(`answer ${index}`);
  });
  const slow = askOnce(portOf(fronts, A), get('/a'));
  await waitFor('it is at the origin', () => gate.arrived === 1);
  await askOnce(portOf(fronts, B), 'POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n');
  gate.open();
  assert.equal((await slow).text, 'answer 0');
  assert.equal((await askOnce(portOf(fronts, A), get('/a'))).text, 'answer 2');
  assert.equal(origin.requests.length, 3);
});
