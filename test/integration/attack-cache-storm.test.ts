import { makeNumbers } from '../../src/base/numbers.ts';
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache, openCached } from './cached-front.ts';

/** Everything at once, at random, with clients that leave at any moment: afterwards nothing may be left of it. */

const MIB = 2 ** 20;
const CLIENTS = 1200;
const AT_ONCE = 40;
const BODY = 'x'.repeat(700_000);

let state = 12_345;
function random(below: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >>> 8) % below;
}

function answer(index: number, path: string): string {
  const fields = `ETag: "${path}"\r\nVary: X-Kind\r\nCache-Control: ${['max-age=60', 'max-age=1, stale-while-revalidate=60', 'private', 'max-age=0'][index % 4]}\r\n`;
  const body = BODY.slice(0, [0, 10, 3000, 40_000, 300_000, 700_000][random(6)]);
  if (index % 3 !== 0) return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
  return `HTTP/1.1 200 OK\r\n${fields}Transfer-Encoding: chunked\r\n\r\n${body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`;
}

function request(): string {
  const method = random(8) === 0 ? 'HEAD' : 'GET';
  const kind = [
    '',
    'Range: bytes=0-9,20-30\r\n',
    'Range: bytes=5-\r\n',
    'If-None-Match: "x"\r\n',
    'Cache-Control: no-cache\r\n',
    '',
    '',
    '',
  ][random(8)];
  return `${method} /p${random(30)} HTTP/1.1\r\nHost: a.example\r\nX-Kind: ${random(40)}\r\n${kind}\r\n`;
}

/** Asks, reads a little or much, then resets or closes. */
function visit(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, '127.0.0.1');
    const most = random(400_000);
    let seen = 0;
    socket.on('data', (bytes) => {
      seen += bytes.length;
      if (seen >= most) socket.resetAndDestroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.write(random(4) === 0 ? request() + request() + request() : request());
    setTimeout(() => socket.resetAndDestroy(), random(60));
  });
}

test('a storm of hits, misses, ranges, refreshes and resets leaves no pin, claim, fill, wait or flight behind', async (t) => {
  let index = 0;
  const origin = await RawOrigin.answering((request, _index, connection) => {
    index++;
    if (random(25) === 0) connection.reset();
    return random(40) === 0
      ? `HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 9000\r\n\r\nshort`
      : answer(index, request.target);
  });
  t.after(() => origin.close());
  const host = hostCache(4 * MIB, true);
  const cache = { maxObject: '512KiB' };
  const route = { collapse: { maxWait: '200ms', maxFollowers: 3, uncacheableFor: '100ms' } };
  // The cut-off answers wait for a rest that never comes.
  const upstream = { timeouts: { idle: '300ms' } };
  // A starved kernel may lose a reset (/proc/net/softnet_stat counts them), and nobody sends it again.
  const listener = { timeouts: { head: '2s', keepAlive: '2s', idle: '2s' } };
  const options = { cache, route, listener, upstream, host };
  const fronts = [
    await openCached(t, origin.url, { ...options, self: 0 }),
    await openCached(t, origin.url, { ...options, self: 1 }),
  ] as const;
  let left = CLIENTS;
  const visitor = async (): Promise<void> => {
    while (left-- > 0) {
      const front = fronts[random(2)] ?? fronts[0];
      if (random(50) === 0) front.caching.epochs.bumpAll(random(2) === 0);
      await visit(front.port);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, visitor));
  for (const { gateway } of fronts) await waitFor('nothing is under way', () => gateway.inFlight === 0 && gateway.waits.size === 0);
  for (const { listener } of fronts) await waitFor('no connection is left', () => listener.connections === 0);
  const [{ caching }] = fronts;
  const { flights, store } = caching;
  await waitFor('no flight is left', () => {
    const stats = flights?.stats(performance.now());
    return stats?.leading === 0 && stats.streaming === 0;
  });
  assert.deepEqual(store.verify(), []);
  const observer = host.open(3).store;
  observer.forEach((object) => void observer.doom(object));
  // What is doomed and pinned by nobody is free for the next who holds the lock.
  const fill = observer.begin({ key: 'last', meta: '', numbers: makeNumbers(), expectedBytes: 0 });
  fill?.abort();
  const second = observer.begin({ key: 'last', meta: '', numbers: makeNumbers(), expectedBytes: 0 });
  second?.abort();
  const { objects, payloadBytes, freeBytes, arenaBytes, lockTimeouts } = observer.stats();
  assert.deepEqual({ objects, payloadBytes, lockTimeouts }, { objects: 0, payloadBytes: 0, lockTimeouts: 0 });
  assert.ok(arenaBytes - freeBytes < 4096, `${arenaBytes - freeBytes} bytes are not given back`);
  assert.deepEqual(store.verify(), []);
});
