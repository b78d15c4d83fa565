import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type OriginScript, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, type CachedOptions, hostCache, openCached } from './cached-front.ts';

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`;
const isHit = (reply: Reply): boolean => /; hit/.test(reply.field('Cache-Status') ?? '');
const HOUR = 'Cache-Control: max-age=3600\r\n';
const HALF = 'a'.repeat(20_000);
const WHOLE = HALF + 'b'.repeat(20_000);
const headOf = (length: number): string => `HTTP/1.1 200 OK\r\n${HOUR}Content-Length: ${length}\r\n\r\n`;

async function open(t: TestContext, script: OriginScript, options: CachedOptions = {}): Promise<{ front: CachedFront; origin: RawOrigin }> {
  const origin = await RawOrigin.start(script);
  const front = await openCached(t, origin.url, options);
  t.after(() => origin.close());
  return { front, origin };
}

/** Parses once, when all is there: parsing at every piece is quadratic. */
async function readLarge(client: RawPeer, size: number): Promise<Reply> {
  await client.until('all of it', (peer) => peer.receivedBytes >= size || peer.isEnded, 60_000);
  return client.readReply();
}

/** Answers each request of a connection, the n-th over all connections in the n-th way (the last for all further ones). */
function inTurn(...answers: readonly ((connection: Parameters<OriginScript>[0]) => Promise<void>)[]): OriginScript {
  let count = 0;
  return async (connection) => {
    while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) {
      const answer = answers[Math.min(count++, answers.length - 1)];
      await answer?.(connection);
    }
  };
}

test('a client that leaves in mid-fill: nobody ever gets half of it', async (t) => {
  const gate = new Barrier('the second half');
  const halves = inTurn(
    async (connection) => {
      await connection.send(headOf(WHOLE.length) + HALF);
      await gate.wait();
      await connection.send(WHOLE.slice(HALF.length));
    },
    (connection) => connection.send(headOf(WHOLE.length) + WHOLE),
  );
  const { front } = await open(t, halves);
  const first = await connectRaw(front.port);
  await first.send(get('/a'));
  await first.untilText('aaaa');
  first.reset();
  const second = askOnce(front.port, get('/a'));
  gate.open();
  assert.equal((await second).text, WHOLE);
  await waitFor('nothing is left under way', () => front.gateway.inFlight === 0);
  const third = await askOnce(front.port, get('/a'));
  assert.equal(third.text, WHOLE);
  assert.equal(isHit(third), true);
  assert.deepEqual(front.caching.store.verify(), []);
});

test('an answer that breaks off is cut for the client and not stored', async (t) => {
  const { front } = await open(
    t,
    inTurn(
      async (connection) => {
        await connection.send(headOf(WHOLE.length) + HALF);
        connection.close();
      },
      (connection) => connection.send(headOf(WHOLE.length) + WHOLE),
    ),
  );
  const first = await connectRaw(front.port);
  t.after(() => first.close());
  await first.send(get('/a'));
  await first.untilEnd();
  assert.ok(first.received.length < WHOLE.length);
  const second = await askOnce(front.port, get('/a'));
  assert.equal(isHit(second), false);
  assert.equal(second.text, WHOLE);
  assert.equal(isHit(await askOnce(front.port, get('/a'))), true);
});

test('chunks that break off are not stored', async (t) => {
  const { front } = await open(
    t,
    inTurn(
      async (connection) => {
        await connection.send(`HTTP/1.1 200 OK\r\n${HOUR}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`);
        connection.close();
      },
      (connection) => connection.send(headOf(2) + 'ok'),
    ),
  );
  const first = await connectRaw(front.port);
  t.after(() => first.close());
  await first.send(get('/a'));
  await first.untilEnd();
  assert.equal((await askOnce(front.port, get('/a'))).text, 'ok');
});

test('an answer without length that ends with its connection is stored whole', async (t) => {
  const { front } = await open(
    t,
    inTurn(async (connection) => {
      await connection.send(`HTTP/1.1 200 OK\r\n${HOUR}Connection: close\r\n\r\nhello`);
      connection.halfClose();
    }),
  );
  assert.equal((await askOnce(front.port, get('/a'))).text, 'hello');
  const again = await askOnce(front.port, get('/a'));
  assert.deepEqual([again.text, isHit(again), again.field('Content-Length')], ['hello', true, '5']);
});

test('a large body that is served slowly stays whole while it is invalidated and its place is wanted', async (t) => {
  // More than the sockets' buffers take, so that it is still being read when its place is wanted.
  const size = 20 * 2 ** 20;
  const large = Buffer.alloc(size, 'l');
  const { front } = await open(
    t,
    async (connection) => {
      for (let request = await connection.readRequest(60_000).catch(() => undefined); request !== undefined; ) {
        const length = request.target === '/large' ? size : 2 ** 20;
        await connection.send(
          Buffer.concat([Buffer.from(headOf(length)), request.target === '/large' ? large : Buffer.alloc(length, 's')]),
        );
        request = await connection.readRequest(60_000).catch(() => undefined);
      }
    },
    { host: hostCache(100 * 2 ** 20), cache: { maxObject: '32MiB' } },
  );
  const first = await connectRaw(front.port);
  await first.send(get('/large'));
  await readLarge(first, size);
  first.close();
  assert.equal(isHit(await askOnce(front.port, get('/large', 'Range: bytes=0-0\r\n'))), true);
  const slow = await connectRaw(front.port);
  t.after(() => slow.close());
  slow.pause();
  await slow.send(get('/large'));
  await waitFor('it is being served', () => front.gateway.inFlight > 0);
  const { store } = front.caching;
  let doomed = 0;
  store.forEach((object) => {
    if (object.key.includes('/large') && store.doom(object)) doomed++;
  });
  assert.equal(doomed, 1);
  for (let n = 0; n < 100; n++) await askOnce(front.port, get(`/small/${n}`));
  slow.resume();
  assert.equal((await readLarge(slow, size)).body.equals(large), true);
  await waitFor('it is over', () => front.gateway.inFlight === 0);
  assert.deepEqual(store.verify(), []);
});

test('a store that is too small evicts, never lies, and never passes its limit', async (t) => {
  const bytes = 16 * 2 ** 20;
  const { front } = await open(
    t,
    async (connection) => {
      for (let request = await connection.readRequest(60_000).catch(() => undefined); request !== undefined; ) {
        const body = `${request.target}|`.repeat(8_000);
        await connection.send(headOf(body.length) + body);
        request = await connection.readRequest(60_000).catch(() => undefined);
      }
    },
    { host: hostCache(bytes) },
  );
  let hits = 0;
  for (let n = 0; n < 600; n++) {
    const path = `/object/${n % 3 === 0 ? n % 9 : 1000 + n}`;
    const reply = await askOnce(front.port, get(path));
    assert.equal(reply.text, `${path}|`.repeat(8_000));
    if (isHit(reply)) hits++;
  }
  const stats = front.caching.store.stats();
  assert.ok(stats.evictions > 0, 'it had to evict');
  assert.ok(stats.payloadBytes <= bytes);
  assert.ok(hits > 100, `what is asked for again and again stays: ${hits} hits`);
  assert.deepEqual(front.caching.store.verify(), []);
});
