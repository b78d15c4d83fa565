import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type OriginScript, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, type CachedOptions, hostCache, openCached } from './cached-front.ts';

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`;
const MINUTE = 'Cache-Control: max-age=60\r\n';
const HERD = 20;
const MIB = 2 ** 20;

type Host = { readonly fronts: readonly [CachedFront, CachedFront]; readonly origin: RawOrigin; readonly asked: () => number };

/** Two workers of one host, which share store and flights, in front of an origin that counts what it is asked. */
async function openHost(
  t: TestContext,
  answer: (connection: RawPeer, head: string, index: number) => Promise<void>,
  options: CachedOptions = {},
  bytes = 16 * MIB,
): Promise<Host> {
  let asked = 0;
  const script: OriginScript = async (connection) => {
    for (;;) {
      const request = await connection.readRequest(60_000).catch(() => undefined);
      if (request === undefined) return;
      await answer(connection, request.head, asked++);
    }
  };
  const origin = await RawOrigin.start(script);
  const host = hostCache(bytes, true);
  const fronts = [
    await openCached(t, origin.url, { ...options, host, self: 0 }),
    await openCached(t, origin.url, { ...options, host, self: 1 }),
  ] as const;
  t.after(() => origin.close());
  return { fronts, origin, asked: () => asked };
}

function herd({ fronts }: Host, count: number, path = '/a', lines = ''): Promise<Reply>[] {
  return Array.from({ length: count }, (_, i) => askOnce((fronts[i % 2] ?? fronts[0]).port, get(path, lines), 60_000));
}

/** Everybody of the herd is with the gateway. */
async function gathered({ fronts }: Host, count: number): Promise<void> {
  await waitFor('the herd is here', () => fronts[0].gateway.inFlight + fronts[1].gateway.inFlight === count);
}

const isCollapsed = (reply: Reply): boolean => /; collapsed/.test(reply.field('Cache-Status') ?? '');

test('a herd over two workers is one request to the origin, and all get the answer', async (t) => {
  const gate = new Barrier('the herd is here');
  const host = await openHost(t, async (connection) => {
    await gate.wait();
    await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Content-Length: 5\r\n\r\nhello`);
  });
  const replies = herd(host, HERD);
  await gathered(host, HERD);
  gate.open();
  const all = await Promise.all(replies);
  assert.equal(host.asked(), 1);
  assert.ok(all.every((reply) => reply.status === 200 && reply.text === 'hello'));
  assert.equal(all.filter(isCollapsed).length, HERD - 1);
  const waits = [...host.fronts[0].log, ...host.fronts[1].log].filter((line) => 'waitMs' in line);
  assert.equal(waits.length, HERD - 1);
  assert.equal((await askOnce(host.fronts[1].port, get('/a'))).text, 'hello');
  assert.equal(host.asked(), 1);
});

test('followers are fed while the answer streams in, also those who join in mid-body', async (t) => {
  const second = new Barrier('the second half');
  const host = await openHost(t, async (connection) => {
    await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Content-Length: 10\r\n\r\nfirst`);
    await second.wait();
    await connection.send('after');
  });
  const clients = [await connectRaw(host.fronts[0].port), await connectRaw(host.fronts[1].port)];
  for (const client of clients) {
    await client.send(get('/a'));
    await client.untilText('first');
  }
  const late = await connectRaw(host.fronts[1].port);
  await late.send(get('/a'));
  await late.untilText('first');
  second.open();
  for (const client of [...clients, late]) assert.equal((await client.readReply()).text, 'firstafter');
  assert.equal(host.asked(), 1);
});

test('an answer that may not be shared lets all go at once, and later herds do not queue', async (t) => {
  const gate = new Barrier('the herd is here');
  const host = await openHost(t, async (connection, _head, index) => {
    if (index === 0) await gate.wait();
    await connection.send(`HTTP/1.1 200 OK\r\nCache-Control: private\r\nContent-Length: 2\r\n\r\nno`);
  });
  const replies = herd(host, HERD);
  await gathered(host, HERD);
  gate.open();
  const all = await Promise.all(replies);
  assert.ok(all.every((reply) => reply.text === 'no' && !isCollapsed(reply)));
  assert.equal(host.asked(), HERD);
  await Promise.all(herd(host, HERD));
  assert.equal(host.asked(), 2 * HERD);
  assert.ok(
    host.fronts[0].counted('sluice_uncacheable_releases_total') + host.fronts[1].counted('sluice_uncacheable_releases_total') === HERD - 1,
  );
});

test('a leader that gets no answer hands over to one follower', async (t) => {
  const gate = new Barrier('the herd is here');
  const host = await openHost(t, async (connection, _head, index) => {
    await gate.wait();
    if (index === 0) connection.reset();
    else await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Content-Length: 5\r\n\r\nhello`);
  });
  const replies = herd(host, HERD);
  await gathered(host, HERD);
  gate.open();
  const all = await Promise.all(replies);
  assert.equal(host.asked(), 2);
  assert.equal(all.filter((reply) => reply.status === 502).length, 1);
  assert.equal(all.filter((reply) => reply.text === 'hello').length, HERD - 1);
});

