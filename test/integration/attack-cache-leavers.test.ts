import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, hostCache, openCached } from './cached-front.ts';

/** An exchange whose client has left goes on for the store alone: where the store takes nothing of it, it has no reason to. */

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
const CHUNK = `10000\r\n${'x'.repeat(65_536)}\r\n`;

/** An origin whose chunked bodies never end. `head`: of the n-th answer. */
async function openEndless(t: TestContext, cache: object, head: (index: number) => Promise<string> | string) {
  let asked = 0;
  const origin = await RawOrigin.start(async (connection) => {
    while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) {
      const answer = await head(asked++);
      await connection.send(answer);
      while (/chunked/.test(answer) && !connection.socket.destroyed) await connection.send(CHUNK);
    }
  });
  const front: CachedFront = await openCached(t, origin.url, { cache, host: hostCache(16 * 2 ** 20, true) });
  t.after(() => origin.close());
  return { front, origin, asked: () => asked };
}

const ENDLESS = 'Transfer-Encoding: chunked\r\n\r\n';

async function leaveBeforeHead(t: TestContext, fields: string): Promise<void> {
  const gate = new Barrier('the client has left');
  const { front, origin, asked } = await openEndless(t, { maxObject: '1MiB' }, async () => {
    await gate.wait();
    return `HTTP/1.1 200 OK\r\n${fields}${ENDLESS}`;
  });
  const client = await connectRaw(front.port);
  await client.send(get('/a'));
  await waitFor('the origin is asked', () => asked() === 1);
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
  gate.open();
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && origin.openConnections === 0, 5000);
  assert.deepEqual(front.caching.store.verify(), []);
}

test('a client leaves, and the answer may not be stored: its endless body is not read for nobody', (t) =>
  leaveBeforeHead(t, 'Cache-Control: private\r\n'));

test('a client leaves, and the answer outgrows the store: no more of it is read', (t) =>
  leaveBeforeHead(t, 'Cache-Control: max-age=60\r\n'));

async function refreshEndlessly(t: TestContext, start: string): Promise<void> {
  const { front, origin } = await openEndless(t, { maxObject: '1MiB', staleWhileRevalidate: '1h' }, (index) =>
    index === 0
      ? 'HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nok'
      : `${start}${ENDLESS}`,
  );
  await askOnce(front.port, get('/a'));
  assert.equal((await askOnce(front.port, get('/a'))).text, 'ok');
  await waitFor('the origin is asked once more', () => origin.connections.some((connection) => /If-None-Match/i.test(connection.text)));
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0, 5000);
  assert.deepEqual(front.caching.store.verify(), []);
}

test('a refresh that brings an endless answer which may not be stored ends', (t) =>
  refreshEndlessly(t, 'HTTP/1.1 200 OK\r\nCache-Control: private\r\n'));

test('a refresh that brings an endless error ends', (t) => refreshEndlessly(t, 'HTTP/1.1 503 Service Unavailable\r\n'));
