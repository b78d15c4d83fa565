import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw, exchangeRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openFront, openPair } from './front.ts';

/** What is peculiar to the `uws` engine: the addon's own timers, its parser, its limits. */
const HOST = 'Host: a.example\r\n';
const post = (lines: string, body = ''): string => `POST /p HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

test('uws: an upload slower than the 16 KiB/s and 10 s of the addon is not cut by it', { timeout: 60_000 }, async (t) => {
  const { front, origin } = await openPair(t, 'uws');
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(post('Content-Length: 14\r\n'));
  const timer = setInterval(() => client.send('a'), 1000);
  t.after(() => clearInterval(timer));
  assert.equal((await client.readReply('POST', 30_000)).status, 200);
  assert.equal(origin.requests[0]?.body.length, 14);
});

test('uws: an upload that waits longer than 10 s for its origin is not cut by the addon', { timeout: 60_000 }, async (t) => {
  const origin = await RawOrigin.start((connection) => connection.pause());
  const front = await openFront(t, 'uws', origin.port);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  const total = 32 * 1024 * 1024;
  await client.send(post(`Content-Length: ${total}\r\n`));
  client.socket.write(Buffer.alloc(total));
  const startMs = performance.now();
  await waitFor('14 s are over', () => performance.now() - startMs > 14_000, 20_000);
  assert.equal(client.isEnded, false);
  const connection = await origin.connection(0);
  connection.countOnly();
  connection.resume();
  await connection.until('all has come', (peer) => peer.receivedBytes > total, 30_000);
  await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  assert.equal((await client.readReply('POST')).status, 200);
});

test('uws: after a chunked request the answer is the last, whole, and the connection closed', async (t) => {
  const { front } = await openPair(t, 'uws');
  const received = (await exchangeRaw(front.port, post(CHUNKED, '1\r\na\r\n0\r\n\r\n'))).toString('latin1');
  assert.match(received, /\r\nConnection: close\r\n/);
  assert.ok(received.endsWith('\r\n\r\nok'));
});

test('uws: after a chunked request a streamed answer is whole, and what follows is not read', async (t) => {
  const origin = await RawOrigin.start(async (connection) => {
    await connection.readRequest();
    await connection.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n3\r\none\r\n`);
  });
  const front = await openFront(t, 'uws', origin.port);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(post(CHUNKED, '1\r\na\r\n0\r\n\r\n'));
  await client.untilText('one');
  const connection = await origin.connection(0);
  await connection.send('3\r\ntwo\r\n0\r\n\r\n');
  const reply = await client.readReply('POST');
  assert.equal(reply.text, 'onetwo');
  assert.equal(reply.field('connection'), 'close');
  await client.send(`GET /evil HTTP/1.1\r\n${HOST}\r\n`);
  await client.untilEnd(20_000);
  assert.equal(client.unread.length, 0);
  assert.ok(!connection.text.includes('/evil'));
});

test('uws: many requests on many connections keep their answers apart', async (t) => {
  const { front } = await openPair(t, 'uws', ({ target, body }) => {
    const text = `${target} ${body.toString()}`;
    return `HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
  });
  const run = async (id: number): Promise<void> => {
    const client = await connectRaw(front.port);
    for (let i = 0; i < 30; i++) {
      const body = 'b'.repeat((id * 37 + i * 101) % 3000);
      const isPost = (id + i) % 2 === 0;
      const request = isPost
        ? `POST /${id}/${i} HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n${body}`
        : `GET /${id}/${i} HTTP/1.1\r\n${HOST}\r\n`;
      await client.send(request);
      assert.equal((await client.readReply()).text, `/${id}/${i} ${isPost ? body : ''}`);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: 20 }, (_, id) => run(id)));
  await waitFor('all have gone', () => front.listener.connections === 0);
  assert.equal(front.gateway.inFlight, 0);
});

test('uws: a port that is taken is an error that says so', async (t) => {
  const { front } = await openPair(t, 'uws');
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const address = { host: '127.0.0.1', port: front.port };
  await assert.rejects(openFront(t, 'uws', origin.port, { listener: { address } }), /cannot listen on 127\.0\.0\.1 port \d+/);
});
