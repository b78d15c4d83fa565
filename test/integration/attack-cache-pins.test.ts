import assert from 'node:assert/strict';
import { get as httpGet, type IncomingMessage } from 'node:http';
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

/** An answer whose body nobody reads yet. */
function open(port: number, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpGet({ port, host: '127.0.0.1', path, headers: { host: 'a.example' }, agent: false }, resolve).on('error', reject);
  });
}

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

for (const engine of ['node', 'uws'] as const) {
  test(`${engine}: clients that read a stored object slowly hold no copies of it, and what one gets is the object`, async (t) => {
    const body = Buffer.from(Array.from({ length: LARGE.length / 8 }, (_, i) => String(i).padStart(8, '.')).join(''));
    const origin = await RawOrigin.answering(
      ({ target }) =>
        `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${target === '/large' ? body.toString('latin1') : LARGE}`,
    );
    t.after(() => origin.close());
    const front = await openCached(t, origin.url, { engine, host: hostCache(46 * MIB) });
    assert.equal((await download(front.port, '/large')).bytes, body.length);
    const slow: IncomingMessage[] = [];
    let grownBytes = 0;
    for (let index = 0; index < 6; index++) {
      const before = process.memoryUsage().arrayBuffers;
      slow.push(await open(front.port, '/large'));
      grownBytes = Math.max(grownBytes, process.memoryUsage().arrayBuffers - before);
    }
    assert.equal(front.gateway.inFlight, slow.length, 'none has got all of it');
    assert.ok(grownBytes < 2 * MIB, `one of them has cost ${Math.round(grownBytes / MIB)} MiB`);
    const [reader, ...others] = slow;
    for (const response of others) response.destroy();
    await waitFor('one is left', () => front.gateway.inFlight === 1);
    // What it reads stays as it was, whatever else the store is filled with meanwhile.
    for (let index = 0; index < 5; index++) assert.equal((await download(front.port, `/other${index}`)).bytes, LARGE.length);
    assert.ok(Buffer.concat((await reader?.toArray()) ?? []).equals(body), 'every byte as it was stored');
    await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
    assert.deepEqual(front.caching.store.verify(), []);
  });
}
