import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { Barrier } from '../harness/barrier.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, type CachedOptions, hostCache, openCached } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';

/** An exchange whose client has left goes on for the store alone: where the store takes nothing of it, it has no reason to. */

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
const CHUNK = `10000\r\n${'x'.repeat(65_536)}\r\n`;

/** An origin whose chunked bodies never end. `head`: of the n-th answer. */
async function openEndless(t: TestContext, cache: object, head: (index: number) => Promise<string> | string) {
  let asked = 0;
  const origin = await RawOrigin.start(async (connection) => {
    while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) {
      const answer = await head(asked++);
      await connection.send(answer);
      while (/chunked/.test(answer) && !connection.socket.destroyed) await connection.send(CHUNK);
    }
  });
  const front: CachedFront = await openCached(t, origin.url, { cache, host: hostCache(16 * 2 ** 20, true) });
  t.after(() => origin.close());
  return { front, origin, asked: () => asked };
}

const ENDLESS = 'Transfer-Encoding: chunked\r\n\r\n';

async function leaveBeforeHead(t: TestContext, fields: string): Promise<void> {
  const gate = new Barrier('the client has left');
  const { front, origin, asked } = await openEndless(t, { maxObject: '1MiB' }, async () => {
    await gate.wait();
    return `HTTP/1.1 200 OK\r\n${fields}${ENDLESS}`;
  });
  const client = await connectRaw(front.port);
  await client.send(get('/a'));
  await waitFor('the origin is asked', () => asked() === 1);
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
  gate.open();
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && origin.openConnections === 0, 5000);
  assert.deepEqual(front.caching.store.verify(), []);
}

test('a client leaves, and the answer may not be stored: its endless body is not read for nobody', (t) =>
  leaveBeforeHead(t, 'Cache-Control: private\r\n'));

test('a client leaves, and the answer outgrows the store: no more of it is read', (t) =>
  leaveBeforeHead(t, 'Cache-Control: max-age=60\r\n'));

async function refreshEndlessly(t: TestContext, start: string): Promise<void> {
  const { front, origin } = await openEndless(t, { maxObject: '1MiB', staleWhileRevalidate: '1h' }, (index) =>
    index === 0
      ? 'HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nok'
      : `${start}${ENDLESS}`,
  );
  await askOnce(front.port, get('/a'));
  assert.equal((await askOnce(front.port, get('/a'))).text, 'ok');
  await waitFor('the origin is asked once more', () => origin.connections.some((connection) => /If-None-Match/i.test(connection.text)));
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0, 5000);
  assert.deepEqual(front.caching.store.verify(), []);
}

test('a refresh that brings an endless answer which may not be stored ends', (t) =>
  refreshEndlessly(t, 'HTTP/1.1 200 OK\r\nCache-Control: private\r\n'));

test('a refresh that brings an endless error ends', (t) => refreshEndlessly(t, 'HTTP/1.1 503 Service Unavailable\r\n'));

const LOOK_MS = 60;
const DRIP_MS = 5;
const LARGE = 'x'.repeat(12 * 2 ** 20);
const DRIP = '1\r\nx\r\n';

type Dripping = { readonly front: CachedFront; readonly origin: RawOrigin; readonly asked: () => number; readonly stop: () => void };

/** An origin whose bodies come in `pieces` that never end, until it is told to `stop`; then with their last chunk. */
async function openDripping(
  t: TestContext,
  head: (index: number) => string,
  { options = {}, pieces = DRIP }: { options?: CachedOptions; pieces?: string },
): Promise<Dripping> {
  let asked = 0;
  let isOver = false;
  const origin = await RawOrigin.start(async (connection) => {
    while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) {
      const answer = head(asked++);
      await connection.send(answer);
      if (!/chunked/.test(answer)) continue;
      for (; !isOver && !connection.socket.destroyed; await setTimeout(DRIP_MS)) await connection.send(pieces);
      await connection.send('0\r\n\r\n');
    }
  });
  t.after(() => origin.close());
  const front = await openCached(t, origin.url, { host: hostCache(64 * 2 ** 20, true), ...options });
  front.gateway.unattendedLookMs = LOOK_MS;
  return {
    front,
    origin,
    asked: () => asked,
    stop: () => {
      isOver = true;
    },
  };
}

