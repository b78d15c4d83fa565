import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { Barrier } from '../harness/barrier.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openFront, openPair } from './front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const HOST = 'Host: a.example\r\n';
const MIB = 1024 * 1024;
const get = (path = '/a'): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;
const post = (lines: string, body = ''): string => `POST /p HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
/** Answers, and does not mind requests that break off. */
const TOLERANT = async (connection: RawPeer): Promise<void> => {
  while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) await connection.send(OK_REPLY);
};
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

for (const engine of ENGINES) {
  // ---- requests ------------------------------------------------------------------------------------------------------

  test(`${engine}: a chunked body is framed anew, whatever its pieces`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.sendSplit(post(CHUNKED, '3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n'), [70, 71, 75, 80, 85, 90]);
    assert.equal((await client.readReply('POST')).status, 200);
    const [request] = origin.requests;
    assert.equal(request?.body.toString(), 'abc0123456789');
    assert.equal(request?.field('transfer-encoding'), 'chunked');
    assert.equal(request?.field('content-length'), undefined);
  });

  test(`${engine}: a large upload arrives whole, by length and by chunks`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const body = randomBytes(3 * MIB);
    await askOnce(front.port, Buffer.concat([Buffer.from(post(`Content-Length: ${body.length}\r\n`)), body]));
    const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
    await askOnce(front.port, Buffer.concat([Buffer.from(post(CHUNKED)), chunk]));
    for (const request of origin.requests) assert.equal(sha(request.body), sha(body));
    assert.equal(origin.requests.length, 2);
  });

  test(`${engine}: an upload flows before it ends`, async (t) => {
    const origin = await RawOrigin.start();
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(post('Content-Length: 10\r\n', 'first'));
    const connection = await origin.connection(0);
    await connection.untilText('\r\n\r\nfirst');
    await client.send('-last');
    await connection.untilText('first-last');
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    assert.equal((await client.readReply('POST')).status, 200);
  });

  test(`${engine}: an origin that does not read stops the client's upload`, async (t) => {
    const origin = await RawOrigin.start((connection) => connection.pause());
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    const total = 64 * MIB;
    await client.send(post(`Content-Length: ${total}\r\n`));
    const piece = Buffer.alloc(MIB, 97);
    for (let i = 0; i < total / MIB; i++) client.socket.write(piece);
    const peak = await settled(() => client.socket.bytesWritten - client.socket.writableLength);
    assert.ok(peak < 40 * MIB, `${peak} bytes were taken`);
    const connection = await origin.connection(0);
    connection.countOnly();
    connection.resume();
    await connection.until('all has come', (peer) => peer.receivedBytes > total, 30_000);
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    assert.equal((await client.readReply('POST')).status, 200);
  });

  test(`${engine}: an early answer to an unfinished upload is delivered`, async (t) => {
    const origin = await RawOrigin.start(async (connection) => {
      await connection.untilText('\r\n\r\nsome');
      await connection.send('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\ntoo');
    });
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(post('Content-Length: 500000\r\n', 'some'));
    const reply = await client.readReply('POST');
    assert.equal(reply.status, 413);
    assert.equal(reply.text, 'too');
    assert.equal(reply.field('connection'), 'close');
  });

  test(`${engine}: after an early answer with little left of the upload, the connection goes on`, async (t) => {
    const { front, origin } = await openPair(t, engine, undefined, { route: { match: { path: '/only' } } });
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(post('Content-Length: 10\r\n', 'first'));
    assert.equal((await client.readReply('POST')).status, 404);
    await client.send(`-lastGET /only HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal((await client.readReply()).text, 'ok');
    assert.equal(origin.requests.length, 1);
  });

  test(`${engine}: a chunked body over the limit is answered 413`, async (t) => {
    const { front } = await openPair(t, engine, undefined, { route: { maxBody: '10B' } });
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(post(CHUNKED, '8\r\nabcdefgh\r\n'));
    await client.send('8\r\nabcdefgh\r\n');
    assert.equal((await client.readReply('POST')).status, 413);
    await client.untilEnd();
  });

  test(`${engine}: a body that stops coming is answered 408`, async (t) => {
    const origin = await RawOrigin.start(TOLERANT);
    const front = await openFront(t, engine, origin.port, { timeouts: { idleMs: 150 } });
    t.after(() => origin.close());
    assert.equal((await askOnce(front.port, post('Content-Length: 10\r\n', 'abc'))).status, 408);
    assert.equal(front.counted('sluice_timeouts_total', 'client-idle'), 1);
  });

  test(`${engine}: a body below the least rate is answered 408, one above it is not`, async (t) => {
    const listener = { minRateBytesPerSec: 1000, minRateAfterMs: 200 };
    const origin = await RawOrigin.start(TOLERANT);
    const front = await openFront(t, engine, origin.port, { listener });
    t.after(() => origin.close());
    const send = async (pieceBytes: number): Promise<number> => {
      const client = await connectRaw(front.port);
      await client.send(post('Content-Length: 2000\r\n'));
      const timer = setInterval(() => client.send('a'.repeat(pieceBytes)), 20);
      const { status } = await client.readReply('POST', 8000).finally(() => clearInterval(timer));
      client.close();
      return status;
    };
    assert.equal(await send(2), 408);
    assert.equal(await send(100), 200);
  });

  test(`${engine}: a client that goes away in an upload takes its connection to the origin along`, async (t) => {
    const origin = await RawOrigin.start();
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    await client.send(post('Content-Length: 10\r\n', 'first'));
    const connection = await origin.connection(0);
    await connection.untilText('first');
    client.reset();
    await connection.untilEnd();
    await waitFor('nothing in flight', () => front.gateway.inFlight === 0);
  });

  // ---- answers -------------------------------------------------------------------------------------------------------

  test(`${engine}: HEAD, 204 and 304 have no body, whatever the origin says, and the connection goes on`, async (t) => {
    const { front } = await openPair(t, engine, (request) => {
      if (request.target === '/204') return 'HTTP/1.1 204 No Content\r\n\r\n';
      if (request.target === '/304') return 'HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: "a"\r\n\r\n';
      if (request.target === '/chunked') return `HTTP/1.1 200 OK\r\n${CHUNKED}\r\n`;
      return 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n';
    });
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    const rows = [
      ['HEAD', '/200', '7'],
      ['HEAD', '/chunked', undefined],
      ['GET', '/204', undefined],
      ['GET', '/304', '7'],
      ['HEAD', '/200', '7'],
    ] as const;
    for (const [method, path, length] of rows) {
      await client.send(`${method} ${path} HTTP/1.1\r\n${HOST}\r\n`);
      const reply = await client.readReply(method);
      assert.equal(reply.field('content-length'), length, path);
      assert.equal(reply.field('transfer-encoding'), undefined);
    }
    assert.equal(client.unread.length, 0);
  });

  test(`${engine}: bodies of every size pass, by length, by chunks and until close`, async (t) => {
    const sizes = [0, 1, 1000, 16_383, 16_384, 16_385, 65_536, 200_000, 2 * MIB];
    const { front } = await openPair(t, engine, (request, _index, connection) => {
      const [, form, size] = request.target.split('/');
      const body = Buffer.alloc(Number(size), 'abcdefg');
      if (form === 'length') return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`), body]);
      if (form === 'close') {
        connection.socket.end(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'), body]));
        return undefined;
      }
      const chunk = body.length === 0 ? [] : [Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')];
      return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n`), ...chunk, Buffer.from('0\r\nX-Trailer: 1\r\n\r\n')]);
    });
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    for (const form of ['length', 'chunks', 'close']) {
      for (const size of sizes) {
        await client.send(get(`/${form}/${size}`));
        const reply = await client.readReply();
        assert.equal(reply.body.length, size, form);
        assert.equal(sha(reply.body), sha(Buffer.alloc(size, 'abcdefg')), `${form} ${size}`);
        assert.deepEqual(reply.trailers, []);
        if (form === 'length') assert.equal(reply.field('content-length'), String(size));
      }
    }
    assert.equal(front.listener.connections, 1);
  });

  test(`${engine}: events arrive one by one`, async (t) => {
    const barrier = new Barrier('second event');
    const origin = await RawOrigin.start(async (connection) => {
      await connection.readRequest();
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${CHUNKED}\r\n9\r\ndata: 1\n\n\r\n`);
      await barrier.wait();
      await connection.send('9\r\ndata: 2\n\n\r\n0\r\n\r\n');
    });
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(get());
    await client.untilText('data: 1\n\n');
    assert.ok(!client.text.includes('data: 2'));
    barrier.open();
    assert.deepEqual((await client.readReply()).text, 'data: 1\n\ndata: 2\n\n');
  });

  for (const form of ['length', 'chunks'] as const) {
    test(`${engine}: a client that does not read stops the origin (${form}), and gets all when it does`, async (t) => {
      const total = 64 * MIB;
      const origin = await RawOrigin.start(async (connection) => {
        await connection.readRequest();
        await connection.send(`HTTP/1.1 200 OK\r\n${form === 'length' ? `Content-Length: ${total}\r\n` : CHUNKED}\r\n`);
        const piece = Buffer.alloc(MIB, 97);
        const chunk = Buffer.concat([Buffer.from('100000\r\n'), piece, Buffer.from('\r\n')]);
        for (let i = 0; i < total / MIB; i++) connection.socket.write(form === 'length' ? piece : chunk);
        if (form === 'chunks') connection.socket.write('0\r\n\r\n');
      });
      const front = await openFront(t, engine, origin.port);
      t.after(() => origin.close());
      const client = await connectRaw(front.port);
      t.after(() => client.close());
      client.countOnly();
      client.pause();
      await client.send(get());
      const connection = await origin.connection(0);
      const peak = await settled(() => connection.socket.bytesWritten - connection.socket.writableLength);
      assert.ok(peak < 40 * MIB, `${peak} bytes were taken`);
      client.resume();
      await client.until('all has come', (peer) => peer.receivedBytes >= total, 30_000);
      await waitFor('the exchange ends', () => front.gateway.inFlight === 0);
    });
  }

  test(`${engine}: a client that stops reading is cut after the idle time`, async (t) => {
    const origin = await RawOrigin.start(async (connection) => {
      await connection.readRequest();
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
      for (let i = 0; i < 64; i++) connection.socket.write(Buffer.alloc(MIB));
    });
    const front = await openFront(t, engine, origin.port, { timeouts: { idleMs: 300 } });
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    client.countOnly();
    client.pause();
    await client.send(get());
    await waitFor('the exchange ends', () => front.counted('sluice_timeouts_total', 'client-idle') === 1 && front.gateway.inFlight === 0);
    client.resume();
    await client.untilEnd();
    assert.ok(client.receivedBytes < 64 * MIB);
  });

  for (const [form, head, body] of [
    ['length', 'Content-Length: 10\r\n', 'abc'],
    ['chunks', CHUNKED, '3\r\nabc\r\n'],
    ['broken chunks', CHUNKED, '3\r\nabc\r\nzz\r\n'],
  ] as const) {
    test(`${engine}: an answer that breaks off (${form}) is never whole for the client`, async (t) => {
      const origin = await RawOrigin.start(async (connection) => {
        await connection.readRequest();
        await connection.send(`HTTP/1.1 200 OK\r\n${head}\r\n${body}`);
        if (form !== 'broken chunks') await client.untilText('abc');
        connection.close();
      });
      const front = await openFront(t, engine, origin.port);
      t.after(() => origin.close());
      const client = await connectRaw(front.port);
      t.after(() => client.close());
      await client.send(get());
      if (form !== 'broken chunks') await client.untilText('abc');
      const text = (await client.untilEnd()).toString();
      assert.ok(!text.includes('\r\n0\r\n\r\n'));
      assert.ok(!/abc.*abc/.test(text));
      await assert.rejects(client.readReply());
    });
  }

  test(`${engine}: a client that goes away takes its connection to the origin along, and nothing is left`, async (t) => {
    const origin = await RawOrigin.start();
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    await client.send(get());
    const connection = await origin.connection(0);
    await connection.untilText('\r\n\r\n');
    client.close();
    await connection.untilEnd();
    await waitFor('nothing is left', () => front.gateway.inFlight === 0 && front.listener.connections === 0);
  });

  test(`${engine}: destroy cuts what is going on`, async (t) => {
    const origin = await RawOrigin.start();
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    await client.send(get());
    await (await origin.connection(0)).untilText('\r\n\r\n');
    front.listener.destroy();
    assert.equal((await client.untilEnd()).length, 0);
    await waitFor('nothing in flight', () => front.gateway.inFlight === 0);
  });
}

