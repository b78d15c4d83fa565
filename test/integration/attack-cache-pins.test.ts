import assert from 'node:assert/strict';
import { get as httpGet } from 'node:http';
import { test } from 'node:test';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache, openCached } from './cached-front.ts';

/** More than the sockets of a connection take, so that a client that does not read keeps its object pinned. */
const MIB = 2 ** 20;
const LARGE = 'x'.repeat(9 * MIB);
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;

/** Length of the body, and what is said of the cache. */
function download(port: number, path: string): Promise<{ bytes: number; cache: string }> {
  return new Promise((resolve, reject) => {
    httpGet({ port, host: '127.0.0.1', path, headers: { host: 'a.example' }, agent: false }, (response) => {
      let bytes = 0;
      response.on('data', (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on('error', reject).on('end', () => resolve({ bytes, cache: String(response.headers['cache-status']) }));
    }).on('error', reject);
  });
}

test('a store full of what slow clients hold serves on, and stores again when they leave', async (t) => {
  const origin = await RawOrigin.answering(({ target }) => {
    const body = target.startsWith('/large') ? LARGE : `small ${target}`;
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  t.after(() => origin.close());
  const front = await openCached(t, origin.url, { host: hostCache(46 * MIB, true) });
  const { store } = front.caching;
  const slow: RawPeer[] = [];
  for (const path of ['/large1', '/large2', '/large3', '/large4']) {
    assert.equal((await download(front.port, path)).bytes, LARGE.length);
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    client.pause();
    await client.send(get(path));
    slow.push(client);
    assert.match((await download(front.port, path)).cache, /; hit/);
    await waitFor('it is being served', () => front.gateway.inFlight === slow.length);
  }
  assert.ok(store.stats().freeBytes < LARGE.length, 'the store is full of them');
  for (let index = 5; index < 8; index++) {
    assert.equal((await download(front.port, `/large${index}`)).bytes, LARGE.length);
  }
  for (let index = 0; index < 20; index++) assert.equal((await askOnce(front.port, get(`/s${index}`))).text, `small /s${index}`);
  assert.deepEqual(store.verify(), []);
  for (const client of slow.slice(1)) client.reset();
  const [reader] = slow;
  reader?.countOnly();
  reader?.resume();
  await waitFor('what was pinned is whole', () => (reader?.receivedBytes ?? 0) > LARGE.length);
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
  assert.equal((await download(front.port, '/large9')).bytes, LARGE.length);
  assert.match((await download(front.port, '/large9')).cache, /; hit/);
  assert.deepEqual(store.verify(), []);
});
