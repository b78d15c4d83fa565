import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { TimeSlice } from '../../src/base/time-slice.ts';
import { Barrier } from '../harness/barrier.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { OK_REPLY, type OriginScript, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';
import { openBlackHole } from './black-hole.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const HELD: OriginScript = () => {};
const MIB = 1024 * 1024;

type SceneOptions = { readonly listener?: object; readonly upstream?: object; readonly route?: object };

async function openFront(t: TestContext, url: string, { listener, upstream, route }: SceneOptions): Promise<ConfiguredFront> {
  return openConfigured(t, {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', ...listener }],
    upstreams: { origin: { endpoints: [url], ...upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'origin', ...route }],
  });
}

async function openScene(
  t: TestContext,
  script: OriginScript,
  options: SceneOptions,
): Promise<{ front: ConfiguredFront; origin: RawOrigin }> {
  const origin = await RawOrigin.start(script);
  const front = await openFront(t, origin.url, options);
  t.after(() => origin.close());
  return { front, origin };
}

async function open(t: TestContext, front: ConfiguredFront): Promise<RawPeer> {
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  return client;
}

/** Does `act` every few ms until the test is over. */
function repeat(t: TestContext, everyMs: number, act: () => void): void {
  const timer = setInterval(act, everyMs);
  t.after(() => clearInterval(timer));
}

const startedAgo = (startMs: number): number => performance.now() - startMs;

// ---- upstream --------------------------------------------------------------------------------------------------------------

test('connect: an address that does not answer is a 504 after the time, for both attempts', async (t) => {
  const url = await openBlackHole(t);
  const front = await openFront(t, url, { upstream: { timeouts: { connect: '60ms' } } });
  const startMs = performance.now();
  const reply = await askOnce(front.port, GET);
  assert.equal(reply.status, 504);
  assert.equal(reply.field('proxy-status'), 'sluice; error=connection_timeout');
  assert.ok(startedAgo(startMs) >= 110, 'an attempt and a retry');
  assert.equal(front.counted('sluice_timeouts_total', 'upstream-connect'), 2);
});

test('response: an origin that says nothing is a 504 after the time, and its connection is closed', async (t) => {
  const { front, origin } = await openScene(t, HELD, { upstream: { timeouts: { response: '60ms' } } });
  const startMs = performance.now();
  const reply = await askOnce(front.port, GET);
  assert.deepEqual([reply.status, reply.field('proxy-status')], [504, 'sluice; error=http_response_timeout']);
  assert.ok(startedAgo(startMs) >= 55);
  await (await origin.connection(0)).untilEnd();
  assert.equal(origin.connections.length, 1, 'it is not tried again');
});

test('response: the time begins when the upload is whole, however long that takes', async (t) => {
  const { front } = await openScene(
    t,
    async (connection) => {
      await connection.readRequest();
      await connection.send(OK_REPLY);
    },
    { upstream: { timeouts: { response: '400ms' } } },
  );
  const client = await open(t, front);
  await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\n');
  for (let i = 0; i < 24; i++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    await client.send('x');
  }
  assert.equal((await client.readReply('POST')).status, 200);
});

test('response: 0 means none', async (t) => {
  const barrier = new Barrier('the answer');
  const { front } = await openScene(
    t,
    async (connection) => {
      await connection.readRequest();
      await barrier.wait();
      await connection.send(OK_REPLY);
    },
    { upstream: { timeouts: { response: '0' } } },
  );
  const client = await open(t, front);
  await client.send(GET);
  setTimeout(() => barrier.open(), 150);
  assert.equal((await client.readReply()).status, 200);
});

test('idle: an answer that stops is cut after the time, and one that goes on slowly is not', async (t) => {
  const { front } = await openScene(
    t,
    async (connection) => {
      for (let request = await connection.readRequest(); request !== undefined; request = await connection.readRequest(60_000)) {
        await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n');
        for (let i = 0; i < (request.target === '/slow' ? 20 : 3); i++) {
          await connection.send('x');
          await new Promise((resolve) => setTimeout(resolve, 25));
        }
      }
    },
    { upstream: { timeouts: { idle: '300ms' } } },
  );
  const slow = await open(t, front);
  await slow.send(GET.replace('/', '/slow'));
  assert.equal((await slow.readReply()).text, 'x'.repeat(20));
  const stopped = await open(t, front);
  await stopped.send(GET);
  assert.match((await stopped.untilEnd()).toString(), /\r\n\r\nxxx$/);
  assert.equal(front.counted('sluice_timeouts_total', 'upstream-idle'), 1);
});

test('total: a deadline of the route ends what waits with 504 and cuts what runs, whatever else goes on', async (t) => {
  const { front } = await openScene(
    t,
    async (connection) => {
      const request = await connection.readRequest();
      if (request?.target !== '/stream') return;
      await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const timer = setInterval(() => void connection.send('1\r\nx\r\n'), 10);
      await connection.untilEnd().finally(() => clearInterval(timer));
    },
    { route: { timeout: '120ms' } },
  );
  const waiting = await askOnce(front.port, GET);
  assert.deepEqual([waiting.status, JSON.parse(waiting.text).type], [504, 'urn:sluice:problem:deadline']);
  const running = await open(t, front);
  await running.send(GET.replace('/', '/stream'));
  const text = (await running.untilEnd()).toString();
  assert.ok(text.includes('1\r\nx\r\n') && !text.includes('\r\n0\r\n'), 'cut, not ended');
  assert.equal(front.counted('sluice_timeouts_total', 'total'), 2);
});

