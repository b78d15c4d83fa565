import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Front, openFront } from './front.ts';

const IDLE_MS = 3000;
const BODY = Buffer.alloc(32_000_000, 'y');
const UPLOAD_BYTES = 32_000_000;
const REST_BYTES = 5;

type Stalled = { readonly front: Front; readonly client: RawPeer; readonly origin: RawPeer };

/** A client that uploads and never reads what the origin sends from the beginning of the upload on. */
async function stalled(t: TestContext, engine: Engine, bodyBytes: number): Promise<Stalled> {
  const origin = await RawOrigin.start(async (connection) => {
    connection.countOnly();
    await connection.until('the head', ({ receivedBytes }) => receivedBytes > 0);
    connection.pause();
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`);
    await connection.send(BODY);
  });
  const front = await openFront(t, engine, origin.port, { timeouts: { idleMs: IDLE_MS } });
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  client.countOnly();
  client.pause();
  await client.send(`POST /up HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${bodyBytes}\r\n\r\n`);
  return { front, client, origin: await origin.connection(0) };
}

async function untilCut({ front }: Stalled): Promise<void> {
  await waitFor('the exchange is over', () => front.gateway.inFlight === 0);
  assert.ok(front.counted('sluice_timeouts_total', 'client-idle') >= 1);
}

for (const engine of ['node', 'uws'] as const) {
  test(`${engine}: a client that reads nothing is cut even while its upload is held up`, async (t) => {
    const both = await stalled(t, engine, UPLOAD_BYTES);
    await waitFor('the client is behind', () => isClientBehind(both.front));
    void both.client.send(Buffer.alloc(UPLOAD_BYTES, 'x'));
    await untilCut(both);
  });
}

test('node: a client that reads nothing is cut when its upload has ended after the answer began', async (t) => {
  const both = await stalled(t, 'node', REST_BYTES);
  await waitFor('the client is behind', () => isClientBehind(both.front));
  both.origin.resume();
  await both.client.send('x'.repeat(REST_BYTES));
  await untilCut(both);
});

function isClientBehind({ listener }: Front): boolean {
  const inside = listener as unknown as Record<
    'clients' | 'active',
    { readonly items: readonly { readonly isFull: boolean }[] } | undefined
  >;
  return (inside.clients ?? inside.active)?.items[0]?.isFull === true;
}
