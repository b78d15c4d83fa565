import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { untilStill } from './attack-inside.ts';
import { openFront } from './front.ts';

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
const PIECE = Buffer.alloc(20_000, 'x');
const PIECES = 800;

test('node: after a slow client made a read buffer stay behind, the next answer on that connection is the right one', async (t) => {
  const origin = await RawOrigin.answering(async (request, _index, connection) => {
    if (request.target !== '/large') return `HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`;
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${PIECE.length * PIECES}\r\n\r\n`);
    await connection.sendPieces(Array.from({ length: PIECES }, () => PIECE));
    return undefined;
  });
  const front = await openFront(t, 'node', origin.port, { upstream: { pool: { maxConnections: 1 } } });
  t.after(() => origin.close());
  for (let round = 0; round < 3; round++) {
    const slow = await connectRaw(front.port);
    slow.countOnly();
    await slow.send(get('/large'));
    slow.pause();
    await untilStill(front);
    slow.resume();
    await waitFor('the large answer is whole', () => slow.receivedBytes > PIECE.length * PIECES);
    slow.close();
    for (let i = 0; i < 5; i++) {
      const client = await connectRaw(front.port);
      t.after(() => client.close());
      await client.send(get(`/small-${round}-${i}`));
      const reply = await client.readReply();
      assert.equal(reply.status, 200, reply.text);
      assert.equal(reply.text, `/small-${round}-${i}`);
    }
  }
  assert.equal(origin.connections.length, 1);
});