const unattended = ({ counted }: CachedFront): number => counted('sluice_timeouts_total', 'unattended');
const STORED = `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${ENDLESS}`;

async function leaveInBody({ front }: Dripping, request: string): Promise<void> {
  const client = await connectRaw(front.port);
  await client.send(request);
  await client.untilText('\r\nx\r\n');
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
}

test('a client leaves, and the origin drips on: what nobody reads is given up, and its connection closed', async (t) => {
  const dripping = await openDripping(t, () => STORED, {});
  const { front, origin } = dripping;
  await leaveInBody(dripping, get('/a'));
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && origin.openConnections === 0);
  assert.equal(unattended(front), 1);
  assert.equal(front.gateway.waits.size, 0);
  assert.deepEqual(front.caching.store.verify(), []);
});

test('a refresh whose answer drips, stored or not, is given up', async (t) => {
  const first = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nok';
  // An error that is short is read to its end, so that the connection can go on.
  const error = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nch';
  for (const second of [STORED, error]) {
    const dripping = await openDripping(t, (index) => (index === 0 ? first : second), {
      options: { cache: { staleWhileRevalidate: '1h' } },
    });
    const { front, asked } = dripping;
    await askOnce(front.port, get('/a'));
    assert.equal((await askOnce(front.port, get('/a'))).text, 'ok');
    await waitFor('the origin is asked once more', () => asked() === 2);
    await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
    assert.equal(unattended(front), 1);
    assert.deepEqual(front.caching.store.verify(), []);
  }
});

test('a client leaves, and somebody else reads along: however slowly it comes, he gets the whole', async (t) => {
  const dripping = await openDripping(t, () => STORED, {});
  const { front, asked } = dripping;
  const leader = await connectRaw(front.port);
  await leader.send(get('/a'));
  await leader.untilText('\r\nx\r\n');
  const follower = await connectRaw(front.port);
  t.after(() => follower.close());
  await follower.send(get('/a'));
  await follower.untilText('\r\nx\r\n');
  leader.reset();
  await waitFor('the leader is gone', () => front.listener.connections === 1);
  await setTimeout(5 * LOOK_MS);
  dripping.stop();
  assert.match((await follower.readReply()).text, /^x+$/);
  assert.deepEqual([asked(), unattended(front)], [1, 0]);
});

test('a client leaves, and the body comes as fast as bodies do: it is stored to its end', async (t) => {
  const dripping = await openDripping(t, () => STORED, { pieces: CHUNK.repeat(2), options: { cache: { maxObject: '50MiB' } } });
  const { front, asked } = dripping;
  const client = await connectRaw(front.port);
  client.countOnly();
  await client.send(get('/a'));
  await client.until('some of the body', ({ receivedBytes }) => receivedBytes > 1000);
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
  await setTimeout(3 * LOOK_MS);
  dripping.stop();
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
  assert.equal(unattended(front), 0);
  assert.match((await askOnce(front.port, get('/a'))).field('Cache-Status') ?? '', /hit/);
  assert.equal(asked(), 1);
});

test('a client leaves that fell behind the fill of its own request: it is no reader of that any more', async (t) => {
  const dripping = await openDripping(t, () => `${STORED}${CHUNK.repeat(100)}`, { options: { cache: { maxObject: '50MiB' } } });
  const { front, origin } = dripping;
  const client = await connectRaw(front.port);
  client.pause();
  await client.send(get('/a'));
  await waitFor(
    'all of the first part is here, of which its socket cannot take so much',
    () => front.caching.store.stats().fillingBytes > 100 * CHUNK.length,
  );
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && origin.openConnections === 0);
  assert.equal(unattended(front), 1);
  assert.deepEqual(front.caching.store.verify(), []);
});

