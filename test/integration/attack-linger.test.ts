import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { untilStill, written } from './attack-inside.ts';
import { type Front, openFront } from './front.ts';

const MORE_THAN_THE_KERNEL_TAKES = 64_000_000;
/** Longer than what still comes is read after a last answer. */
const PAUSE_MS = 2600;

async function answering(t: TestContext, bytes: number): Promise<Front> {
  const origin = await RawOrigin.start(async (connection) => {
    const request = await connection.readRequest(60_000);
    const length = request?.target === '/until-close' ? '' : `Content-Length: ${bytes}\r\n`;
    await connection.send(`HTTP/1.1 200 OK\r\n${length}Connection: close\r\n\r\n`);
    await connection.send(Buffer.alloc(bytes, 'y'));
    connection.halfClose();
  });
  const front = await openFront(t, 'node', origin.port);
  t.after(() => origin.close());
  return front;
}

async function askAndNotRead(t: TestContext, front: Front, request: string): Promise<RawPeer> {
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  client.countOnly();
  client.pause();
  await client.send(request);
  return client;
}

/** How much a client that never reads is given before we stop. */
async function measureRoom(t: TestContext, request: string): Promise<number> {
  const front = await answering(t, MORE_THAN_THE_KERNEL_TAKES);
  const client = await askAndNotRead(t, front, request);
  const bytes = await untilStill(front);
  client.close();
  return bytes;
}

async function fillRoom(t: TestContext, request: string, bytes: number): Promise<{ front: Front; client: RawPeer; bytes: number }> {
  const front = await answering(t, bytes);
  return { front, client: await askAndNotRead(t, front, request), bytes };
}

function isOver(front: Front, bytes: number): Promise<boolean> {
  const over = waitFor('it is over', () => written(front).bytes > bytes && front.gateway.inFlight === 0, 3000);
  return over.then(
    () => true,
    () => false,
  );
}

for (const [what, request] of [
  ['a last answer', 'GET /length HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n'],
  ['an answer that ends with the connection', 'GET /until-close HTTP/1.0\r\nHost: a.example\r\n\r\n'],
] as const) {
  test(`node: ${what} is delivered whole to a client that makes a pause before its end`, async (t) => {
    const room = await measureRoom(t, request);
    // The kernel does not take as much each time: it gives sockets less when there are many.
    let { front, client, bytes } = await fillRoom(t, request, room - 30_000);
    if (!(await isOver(front, bytes))) ({ front, client, bytes } = await fillRoom(t, request, Math.floor(room / 3)));
    await waitFor('the exchange is over for us', () => written(front).bytes > bytes && front.gateway.inFlight === 0);
    t.diagnostic(`${written(front).queuedBytes} bytes wait in the process`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    client.resume();
    await client.untilEnd();
    assert.ok(client.receivedBytes > bytes, `${client.receivedBytes} of more than ${bytes}`);
  });
}