test('total: off unless asked for', async (t) => {
  const { front } = await openScene(t, HELD, {});
  const client = await open(t, front);
  await client.send(GET);
  await waitFor('it is under way', () => front.gateway.inFlight === 1);
  const { watched } = front.gateway as unknown as { readonly watched: ReadonlyMap<unknown, number> };
  assert.equal(watched.size, 0);
});

test('min rate: an answer below it is cut, one above it is not', async (t) => {
  const { front } = await openScene(
    t,
    async (connection) => {
      const request = await connection.readRequest();
      const [size, count] = request?.target === '/fast' ? [100, 80] : [2, 800];
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size * count}\r\n\r\n`);
      let sent = 0;
      const timer = setInterval(() => (sent++ < count ? void connection.send('x'.repeat(size)) : clearInterval(timer)), 20);
      await connection.untilEnd().finally(() => clearInterval(timer));
    },
    { upstream: { minRate: { bytes: '1000B', after: '1s' } } },
  );
  const [fast, slow] = [await open(t, front), await open(t, front)];
  await fast.send(GET.replace('/', '/fast'));
  await slow.send(GET);
  assert.ok((await slow.untilEnd()).length < 1600);
  assert.equal((await fast.readReply()).body.length, 8000);
  assert.equal(front.counted('sluice_timeouts_total', 'upstream-too-slow'), 1);
});

// ---- pool ------------------------------------------------------------------------------------------------------------------

test('pool: a request that waits too long for a connection is a 503 that says when to come again', async (t) => {
  const { front } = await openScene(t, HELD, { upstream: { pool: { maxConnections: 1, pendingTimeout: '60ms' } } });
  const first = await open(t, front);
  await first.send(GET);
  await waitFor('the only connection is taken', () => front.gateway.inFlight === 1);
  const reply = await askOnce(front.port, GET);
  assert.deepEqual([reply.status, reply.field('retry-after')], [503, '1']);
  assert.equal(reply.field('proxy-status'), 'sluice; error=connection_limit_reached');
  assert.equal(front.counted('sluice_timeouts_total', 'pool-wait'), 1);
});

test('pool: with nobody allowed to wait, a request without a connection is a 503 at once', async (t) => {
  const { front, origin } = await openScene(t, HELD, { upstream: { pool: { maxConnections: 1, maxPending: 0 } } });
  const first = await open(t, front);
  await first.send(GET);
  await (await origin.connection(0)).untilText('\r\n\r\n');
  const reply = await askOnce(front.port, GET);
  assert.deepEqual([reply.status, reply.field('retry-after')], [503, '1']);
  assert.equal(front.counted('sluice_upstream_failures_total', 'pool-full'), 1);
  await (origin.connections[0] as RawPeer).send(OK_REPLY);
  assert.equal((await first.readReply()).text, 'ok', 'the one that has it is served');
  await first.send(GET);
  await (origin.connections[0] as RawPeer).send(OK_REPLY);
  assert.equal((await first.readReply()).text, 'ok');
});

test('pool: who waits is served in order as connections become free', async (t) => {
  const { front, origin } = await openScene(t, HELD, { upstream: { pool: { maxConnections: 1 } } });
  const clients: RawPeer[] = [];
  for (let i = 0; i < 3; i++) {
    const client = await open(t, front);
    clients.push(client);
    await client.send(GET.replace('/', `/${i}`));
    await waitFor(`${i} is under way`, () => front.gateway.inFlight === i + 1);
  }
  const connection = await origin.connection(0);
  for (const [i, client] of clients.entries()) {
    assert.equal((await connection.readRequest())?.target, `/${i}`);
    await connection.send(OK_REPLY);
    assert.equal((await client.readReply()).text, 'ok');
  }
  assert.equal(origin.connections.length, 1);
});

test('pool: an idle connection is closed after its time', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const front = await openFront(t, origin.url, { upstream: { pool: { idleTimeout: '60ms' } } });
  assert.equal((await askOnce(front.port, GET)).status, 200);
  await (await origin.connection(0)).untilEnd();
  assert.equal((await askOnce(front.port, GET)).status, 200);
  assert.equal(origin.connections.length, 2);
});

// ---- client ----------------------------------------------------------------------------------------------------------------

test('head: one that is not whole in time is answered 408 and closed, however it trickles', async (t) => {
  const { front, origin } = await openScene(t, HELD, { listener: { timeouts: { head: '150ms' } } });
  const client = await open(t, front);
  const startMs = performance.now();
  await client.send('GET / HTTP/1.1\r\nX: ');
  repeat(t, 20, () => void client.send('x'));
  assert.equal((await client.readReply()).status, 408);
  assert.ok(startedAgo(startMs) >= 140);
  await client.untilEnd();
  assert.equal(origin.connections.length, 0);
  assert.equal(front.counted('sluice_timeouts_total', 'client-head'), 1);
});

test('body: one that stops is answered 408, and the origin is let go', async (t) => {
  const { front, origin } = await openScene(t, HELD, { listener: { timeouts: { idle: '120ms' } } });
  const client = await open(t, front);
  await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  assert.equal((await client.readReply('POST')).status, 408);
  await client.untilEnd();
  await (await origin.connection(0)).untilEnd();
  assert.equal(front.counted('sluice_timeouts_total', 'client-idle'), 1);
});

test('body: a slow but steady upload outlives every clock but a total one', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const front = await openFront(t, origin.url, {
    listener: { timeouts: { head: '400ms', idle: '400ms', keepAlive: '400ms' }, minRate: { bytes: '10B', after: '1s' } },
    upstream: { timeouts: { response: '400ms', idle: '400ms', connect: '400ms' } },
  });
  const client = await open(t, front);
  await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60\r\n\r\n');
  for (let i = 0; i < 60; i++) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    await client.send('x');
  }
  assert.equal((await client.readReply('POST')).status, 200);
  assert.equal(origin.requests[0]?.body.length, 60);
  assert.equal(front.counted('sluice_timeouts_total'), 0);
});

test('body: time in which the origin does not take it does not count against the client', async (t) => {
  const { front, origin } = await openScene(t, (connection) => connection.pause(), {
    listener: { timeouts: { idle: '600ms' }, minRate: { bytes: '1KiB', after: '1s' } },
  });
  const client = await open(t, front);
  const total = 32 * MIB;
  await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
  client.socket.write(Buffer.alloc(total));
  const connection = await origin.connection(0);
  connection.countOnly();
  // Over every limit that there is, while nothing moves: the passing of time is what is tested.
  await new Promise((resolve) => setTimeout(resolve, 2200));
  assert.equal(front.counted('sluice_timeouts_total'), 0);
  connection.resume();
  await connection.until('all has come', ({ receivedBytes }) => receivedBytes > total);
  await connection.send(OK_REPLY);
  assert.equal((await client.readReply('POST')).status, 200);
});

test('keep-alive: a connection without a request is closed without a word after the time, counted from its last answer', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const front = await openFront(t, origin.url, { listener: { timeouts: { keepAlive: '500ms' } } });
  const client = await open(t, front);
  for (let i = 0; i < 3; i++) {
    await client.send(GET);
    assert.equal((await client.readReply()).status, 200);
    if (i < 2) await new Promise((resolve) => setTimeout(resolve, 280));
  }
  await client.untilEnd();
  assert.equal(client.unread.length, 0);
});

test('min rate: a client that takes its answer below it is cut, one that takes it faster is not', async (t) => {
  const total = 24 * MIB;
  const { front } = await openScene(
    t,
    async (connection) => {
      await connection.readRequest();
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      for (let i = 0; i < 24; i++) connection.socket.write(Buffer.alloc(MIB));
      await connection.untilEnd(60_000);
    },
    { listener: { minRate: { bytes: '1MiB', after: '1s' } } },
  );
  const [slow, fast] = [await open(t, front), await open(t, front)];
  for (const client of [slow, fast]) client.countOnly();
  slow.pause();
  await slow.send(GET);
  await fast.send(GET);
  await fast.until('all has come', ({ receivedBytes }) => receivedBytes > total, 20_000);
  await waitFor('the slow one is given up', () => front.counted('sluice_timeouts_total', 'client-too-slow') === 1);
  slow.resume();
  await slow.untilEnd();
  assert.ok(slow.receivedBytes < total);
});

/** Of no length: over after each piece of work. Returns how many it took. */
function sweepInSlices(sweep: (slice: TimeSlice) => void): number {
  const slice = new TimeSlice();
  for (let slices = 1; ; slices++) {
    slice.begin(0, 0);
    sweep(slice);
    if (!slice.hasMore) return slices;
  }
}

test('requests that are late in one and the same moment are ended slice by slice, and clients that are idle, too', async (t) => {
  const { front } = await openScene(t, HELD, { route: { timeout: '60s' } });
  const clients = await Promise.all(Array.from({ length: 100 }, () => open(t, front)));
  await Promise.all(clients.map((client) => client.send(GET)));
  await waitFor('all are under way', () => front.gateway.inFlight === clients.length);
  const slices = sweepInSlices((slice) => front.gateway.sweep(performance.now() + 120_000, slice));
  assert.ok(slices >= clients.length, `${slices} slices`);
  assert.equal(front.gateway.inFlight, 0);
  const statuses = await Promise.all(clients.map(async (client) => (await client.readReply('GET')).status));
  assert.deepEqual(new Set(statuses), new Set([504]));
  const sweeps = sweepInSlices((slice) => front.listener.sweep(performance.now() + 3_600_000, slice));
  assert.equal(sweeps, 4);
  await waitFor('none is left', () => front.listener.connections === 0);
});
