import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { OK_REPLY, type OriginScript, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const MIB = 1024 * 1024;
const HOST = 'Host: a\r\n';
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
/** What may be between two peers that do not read: four kernel buffers of loopback, and what we allow ourselves. */
const MAX_IN_FLIGHT = 40 * MIB;

async function openScene(
  t: TestContext,
  engine: Engine,
  script: OriginScript,
): Promise<{ front: ConfiguredFront; origin: RawOrigin; client: RawPeer }> {
  const origin = await RawOrigin.start(script);
  const front = await openConfigured(t, {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', engine }],
    upstreams: { origin: origin.url },
    routes: [{ name: 'all', match: '/*', upstream: 'origin' }],
  });
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  return { front, origin, client };
}

const taken = ({ socket }: RawPeer): number => socket.bytesWritten - socket.writableLength;

/** Writes `total` bytes with the kernel's back-pressure felt, hashing them on the way. */
function pour(connection: RawPeer, total: number): () => string {
  const hash = createHash('sha256');
  const piece = randomBytes(MIB);
  let left = total;
  const more = (): void => {
    while (left > 0) {
      left -= piece.length;
      hash.update(piece);
      if (!connection.socket.write(piece)) return void connection.socket.once('drain', more);
    }
  };
  more();
  return () => hash.digest('hex');
}

/** Takes the bytes of a peer behind its next head: how many, and their digest. */
function drink(peer: RawPeer): { readonly bytes: number; readonly digest: () => string } {
  const hash = createHash('sha256');
  const found = { bytes: 0, digest: () => hash.copy().digest('hex') };
  let isInBody = false;
  let before = Buffer.alloc(0);
  peer.socket.on('data', (piece: Buffer) => {
    let rest = piece;
    if (!isInBody) {
      before = Buffer.concat([before, piece]);
      const end = before.indexOf('\r\n\r\n');
      if (end < 0) return;
      isInBody = true;
      rest = before.subarray(end + 4);
    }
    found.bytes += rest.length;
    hash.update(rest);
  });
  peer.countOnly();
  return found;
}

for (const engine of ENGINES) {
  for (const framing of ['chunks', 'until close'] as const) {
    test(`${engine}: each event is with the client before the next is sent (${framing})`, async (t) => {
      const event = (i: number): string => `id: ${i}\ndata: event number ${i}\n\n`;
      const { client } = await openScene(t, engine, async (connection) => {
        await connection.readRequest();
        await connection.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${framing === 'chunks' ? CHUNKED : ''}\r\n`);
        // The addon keeps a head of unknown length until there is a body (edge/README).
        if (engine === 'node') await client.untilText('\r\n\r\n');
        for (let i = 0; i < 50; i++) {
          const text = event(i);
          await connection.send(framing === 'chunks' ? `${text.length.toString(16)}\r\n${text}\r\n` : text);
          await client.untilText(text);
        }
        if (framing === 'chunks') await connection.send('0\r\n\r\n');
        else connection.close();
      });
      await client.send(`GET /events HTTP/1.1\r\n${HOST}Accept: text/event-stream\r\n\r\n`);
      const reply = await client.readReply();
      assert.equal(reply.text, Array.from({ length: 50 }, (_, i) => event(i)).join(''));
      assert.equal(reply.chunks?.length, 50);
    });
  }

  test(`${engine}: the head of an answer comes before its body does`, async (t) => {
    const { client } = await openScene(t, engine, async (connection) => {
      await connection.readRequest();
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
      await client.untilText('\r\n\r\n');
      await connection.send('ok');
    });
    await client.send(GET);
    assert.equal((await client.readReply()).text, 'ok');
  });

  for (const form of ['length', 'chunks'] as const) {
    test(`${engine}: each piece of an upload (${form}) is with the origin before the next is sent, and an echo comes back meanwhile`, async (t) => {
      const { client, origin } = await openScene(t, engine, () => {});
      const piece = (i: number): string => `piece ${String(i).padStart(3, '0')}.`;
      const framed = (text: string): string => (form === 'length' ? text : `${text.length.toString(16)}\r\n${text}\r\n`);
      await client.send(`POST /p HTTP/1.1\r\n${HOST}${form === 'length' ? `Content-Length: ${20 * 10}\r\n` : CHUNKED}\r\n`);
      const connection = await origin.connection(0);
      await connection.untilText('\r\n\r\n');
      for (let i = 0; i < 10; i++) {
        await client.send(framed(piece(i)));
        await connection.untilText(piece(i));
      }
      // An answer that begins in the middle of the upload, and goes on beside it.
      await connection.send(`HTTP/1.1 200 OK\r\n${CHUNKED}\r\n4\r\nhalf\r\n`);
      await client.untilText('half');
      for (let i = 10; i < 20; i++) {
        await client.send(framed(piece(i)));
        await connection.untilText(piece(i));
      }
      if (form === 'chunks') await client.send('0\r\n\r\n');
      if (form === 'chunks') await connection.untilText('0\r\n\r\n');
      await connection.send('4\r\nrest\r\n0\r\n\r\n');
      assert.equal((await client.readReply('POST')).text, 'halfrest');
      const request = await connection.readRequest();
      assert.equal(request?.body.toString(), Array.from({ length: 20 }, (_, i) => piece(i)).join(''));
    });
  }

  test(`${engine}: 64 MiB to a client that reads slowly: the origin is stopped, little is under way, and all arrives`, async (t) => {
    const total = 64 * MIB;
    let digest = (): string => '';
    const { client, origin, front } = await openScene(t, engine, async (connection) => {
      await connection.readRequest();
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
      digest = pour(connection, total);
    });
    const found = drink(client);
    await client.send(GET);
    const connection = await origin.connection(0);
    let most = 0;
    // Reads in short bursts, so that the way fills up and empties again many times.
    const look = setInterval(() => {
      most = Math.max(most, taken(connection) - client.receivedBytes);
      if (client.socket.isPaused()) client.resume();
      else client.pause();
    }, 4);
    t.after(() => clearInterval(look));
    await waitFor('all has come', () => found.bytes === total, 60_000);
    assert.equal(found.digest(), digest());
    assert.ok(most < MAX_IN_FLIGHT, `${most} bytes were under way`);
    assert.equal((await front.logged(0))['bytesSent'], total);
  });

  test(`${engine}: 64 MiB to an origin that reads slowly: the client is stopped, little is under way, and all arrives`, async (t) => {
    const total = 64 * MIB;
    const { client, origin, front } = await openScene(t, engine, (connection) => connection.pause());
    await client.send(`POST /p HTTP/1.1\r\n${HOST}Content-Length: ${total}\r\n\r\n`);
    const connection = await origin.connection(0);
    const found = drink(connection);
    const digest = pour(client, total);
    let most = 0;
    const look = setInterval(() => {
      most = Math.max(most, taken(client) - connection.receivedBytes);
      if (connection.socket.isPaused()) connection.resume();
      else connection.pause();
    }, 4);
    t.after(() => clearInterval(look));
    await waitFor('all has come', () => found.bytes === total, 60_000);
    clearInterval(look);
    connection.resume();
    assert.equal(found.digest(), digest());
    assert.ok(most < MAX_IN_FLIGHT, `${most} bytes were under way`);
    await connection.send(OK_REPLY);
    assert.equal((await client.readReply('POST')).status, 200);
    assert.equal((await front.logged(0))['bytesReceived'], total);
  });

  test(`${engine}: while one client does not read, others are served`, async (t) => {
    const { client, front } = await openScene(t, engine, async (connection) => {
      for (let request = await connection.readRequest(60_000); request !== undefined; request = await connection.readRequest(60_000)) {
        if (request.target === '/b') await connection.send(OK_REPLY);
        else {
          connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
          pour(connection, 64 * MIB);
        }
      }
    });
    client.pause();
    await client.send(GET);
    await waitFor('it is under way', () => front.gateway.inFlight === 1);
    const other = await connectRaw(front.port);
    t.after(() => other.close());
    for (let i = 0; i < 20; i++) {
      await other.send(GET.replace('/a', '/b'));
      assert.equal((await other.readReply()).text, 'ok');
    }
    assert.equal(front.gateway.inFlight, 1);
  });

  test(`${engine}: an answer to an unfinished upload is delivered whole, and the origin gets nothing more`, async (t) => {
    const body = 'no more, please'.repeat(1000);
    const { client, origin } = await openScene(t, engine, async (connection) => {
      await connection.untilText('\r\n\r\nbegin');
      await connection.send(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    await client.send(`POST /p HTTP/1.1\r\n${HOST}Content-Length: ${10 * MIB}\r\n\r\nbegin`);
    const reply = await client.readReply('POST');
    assert.deepEqual([reply.status, reply.text === body, reply.field('connection')], [403, true, 'close']);
    await client.send('x'.repeat(1000));
    await client.untilEnd();
    await origin.connections[0]?.untilEnd();
    assert.match(origin.text, /begin$/);
  });
}
