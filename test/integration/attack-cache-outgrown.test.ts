import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { get, type IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, hostCache, openCached } from './cached-front.ts';

/** A body of unknown length that turns out to be longer than the store takes: only then is it known that it cannot be shared. */

const MIB = 2 ** 20;
/** Sockets take several MiB before a client that does not read is felt. */
const LONG = randomBytes(24 * MIB);
const SHORT = LONG.subarray(0, MIB);
const CHUNK = 64 * 1024;

type Host = { readonly fronts: readonly [CachedFront, CachedFront]; readonly asked: () => number };

async function sendChunked(connection: RawPeer, body: Buffer): Promise<void> {
  await connection.send('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let at = 0; at < body.length; at += CHUNK) {
    await connection.send(Buffer.concat([Buffer.from(`${CHUNK.toString(16)}\r\n`), body.subarray(at, at + CHUNK), Buffer.from('\r\n')]));
  }
  await connection.send('0\r\n\r\n');
}

async function openHost(t: TestContext, body: Buffer, before: () => Promise<void> = async () => {}): Promise<Host> {
  let asked = 0;
  const origin = await RawOrigin.start(async (connection) => {
    while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) {
      asked++;
      await before();
      await sendChunked(connection, body);
    }
  });
  const host = hostCache(64 * MIB, true);
  const cache = { maxObject: `${body.length / 2}B` };
  const fronts = [
    await openCached(t, origin.url, { cache, host, self: 0 }),
    await openCached(t, origin.url, { cache, host, self: 1 }),
  ] as const;
  t.after(() => origin.close());
  return { fronts, asked: () => asked };
}

/** `whenFull`: what it waits for before it reads the body. */
async function download(port: number, body: Buffer, whenFull: () => Promise<unknown> = async () => {}): Promise<'whole' | 'cut' | 'wrong'> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = get({ port, host: '127.0.0.1', path: '/a', agent: false }, resolve).on('error', reject);
  const response = await promise;
  await whenFull();
  const pieces: Buffer[] = [];
  try {
    for await (const piece of response) pieces.push(piece);
  } catch {
    return 'cut';
  } finally {
    request.destroy();
  }
  return Buffer.concat(pieces).equals(body) ? 'whole' : 'wrong';
}

async function isOver({ fronts }: Host): Promise<void> {
  for (const { gateway, caching } of fronts) {
    await waitFor('nothing is under way', () => gateway.inFlight === 0);
    assert.deepEqual(caching.store.verify(), []);
  }
}

test('a client that reads slowly gets an object that outgrows the store whole', async (t) => {
  const host = await openHost(t, LONG);
  const [front] = host.fronts;
  const outgrown = (): Promise<boolean> =>
    waitFor('it has outgrown the store', () => front.counted('sluice_cache_uncacheable_total', 'no-room') > 0);
  assert.equal(await download(front.port, LONG, outgrown), 'whole');
  await isOver(host);
});

test('after a herd has seen an object outgrow the store the next one does not queue for it', async (t) => {
  const gate = new Barrier('the herd is here');
  const host = await openHost(t, SHORT, () => gate.wait());
  const { fronts, asked } = host;
  const herd = (): Promise<string[]> => Promise.all([0, 1, 0, 1].map((front) => download((fronts[front] ?? fronts[0]).port, SHORT)));
  const first = herd();
  await waitFor('the herd is here', () => fronts[0].gateway.inFlight + fronts[1].gateway.inFlight === 4);
  gate.open();
  assert.ok((await first).includes('whole'));
  for (const wave of [1, 2]) {
    const before = asked();
    assert.deepEqual(await herd(), ['whole', 'whole', 'whole', 'whole'], `wave ${wave}`);
    assert.equal(asked(), before + 4);
  }
  await isOver(host);
});
