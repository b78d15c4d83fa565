import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { untilStill, written } from './attack-inside.ts';
import { openFront, openPair } from './front.ts';

const HOST = 'Host: a.example\r\n';
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
/** One piece lent beyond the mark at which we stop reading. */
const MAX_WAITING_BYTES = 2 * 65_536 + 1024;

test('node: of downloads that nobody reads a bounded part waits in the process', async (t) => {
  const CLIENTS = 6;
  const body = Buffer.alloc(16_000_000, 'z');
  const origin = await RawOrigin.start(async (connection) => {
    await connection.readRequest(20_000);
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    await connection.send(body);
  });
  const front = await openFront(t, 'node', origin.port, { timeouts: { idleMs: 4000 } });
  t.after(() => origin.close());
  for (let i = 0; i < CLIENTS; i++) {
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    client.pause();
    await client.send(GET);
  }
  await untilStill(front);
  assert.ok(written(front).queuedBytes < CLIENTS * MAX_WAITING_BYTES, String(written(front).queuedBytes));
  await waitFor('they are all given up', () => front.gateway.inFlight === 0, 20_000);
  assert.equal(front.counted('sluice_timeouts_total', 'client-idle'), CLIENTS);
  assert.equal(front.counted('sluice_body_cuts_total'), CLIENTS);
});

test('node: a flood of pipelined requests whose answers nobody reads is not taken in whole', async (t) => {
  const { front, origin } = await openPair(t, 'node', `HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${'q'.repeat(60_000)}`);
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  client.pause();
  const flood = Buffer.from(GET.repeat(100_000));
  void client.send(flood);
  await untilStill(front);
  assert.ok(written(front).queuedBytes < MAX_WAITING_BYTES + 65_536, String(written(front).queuedBytes));
  assert.ok(front.counted('sluice_client_received_bytes_total') < 1_000_000, String(front.counted('sluice_client_received_bytes_total')));
  assert.ok(origin.requests.length < 1000);
});

for (const [what, endless, reason] of [
  ['chunk extensions', `${CHUNKED}1;${'a=b;'.repeat(20_000)}`, 'malformed-body'],
  ['trailers', `${CHUNKED}0\r\n${'A: b\r\n'.repeat(20_000)}`, 'malformed-body'],
  ['field lines', `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(40_000)}`, 'head-too-large'],
  ['a target', `GET /${'a'.repeat(200_000)}`, 'target-too-long'],
  ['a chunk size', `${CHUNKED}${'0'.repeat(100_000)}`, 'malformed-body'],
] as const) {
  test(`node: ${what} without end: refused, counted, closed`, async (t) => {
    const { front } = await openPair(t, 'node');
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(endless);
    await client.untilEnd();
    assert.equal(front.counted('sluice_refused_requests_total', reason), 1, client.text);
    assert.equal(front.gateway.inFlight, 0);
  });
}

test('node: empty lines without end keep a connection no longer than its time', async (t) => {
  const { front } = await openPair(t, 'node', undefined, { timeouts: { keepAliveMs: 300 } });
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  const timer = setInterval(() => client.send('\r\n'), 20);
  t.after(() => clearInterval(timer));
  await client.untilEnd(3000);
});

test('node: nor do empty lines of which each comes in two pieces', async (t) => {
  const { front } = await openPair(t, 'node', undefined, { timeouts: { keepAliveMs: 300, headMs: 300 } });
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  let isReturn = false;
  const timer = setInterval(() => {
    isReturn = !isReturn;
    client.send(isReturn ? '\r' : '\n');
  }, 20);
  t.after(() => clearInterval(timer));
  await client.untilEnd(3000);
});

test('node: endless interim answers, heads and trailers of an origin are a 502, counted', async (t) => {
  const kinds = ['malformed-head', 'head-too-large', 'malformed-body'] as const;
  const texts = [
    'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(1000),
    `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(200_000)}`,
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'A: b\r\n'.repeat(20_000)}`,
  ];
  const { front } = await openPair(t, 'node', (_request, index) => texts[index]);
  for (const kind of kinds) {
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(`${GET.slice(0, -2)}Connection: close\r\n\r\n`);
    await client.untilEnd();
    assert.equal(front.counted('sluice_upstream_failures_total', kind), 1, kind);
    assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/);
  }
});
