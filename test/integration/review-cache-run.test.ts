import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, type CachedOptions, hostCache, openCached } from './cached-front.ts';

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`;
const HOUR = 'Cache-Control: max-age=3600\r\n';
const part = (tag: string, range: string, body: string): string =>
  `HTTP/1.1 206 Partial Content\r\n${HOUR}ETag: "${tag}"\r\nContent-Range: bytes ${range}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const whole = (tag: string, body: string): string =>
  `HTTP/1.1 200 OK\r\n${HOUR}ETag: "${tag}"\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

type Asked = { readonly head: string; readonly connection: RawPeer };
type Bench = { readonly front: CachedFront; readonly asked: readonly Asked[] };

/** An origin that answers by what it was asked; `undefined`: the answer was sent already, or never will be. */
async function open(
  t: TestContext,
  answer: (head: string, index: number, connection: RawPeer) => Promise<string | undefined>,
  options: CachedOptions = {},
): Promise<Bench> {
  const asked: Asked[] = [];
  const origin = await RawOrigin.start(async (connection) => {
    for (;;) {
      const request = await connection.readRequest(60_000).catch(() => undefined);
      if (request === undefined) return;
      asked.push({ head: request.head, connection });
      const text = await answer(request.head, asked.length - 1, connection);
      if (text !== undefined) await connection.send(text);
    }
  });
  t.after(() => origin.close());
  const front = await openCached(t, origin.url, { host: hostCache(16 * 2 ** 20, true), ...options });
  return { front, asked };
}

const resting = ({ front }: Bench): Promise<unknown> => waitFor('nothing is left under way', () => front.gateway.inFlight === 0);

test('a rest that is of another representation: the whole answer is asked for, and the client gets it once', async (t) => {
  const answers = [part('a', '0-9/30', 'a'.repeat(10)), part('b', '10-29/30', 'b'.repeat(20)), whole('b', 'b'.repeat(30))];
  const bench = await open(t, async (_, index) => answers[index] ?? whole('c', 'never'));
  assert.equal((await askOnce(bench.front.port, get('/a', 'Range: bytes=0-9\r\n'))).status, 206);
  const client = await connectRaw(bench.front.port);
  await client.send(get('/a'));
  const reply = await client.readReply();
  assert.equal(reply.text, 'b'.repeat(30));
  await client.send(get('/a'));
  const again = await client.readReply();
  assert.equal(again.text, 'b'.repeat(30));
  assert.match(again.field('Cache-Status') ?? '', /; hit/);
  await client.send(get('/other'));
  assert.equal((await client.readReply()).text, 'never');
  assert.equal(bench.asked.length, 4);
  client.close();
  await resting(bench);
  assert.deepEqual(bench.front.caching.store.verify(), []);
});

test('an origin whose parts never complete what is stored is not asked for ever', async (t) => {
  const bench = await open(t, async (head, index) => {
    if (index === 0) return part('a', '0-9/30', 'a'.repeat(10));
    return /range:/i.test(head) ? part('a', '5-9/30', 'a'.repeat(5)) : whole('a', 'a'.repeat(30));
  });
  await askOnce(bench.front.port, get('/a', 'Range: bytes=0-9\r\n'));
  const reply = await askOnce(bench.front.port, get('/a'), 5000);
  assert.equal(reply.text, 'a'.repeat(30), `${reply.status} after ${bench.asked.length} requests`);
  assert.ok(bench.asked.length <= 5, `${bench.asked.length} requests`);
  await resting(bench);
});

test('a follower of an answer with No-Vary-Search is served, and nobody is lost', async (t) => {
  const gate = new Barrier('the second half');
  const bench = await open(
    t,
    async (_, __, connection) => {
      await connection.send(`HTTP/1.1 200 OK\r\n${HOUR}No-Vary-Search: params=("x")\r\nContent-Length: 10\r\n\r\nhello`);
      await gate.wait();
      return 'world';
    },
    { cache: { noVarySearch: true } },
  );
  const leader = await connectRaw(bench.front.port);
  await leader.send(get('/a?x=1'));
  await leader.untilText('hello');
  const follower = askOnce(bench.front.port, get('/a?x=1'), 8000);
  await Promise.race([follower, waitFor('both are here', () => bench.front.gateway.inFlight === 2)]);
  gate.open();
  const reply = await follower;
  assert.equal(reply.status, 200);
  assert.equal(reply.text, 'helloworld');
  assert.equal((await leader.readReply()).text, 'helloworld');
  leader.close();
  await resting(bench);
});

test('a stale QUERY is refreshed behind the client with its content, or not at all', async (t) => {
  const bench = await open(
    t,
    async () => `HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-while-revalidate=60\r\nETag: "a"\r\nContent-Length: 5\r\n\r\nhello`,
    { cache: { methods: ['GET', 'HEAD', 'QUERY'] } },
  );
  const query = 'QUERY /a HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc';
  for (let i = 0; i < 3; i++) assert.equal((await askOnce(bench.front.port, query, 3000)).text, 'hello');
  await resting(bench);
});

test('an endless answer that turns out not to be stored is dropped once its only client has left', async (t) => {
  const left = new Barrier('the client has left');
  const bench = await open(t, async () => {
    await left.wait();
    return 'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n';
  });
  const client = await connectRaw(bench.front.port);
  await client.send(get('/events'));
  await waitFor('the origin is asked', () => bench.asked.length === 1);
  client.reset();
  await waitFor('the gateway knows', () => bench.front.gateway.inFlight <= 1);
  left.open();
  await resting(bench);
});

test('a refresh whose answer is endless and not to be stored is dropped', async (t) => {
  const bench = await open(t, async (_, index) =>
    index === 0
      ? `HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-while-revalidate=60\r\nContent-Length: 5\r\n\r\nhello`
      : 'HTTP/1.1 200 OK\r\nCache-Control: no-store\r\n\r\ndata: 1\n\n',
  );
  await askOnce(bench.front.port, get('/a'));
  assert.equal((await askOnce(bench.front.port, get('/a'))).text, 'hello');
  await waitFor('the origin is asked', () => bench.asked.length === 2);
  await resting(bench);
});

test('bytes that went into the cache alone are not counted as sent to a client', async (t) => {
  const bench = await open(t, async () => whole('a', 'a'.repeat(5000)));
  const reply = await askOnce(bench.front.port, get('/a', 'If-None-Match: "a"\r\n'));
  assert.equal(reply.status, 304);
  await resting(bench);
  assert.equal(bench.asked.length, 1);
  const line = bench.front.log.at(-1) ?? {};
  assert.equal(line['status'], 304);
  assert.equal(line['bytesSent'], 0);
});
