import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const HOST = 'Host: a\r\n';

async function openScene(
  t: TestContext,
  engine: Engine,
  listener: object,
  more: object = {},
): Promise<{ front: ConfiguredFront; origin: RawOrigin }> {
  const origin = await RawOrigin.answering();
  const front = await openConfigured(t, {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', engine, ...listener }],
    upstreams: { origin: origin.url },
    routes: [{ name: 'all', match: '/*', upstream: 'origin', ...more }],
  });
  t.after(() => origin.close());
  return { front, origin };
}

for (const engine of ENGINES) {
  test(`${engine}: a target may be as long as the limit, and is answered 414 beyond it`, async (t) => {
    const { front, origin } = await openScene(t, engine, { limits: { maxTarget: '256B' } });
    const target = (length: number): string => `/${'t'.repeat(length - 1)}`;
    assert.equal((await askOnce(front.port, `GET ${target(256)} HTTP/1.1\r\n${HOST}\r\n`)).status, 200);
    const refused = await askOnce(front.port, `GET ${target(257)} HTTP/1.1\r\n${HOST}\r\n`);
    assert.deepEqual([refused.status, refused.field('connection')], [414, 'close']);
    assert.equal(origin.requests.length, 1);
    assert.equal(front.counted('sluice_refused_requests_total', 'web', 'target-too-long'), 1);
  });

  test(`${engine}: as many fields as the limit pass, one more is answered 431`, async (t) => {
    const { front, origin } = await openScene(t, engine, { limits: { maxFields: 20 } });
    const fields = (count: number): string => Array.from({ length: count - 1 }, (_, i) => `X-${i}: 1\r\n`).join('');
    assert.equal((await askOnce(front.port, `GET / HTTP/1.1\r\n${HOST}${fields(20)}\r\n`)).status, 200);
    assert.equal((await askOnce(front.port, `GET / HTTP/1.1\r\n${HOST}${fields(21)}\r\n`)).status, 431);
    assert.equal(origin.requests.length, 1);
  });

  test(`${engine}: a body may be as long as the limit, by length and in chunks, and is answered 413 beyond it`, async (t) => {
    const { front, origin } = await openScene(t, engine, {}, { maxBody: '1000B' });
    const byLength = (length: number): string => `POST / HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\n${'b'.repeat(length)}`;
    const chunked = (...sizes: readonly number[]): string =>
      `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${sizes.map((size) => `${size.toString(16)}\r\n${'b'.repeat(size)}\r\n`).join('')}0\r\n\r\n`;
    assert.equal((await askOnce(front.port, byLength(1000))).status, 200);
    assert.equal((await askOnce(front.port, chunked(500, 500))).status, 200);
    const tooLong = await askOnce(front.port, byLength(1001));
    assert.deepEqual([tooLong.status, tooLong.field('connection')], [413, 'close']);
    assert.equal((await askOnce(front.port, chunked(500, 500, 1))).status, 413);
    assert.equal(origin.requests.length, 2, 'no request with a body that is too long arrived whole');
    assert.equal(front.counted('sluice_refused_requests_total', 'web', 'body-too-large'), 2);
    await waitFor('nothing is left', () => front.gateway.inFlight === 0);
  });

  test(`${engine}: connections beyond the limit are closed at once and counted, and there is room again when others leave`, async (t) => {
    const { front } = await openScene(t, engine, { limits: { maxConnections: 2 } });
    const get = `GET / HTTP/1.1\r\n${HOST}\r\n`;
    const clients = [await connectRaw(front.port), await connectRaw(front.port)] as const;
    t.after(() => clients.forEach((client) => void client.close()));
    for (const client of clients) {
      await client.send(get);
      assert.equal((await client.readReply()).status, 200);
    }
    const third = await connectRaw(front.port);
    assert.equal((await third.untilEnd()).length, 0);
    assert.equal(front.counted('sluice_refused_requests_total', 'web', 'connection-limit'), 1);
    await clients[0].send(get);
    assert.equal((await clients[0].readReply()).status, 200);
    clients[1].close();
    await waitFor('one has left', () => front.listener.connections < 2);
    assert.equal((await askOnce(front.port, get)).status, 200);
  });
}

test('node: a head may be as long as the limit, whole or in pieces, and is answered 431 beyond it', async (t) => {
  const { front, origin } = await openScene(t, 'node', { limits: { maxHead: '1KiB' } });
  const head = (length: number): string => {
    const bare = `GET / HTTP/1.1\r\n${HOST}X: \r\n\r\n`;
    return bare.replace('X: ', `X: ${'x'.repeat(length - bare.length)}`);
  };
  for (const cuts of [[], [10, 500, 1020]]) {
    const client = await connectRaw(front.port);
    await client.sendSplit(head(1024), cuts);
    assert.equal((await client.readReply()).status, 200);
    client.close();
    const refused = await connectRaw(front.port);
    await refused.sendSplit(head(1025), cuts);
    assert.equal((await refused.readReply()).status, 431);
    await refused.untilEnd();
  }
  assert.equal(origin.requests.length, 2);
});

test('node: a head without an end is answered 431 when it is longer than the limit, without waiting for the end', async (t) => {
  const { front } = await openScene(t, 'node', { limits: { maxHead: '1KiB' } });
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(`GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(2000)}`);
  assert.equal((await client.readReply()).status, 431);
});