test('the leader’s client leaves, or reads nothing: that is no matter to the others', async (t) => {
  const body = Buffer.alloc(4 * MIB, 'x');
  const gate = new Barrier('the rest');
  const host = await openHost(
    t,
    async (connection) => {
      await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Content-Length: ${body.length}\r\n\r\n`);
      await connection.send(body.subarray(0, MIB));
      await gate.wait();
      await connection.send(body.subarray(MIB));
    },
    {},
    64 * MIB,
  );
  const leader = await connectRaw(host.fronts[0].port);
  leader.pause();
  await leader.send(get('/a'));
  await waitFor('the origin is asked', () => host.asked() === 1);
  const leaver = await connectRaw(host.fronts[0].port);
  await leaver.send(get('/a'));
  await leaver.untilText('xxxx');
  leaver.reset();
  const follower = askOnce(host.fronts[1].port, get('/a'), 60_000);
  gate.open();
  assert.equal((await follower).body.length, body.length);
  assert.equal(host.asked(), 1);
  leader.resume();
  assert.equal((await leader.readReply()).body.length, body.length);
});

test('an answer that breaks off is gone on with from its last byte, and nobody notices', async (t) => {
  const host = await openHost(t, async (connection, head, index) => {
    if (index === 0) {
      await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}ETag: "v1"\r\nContent-Length: 10\r\n\r\nfirst`);
      await waitFor('the follower has it', () => host.fronts[1].counted('sluice_collapsed_total') === 1);
      connection.reset();
      return;
    }
    assert.match(head, /range: bytes=5-\r\n/i);
    assert.match(head, /if-range: "v1"\r\n/i);
    await connection.send('HTTP/1.1 206 Partial Content\r\nETag: "v1"\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\nafter');
  });
  const leader = await connectRaw(host.fronts[0].port);
  await leader.send(get('/a'));
  await leader.untilText('first');
  const follower = askOnce(host.fronts[1].port, get('/a'), 60_000);
  assert.equal((await leader.readReply()).text, 'firstafter');
  assert.equal((await follower).text, 'firstafter');
  assert.equal(host.asked(), 2);
  assert.equal(host.fronts[0].counted('sluice_leader_takeovers_total', 'resume'), 1);
});

test('an answer that breaks off without a strong validator is cut for all', async (t) => {
  const host = await openHost(t, async (connection) => {
    await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Content-Length: 10\r\n\r\nfirst`);
    await waitFor('the follower has it', () => host.fronts[1].counted('sluice_collapsed_total') === 1);
    connection.reset();
  });
  const leader = await connectRaw(host.fronts[0].port);
  await leader.send(get('/a'));
  await leader.untilText('first');
  const follower = await connectRaw(host.fronts[1].port);
  await follower.send(get('/a'));
  await Promise.all([leader.untilEnd(), follower.untilEnd()]);
  assert.equal(host.asked(), 1);
});

/** The rest of it is asked for twice before the leader gives up; then one who has nothing yet begins anew, for all. */
async function openBreaking(t: TestContext, first: Buffer, anew: (connection: RawPeer) => Promise<void>): Promise<Host> {
  const chunk = (bytes: Buffer | string): Buffer =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from('\r\n')]);
  const host: Host = await openHost(
    t,
    async (connection, _head, index) => {
      if (index === 1 || index === 2) {
        connection.reset();
        return;
      }
      await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}ETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\n`);
      if (index > 2) {
        await connection.send(chunk(first.subarray(0, 10)));
        await anew(connection);
        return;
      }
      await connection.send(chunk(first));
      await waitFor('the follower has begun', () => host.fronts[1].counted('sluice_collapsed_total') === 1);
      connection.close();
    },
    { cache: { maxObject: '32MiB' } },
    128 * MIB,
  );
  return host;
}

/** A follower that has `bytes` of a body that broke off, and one who has come after that and begins anew. */
async function followAhead(host: Host, bytes: number): Promise<{ anew: RawPeer; ahead: RawPeer }> {
  const leader = await connectRaw(host.fronts[0].port);
  await leader.send(get('/a'));
  await leader.untilText('\r\n\r\n');
  const ahead = await connectRaw(host.fronts[1].port);
  await ahead.send(get('/a'));
  await ahead.untilText('\r\n\r\n');
  ahead.pause();
  await leader.untilEnd(30_000);
  const anew = await connectRaw(host.fronts[1].port);
  await anew.send(get('/a'));
  await waitFor('one begins anew', () => host.asked() === 4);
  ahead.resume();
  await ahead.until('it has all there was', (peer) => peer.receivedBytes > bytes, 30_000);
  return { anew, ahead };
}