test('a client of `dedupe` leaves, and the origin drips on: given up where nobody else reads', async (t) => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nx\r\n';
  const dripping = await openDripping(t, () => `${head}${'x'.repeat(50)}`, {
    options: { cache: { enabled: false }, route: { dedupe: { methods: ['GET', 'POST'] } } },
  });
  const { front, origin } = dripping;
  for (const method of ['GET', 'POST']) {
    await leaveInBody(dripping, `${method} /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n`);
    await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && origin.connections.every(({ isEnded }) => isEnded));
  }
  assert.equal(unattended(front), 2);
  assert.deepEqual(front.caching.store.verify(), []);
});

test('a client leaves while it is served something stale in place of an error: nothing is left to wait for', async (t) => {
  const first = `HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: ${LARGE.length}\r\n\r\n${LARGE}`;
  const error = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n';
  const { front } = await openDripping(t, (index) => (index === 0 ? first : error), {
    options: { cache: { maxObject: '50MiB', staleIfError: '1h' }, host: hostCache(64 * 2 ** 20) },
  });
  front.gateway.unattendedLookMs = 60_000;
  const before = await connectRaw(front.port);
  t.after(() => before.close());
  before.countOnly();
  await before.send(get('/a'));
  await before.until('the whole', ({ receivedBytes }) => receivedBytes > LARGE.length);
  const client = await connectRaw(front.port);
  client.pause();
  await client.send(get('/a'));
  await waitFor('it is being served', () => front.counted('sluice_cache_requests_total', 'stale') === 1);
  client.reset();
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
});

test('a HEAD that is served stale asks nothing of a route that keeps nothing', async (t) => {
  const heads = await RawOrigin.answering(
    'HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-while-revalidate=60\r\nETag: "e"\r\nContent-Length: 1\r\n\r\n',
  );
  const gets = await RawOrigin.answering(STORED);
  t.after(() => Promise.all([heads.close(), gets.close()]));
  const config = {
    upstreams: { heads: heads.url, gets: gets.url },
    routes: [
      { name: 'heads', match: { path: '/*', methods: ['HEAD'] }, upstream: 'heads', cache: true },
      { name: 'gets', match: '/*', upstream: 'gets' },
    ],
  };
  const { port, gateway, counted } = await openConfigured(t, config, { caching: hostCache().open(0) });
  for (let i = 0; i < 3; i++) assert.equal((await askOnce(port, 'HEAD /a HTTP/1.1\r\nHost: a.example\r\n\r\n')).status, 200);
  assert.ok(counted('sluice_cache_requests_total', 'stale') > 0);
  await waitFor('nothing is under way', () => gateway.inFlight === 0);
  assert.equal(gets.requests.length, 0);
});

test('where nobody waits for the answer, no other upstream is asked in place of one that fails', async (t) => {
  const gate = new Barrier('the client has left');
  const first = 'HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nok';
  const origin = await RawOrigin.answering(async ({ target }, index, connection) => {
    if (index === 0) return first;
    if (target === '/left') await gate.wait();
    connection.reset();
    return undefined;
  });
  const other = await RawOrigin.answering(STORED);
  t.after(() => Promise.all([origin.close(), other.close()]));
  const config = {
    upstreams: { origin: origin.url, other: other.url },
    routes: [
      { name: 'all', match: '/*', upstream: 'origin', cache: { staleWhileRevalidate: '1h' }, fallback: { on: [502], upstream: 'other' } },
    ],
  };
  const { port, gateway, listener } = await openConfigured(t, config, { caching: hostCache(16 * 2 ** 20, true).open(0) });
  await askOnce(port, get('/a'));
  assert.equal((await askOnce(port, get('/a'))).text, 'ok');
  await waitFor('it is refreshed', () => origin.requests.length > 1 && gateway.inFlight === 0);
  const client = await connectRaw(port);
  await client.send(get('/left'));
  await waitFor('the origin is asked', () => origin.requests.some(({ target }) => target === '/left'));
  client.reset();
  await waitFor('the client is gone', () => listener.connections === 0);
  gate.open();
  await waitFor('nothing is under way', () => gateway.inFlight === 0);
  assert.equal(other.requests.length, 0);
});
