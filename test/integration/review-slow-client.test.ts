import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openConfigured } from './configured-front.ts';
import { openFront } from './front.ts';

const IDLE_MS = 400;
const BODY_BYTES = 60_000_000;
const STEP_BYTES = 1_500_000;
const STEP_MS = 60;

for (const persistence of ['keep-alive', 'close']) {
  test(`node: a client that takes a large answer steadily gets it whole, however long that is (${persistence})`, async (t) => {
    const front = await openConfigured(
      t,
      {
        listeners: [{ name: 'web', listen: '127.0.0.1:0', timeouts: { idle: `${IDLE_MS}ms` } }],
        routes: [{ name: 'all', match: '/*', respond: 204, filters: ['large'] }],
      },
      { filters: { large: { request: () => ({ status: 200, body: Buffer.alloc(BODY_BYTES, 'y') }) } } },
    );
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    client.countOnly();
    client.pause();
    await client.send(`GET / HTTP/1.1\r\nHost: a.example\r\nConnection: ${persistence}\r\n\r\n`);
    const beganMs = performance.now();
    for (let wanted = STEP_BYTES; client.receivedBytes < BODY_BYTES && !client.isEnded; wanted += STEP_BYTES) {
      client.resume();
      await client.until('a step', ({ receivedBytes, isEnded }) => receivedBytes >= Math.min(wanted, BODY_BYTES) || isEnded);
      client.pause();
      await sleep(STEP_MS);
    }
    assert.ok(performance.now() - beganMs > 2 * IDLE_MS, 'it took longer than the idle time');
    assert.ok(client.receivedBytes > BODY_BYTES, `${client.receivedBytes} bytes`);
  });
}

test('node: a client that takes nothing of an answer that is over for us is cut after the idle time', async (t) => {
  const front = await openConfigured(
    t,
    {
      listeners: [{ name: 'web', listen: '127.0.0.1:0', timeouts: { idle: `${IDLE_MS}ms` } }],
      routes: [{ name: 'all', match: '/*', respond: 204, filters: ['large'] }],
    },
    { filters: { large: { request: () => ({ status: 200, body: Buffer.alloc(BODY_BYTES, 'y') }) } } },
  );
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  client.countOnly();
  client.pause();
  await client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await waitFor('the connection is there', () => front.listener.connections === 1);
  await waitFor('it is cut', () => front.listener.connections === 0, 5000);
});

test('node: what a client got of an answer that it left is counted as sent', async (t) => {
  const origin = await RawOrigin.start(async (connection) => {
    await connection.readRequest();
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${BODY_BYTES}\r\n\r\n${'y'.repeat(100_000)}`);
  });
  const front = await openFront(t, 'node', origin.port);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  await client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await client.until('the beginning', ({ receivedBytes }) => receivedBytes > 100_000);
  client.close();
  await waitFor('the connection is gone', () => front.listener.connections === 0);
  assert.ok(front.counted('sluice_client_sent_bytes_total') > 100_000, `${front.counted('sluice_client_sent_bytes_total')} bytes`);
});