test('a follower that is ahead of one who begins anew waits for its place, and gets no byte twice', async (t) => {
  const body = Buffer.alloc(14 * MIB);
  for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
  const first = body.subarray(0, 12 * MIB);
  const gate = new Barrier('the one who is ahead has all there was');
  const host = await openBreaking(t, first, async (connection) => {
    await gate.wait();
    const rest = body.subarray(10);
    await connection.send(Buffer.concat([Buffer.from(`${rest.length.toString(16)}\r\n`), rest, Buffer.from('\r\n0\r\n\r\n')]));
  });
  const { anew, ahead } = await followAhead(host, first.length);
  gate.open();
  for (const client of [anew, ahead]) {
    await client.until('it has all', (peer) => peer.receivedBytes > body.length, 30_000);
    assert.ok((await client.readReply('GET', 30_000)).body.equals(body));
  }
  assert.equal(host.asked(), 4);
});

test('a follower whose answer goes on as one that is shorter than what it has is cut', async (t) => {
  const first = Buffer.alloc(12 * MIB, 'x');
  const gate = new Barrier('the one who is ahead has all there was');
  const host = await openBreaking(t, first, async (connection) => {
    await gate.wait();
    await connection.send('0\r\n\r\n');
  });
  const { anew, ahead } = await followAhead(host, first.length);
  gate.open();
  assert.equal((await anew.readReply()).body.length, 10);
  await assert.rejects(ahead.readReply('GET', 30_000), /ended within a chunked body/);
});

test('variants of one key have a flight each', async (t) => {
  const gate = new Barrier('the herd is here');
  const host = await openHost(t, async (connection, head) => {
    await gate.wait();
    const lang = /accept-language: (\w+)/i.exec(head)?.[1] ?? '';
    await connection.send(`HTTP/1.1 200 OK\r\n${MINUTE}Vary: Accept-Language\r\nContent-Length: 2\r\n\r\n${lang}`);
  });
  const replies = [...herd(host, 10, '/a', 'Accept-Language: en\r\n'), ...herd(host, 10, '/a', 'Accept-Language: de\r\n')];
  await gathered(host, 20);
  gate.open();
  const texts = (await Promise.all(replies)).map((reply) => reply.text);
  assert.deepEqual(texts, [...Array(10).fill('en'), ...Array(10).fill('de')]);
  assert.equal(host.asked(), 2);
});

test('an expired answer is validated once for a herd', async (t) => {
  const gate = new Barrier('the herd is here');
  const host = await openHost(t, async (connection, head) => {
    const isValidation = /if-none-match/i.test(head);
    if (isValidation) await gate.wait();
    const fields = 'Cache-Control: max-age=0\r\nETag: "v1"\r\n';
    if (isValidation) await connection.send(`HTTP/1.1 304 Not Modified\r\n${fields}\r\n`);
    else await connection.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 2\r\n\r\nok`);
  });
  await askOnce(host.fronts[0].port, get('/a'));
  const replies = herd(host, HERD);
  await gathered(host, HERD);
  gate.open();
  assert.ok((await Promise.all(replies)).every((reply) => reply.status === 200 && reply.text === 'ok'));
  assert.equal(host.asked(), 2);
});

test('HEAD, Range and conditions of clients go their own way beside a herd', async (t) => {
  const gate = new Barrier('all are here');
  const host = await openHost(t, async (connection, head) => {
    await gate.wait();
    const fields = `${MINUTE}ETag: "v1"\r\n`;
    if (head.startsWith('HEAD')) await connection.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 5\r\n\r\n`);
    else if (/range: bytes=1-2/i.test(head))
      await connection.send(`HTTP/1.1 206 Partial Content\r\n${fields}Content-Range: bytes 1-2/5\r\nContent-Length: 2\r\n\r\nel`);
    else await connection.send(`HTTP/1.1 200 OK\r\n${fields}Content-Length: 5\r\n\r\nhello`);
  });
  const whole = herd(host, 4);
  const known = askOnce(host.fronts[0].port, get('/a', 'If-None-Match: "v1"\r\n'), 60_000);
  const part = askOnce(host.fronts[1].port, get('/a', 'Range: bytes=1-2\r\n'), 60_000);
  const head = askOnce(host.fronts[1].port, get('/a').replace('GET', 'HEAD'), 60_000);
  await gathered(host, 7);
  gate.open();
  for (const reply of await Promise.all(whole)) assert.equal(reply.text, 'hello');
  assert.equal((await known).status, 304);
  assert.deepEqual([(await part).status, (await part).text], [206, 'el']);
  assert.deepEqual([(await head).status, (await head).text], [200, '']);
});