// ---- what only one engine does --------------------------------------------------------------------------------------------

test('node: 100 Continue is sent when the origin takes the body', async (t) => {
  const { front, origin } = await openPair(t, 'node');
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(post('Content-Length: 5\r\nExpect: 100-continue\r\n'));
  await client.untilText('HTTP/1.1 100 Continue\r\n\r\n').catch(() => undefined);
  await client.send('abcde');
  assert.equal((await client.readReply('POST')).status, 200);
  assert.equal(origin.requests[0]?.body.toString(), 'abcde');
});

test('uws: the addon itself sends 100 Continue', async (t) => {
  const { front, origin } = await openPair(t, 'uws');
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(post('Content-Length: 5\r\nExpect: 100-continue\r\n'));
  await client.untilText('HTTP/1.1 100 Continue\r\n\r\n');
  await client.send('abcde');
  assert.equal((await client.readReply('POST')).status, 200);
  assert.equal(origin.requests[0]?.body.toString(), 'abcde');
});

test('node: trailers of a request are read to their end and not passed on', async (t) => {
  const { front, origin } = await openPair(t, 'node');
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  for (let i = 0; i < 2; i++) {
    await client.send(post(CHUNKED, '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n'));
    assert.equal((await client.readReply('POST')).status, 200);
  }
  assert.ok(origin.requests.every(({ trailers, body }) => trailers.length === 0 && body.toString() === 'abc'));
});

test('node: chunk extensions are read over', async (t) => {
  const { front, origin } = await openPair(t, 'node');
  await askOnce(front.port, post(CHUNKED, '3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'));
  assert.equal(origin.requests[0]?.body.toString(), 'abc');
});

/** The value once it has not changed for a while. */
async function settled(read: () => number): Promise<number> {
  let last = -1;
  let sinceMs = performance.now();
  return waitFor(
    'it stands still',
    () => {
      const now = read();
      if (now !== last) {
        last = now;
        sinceMs = performance.now();
      }
      return now > 0 && performance.now() - sinceMs > 300 ? now : undefined;
    },
    20_000,
  );
}
