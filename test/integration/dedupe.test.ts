import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Asked, held, message, numbered, openShared, PATIENCE_MS, problemOf } from './shared-host.ts';

const HERD = 20;

for (const engine of ['node', 'uws'] as const) {
  test(`${engine}: identical requests over two workers are one, and nothing is kept of them`, async (t) => {
    const origin = held((index) => numbered(index, 'Cache-Control: no-store\r\nX-Origin: o\r\n'));
    const host = await openShared(t, origin.answer, { engine });
    const replies = host.herd(HERD);
    await host.gathered(HERD, HERD - 1);
    origin.open();
    for (const reply of await Promise.all(replies)) {
      assert.deepEqual([reply.status, reply.text, reply.field('X-Origin')], [200, 'run 0', 'o']);
      assert.equal(reply.field('Cache-Status'), undefined);
      assert.equal(reply.field('Age'), undefined);
    }
    assert.equal(host.asked(), 1);
    assert.equal(host.counted('sluice_dedupe_total'), HERD - 1);
    const waits = [...host.fronts[0].log, ...host.fronts[1].log].filter((line) => 'waitMs' in line);
    assert.equal(waits.length, HERD - 1);
    assert.equal((await host.ask({ on: 1 })).text, 'run 1');
  });

  test(`${engine}: identical POSTs are one where the route says so, and one that comes after it is another`, async (t) => {
    const origin = held((index) => numbered(index));
    const host = await openShared(t, origin.answer, { engine, dedupe: { methods: ['POST'], key: ['method', 'url', 'body'] } });
    const replies = host.herd(HERD, { method: 'POST', body: 'amount=10' });
    await host.gathered(HERD, HERD - 1);
    origin.open();
    assert.ok((await Promise.all(replies)).every((reply) => reply.text === 'run 0'));
    assert.equal(host.asked(), 1);
    assert.equal(host.origin.requests[0]?.body.toString(), 'amount=10');
    assert.equal((await host.ask({ method: 'POST', body: 'amount=10' })).text, 'run 1');
  });
}

test('POST goes through one by one where only GET is shared, and so does a body that is longer than maxBody', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['GET', 'PUT'], maxBody: '1KiB' } });
  const replies = [...host.herd(2, { method: 'POST', body: 'x' }), ...host.herd(2, { method: 'PUT', body: 'y'.repeat(2000) })];
  const chunked = `PUT /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'z'.repeat(2000)}\r\n0\r\n\r\n`;
  for (const { port } of host.fronts) replies.push(askOnce(port, chunked, PATIENCE_MS));
  await waitFor('all are at the origin', () => host.asked() === 6);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.origin.requests.filter(({ body }) => body.length === 2000).length, 4);
});

test('a chunked body is compared as well as one of a stated length', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['PUT'] } });
  const chunked = 'PUT /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
  const client = await connectRaw(host.fronts[0].port);
  t.after(() => client.close());
  await client.send(chunked);
  const other = host.ask({ method: 'PUT', body: 'abc', on: 1 });
  await host.gathered(2, 1);
  origin.open();
  assert.equal((await client.readReply('PUT')).text, 'run 0');
  assert.equal((await other).text, 'run 0');
  assert.equal(host.asked(), 1);
});

test('followers read the answer while it streams in where its length is known, and when it is whole where it is not', async (t) => {
  const rest = Promise.withResolvers<void>();
  const host = await openShared(t, async (request, _, connection) => {
    const isKnown = request.target === '/known';
    await connection.send(
      isKnown
        ? 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst'
        : 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n',
    );
    await rest.promise;
    return isKnown ? 'after' : '5\r\nafter\r\n0\r\n\r\n';
  });
  const clients = [];
  for (const [path, on] of [
    ['/known', 0],
    ['/unknown', 0],
    ['/known', 1],
    ['/unknown', 1],
  ] as const) {
    const client = await connectRaw(host.fronts[on].port);
    t.after(() => client.close());
    await client.send(message({ path }));
    clients.push(client);
    if (on === 0 || path === '/known') await client.untilText('first');
  }
  await host.gathered(4, 1);
  assert.equal(clients[3]?.text, '');
  rest.resolve();
  for (const client of clients) assert.equal((await client.readReply()).text, 'firstafter');
  // Known by then, so it is told.
  assert.match(clients[3]?.text ?? '', /content-length: 10\r\n/i);
  assert.equal(host.asked(), 2);
});

test('what must not run twice is refused where the answer of the one that ran is not for it', async (t) => {
  const long = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n800\r\n${'x'.repeat(2048)}\r\n0\r\n\r\n`;
  const answers = [numbered(0, 'Set-Cookie: sid=1\r\n'), long, `HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n${'x'.repeat(2048)}`];
  for (const text of answers) {
    const origin = held(() => text);
    const host = await openShared(t, origin.answer, { dedupe: { methods: ['POST'], maxAnswer: '1KiB' } });
    const replies = host.herd(4, { method: 'POST', body: 'x' });
    await host.gathered(4, 3);
    origin.open();
    const all = await Promise.all(replies);
    assert.equal(all.filter(({ status }) => status === 200).length, 1);
    for (const reply of all.filter(({ status }) => status !== 200)) assert.equal(problemOf(reply), '409 duplicate-not-answered');
    assert.equal(host.asked(), 1);
    assert.equal(host.counted('sluice_dedupe_refused_total'), 3);
    // Later it is a request like any other.
    assert.equal((await host.ask({ method: 'POST', body: 'x' })).status, 200);
  }
});

test('a POST that comes while one runs whose answer is not for it is told so, and runs when that has ended', async (t) => {
  const rest = Promise.withResolvers<void>();
  const host = await openShared(
    t,
    async (_request, index, connection) => {
      if (index > 0) return numbered(index);
      await connection.send('HTTP/1.1 200 OK\r\nSet-Cookie: sid=1\r\nContent-Length: 10\r\n\r\nfirst');
      await rest.promise;
      return 'after';
    },
    { dedupe: { methods: ['POST'] } },
  );
  const post = { method: 'POST', body: 'x' };
  const leader = await connectRaw(host.fronts[0].port);
  await leader.send(message(post));
  await leader.untilText('first');
  for (const on of [0, 1] as const) assert.equal(problemOf(await host.ask({ ...post, on })), '409 duplicate-not-answered');
  rest.resolve();
  assert.equal((await leader.readReply('POST')).text, 'firstafter');
  assert.equal((await host.ask({ ...post, on: 1 })).text, 'run 1');
});

test('an answer that is about the connection or the address is not shared between GETs', async (t) => {
  const origin = held((index) => `HTTP/1.1 429 Slow\r\nContent-Length: 1\r\n\r\n${index}`);
  const host = await openShared(t, origin.answer);
  const replies = host.herd(3);
  await host.gathered(3, 2);
  origin.open();
  assert.equal(new Set((await Promise.all(replies)).map(({ text }) => text)).size, 3);
});

test('a GET whose answer is too long goes by itself, whole', async (t) => {
  const body = 'x'.repeat(3000);
  const origin = held(() => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n${body}\r\n0\r\n\r\n`);
  const host = await openShared(t, origin.answer, { dedupe: { maxAnswer: '1KiB' } });
  const replies = host.herd(HERD);
  await host.gathered(HERD, HERD - 1);
  origin.open();
  assert.ok((await Promise.all(replies)).every((reply) => reply.text === body));
  assert.equal(host.asked(), HERD);
});

test('who waits too long, or is one too many, goes by itself or is told', async (t) => {
  for (const [limits, why] of [
    [{ maxWait: '50ms' }, 'maxWait'],
    [{ maxFollowers: 0 }, 'maxFollowers'],
  ] as const) {
    const origin = held((index) => numbered(index));
    const host = await openShared(t, origin.answer, { dedupe: { methods: ['GET', 'POST'], ...limits } });
    const first = host.ask({ method: 'POST', body: 'x' });
    await waitFor('it runs', () => host.asked() === 1);
    const refused = await host.ask({ method: 'POST', body: 'x', on: 1 });
    assert.equal(problemOf(refused), '409 duplicate-in-progress');
    assert.equal(refused.field('Retry-After'), '1');
    const gets = host.herd(2);
    await waitFor('both are there', () => host.asked() === 3);
    origin.open();
    assert.equal((await first).text, 'run 0');
    await Promise.all(gets);
    assert.equal(host.counted('sluice_collapse_waits_over_total', why), 2);
  }
});

test('the client of whoever leads leaves, or does not read: that is no matter to the others', async (t) => {
  const body = Buffer.alloc(4 * 2 ** 20, 'x');
  for (const isChunked of [false, true]) {
    const gate = Promise.withResolvers<void>();
    const host = await openShared(
      t,
      async (_request, _index, connection) => {
        if (isChunked) await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400000\r\n');
        else await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
        await connection.send(body.subarray(0, 2 ** 20));
        await gate.promise;
        await connection.send(body.subarray(2 ** 20));
        return isChunked ? '\r\n0\r\n\r\n' : undefined;
      },
      { dedupe: { maxAnswer: '8MiB' } },
    );
    const slow = await connectRaw(host.fronts[0].port);
    slow.pause();
    await slow.send(message({ path: '/slow' }));
    const leaver = await connectRaw(host.fronts[0].port);
    await leaver.send(message({ path: '/left' }));
    await waitFor('both are asked for', () => host.asked() === 2);
    const followers = [host.ask({ path: '/slow', on: 1 }), host.ask({ path: '/left', on: 1 })];
    await leaver.untilText('xxxx');
    leaver.reset();
    gate.resolve();
    for (const follower of await Promise.all(followers)) assert.equal(follower.body.length, body.length);
    slow.resume();
    assert.equal((await slow.readReply('GET', PATIENCE_MS)).body.length, body.length);
    assert.equal(host.asked(), 2);
  }
});

test('an answer that outgrows maxAnswer reaches a slow client whole, and its followers go by themselves', async (t) => {
  const body = Buffer.alloc(6 * 2 ** 20, 'y');
  const host = await openShared(
    t,
    async (_request, _index, connection) => {
      await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n600000\r\n');
      await connection.send(body);
      return '\r\n0\r\n\r\n';
    },
    { dedupe: { maxAnswer: '4MiB' } },
  );
  const slow = await connectRaw(host.fronts[0].port);
  slow.pause();
  await slow.send(message({}));
  await waitFor('it is asked for', () => host.asked() === 1);
  const follower = await host.ask({ on: 1 });
  assert.equal(follower.body.length, body.length);
  slow.resume();
  const reply = await slow.readReply('GET', PATIENCE_MS);
  assert.ok(reply.body.equals(body));
});

test('a GET that comes after a write is not answered by one that was asked before it', async (t) => {
  const gate = Promise.withResolvers<void>();
  let value = 'old';
  const host = await openShared(t, async (request, index) => {
    if (request.method === 'PUT') {
      value = 'new';
      return 'HTTP/1.1 204 No Content\r\n\r\n';
    }
    const seen = value;
    if (index === 0) await gate.promise;
    return `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n${seen}`;
  });
  const before = host.ask();
  await waitFor('it is asked', () => host.asked() === 1);
  assert.equal((await host.ask({ method: 'PUT', body: 'new' })).status, 204);
  assert.equal((await host.ask({ on: 1 })).text, 'new');
  gate.resolve();
  assert.equal((await before).text, 'old');
});

test('answers of every form pass: HEAD with its length, 204, 304, an empty one, an error', async (t) => {
  const rows: [asked: { method?: string; fields?: string }, answer: string, status: number, length: string | undefined][] = [
    [{ method: 'HEAD' }, 'HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n', 200, '77'],
    [{}, 'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n', 204, undefined],
    [{ fields: 'If-None-Match: "a"\r\n' }, 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n', 304, undefined],
    [{}, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 200, '0'],
    [{}, 'HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno', 500, '2'],
    [{ fields: 'Range: bytes=1-2\r\n' }, 'HTTP/1.1 206 P\r\nContent-Range: bytes 1-2/9\r\nContent-Length: 2\r\n\r\nno', 206, '2'],
  ];
  for (const [asked, answer, status, length] of rows) {
    const origin = held(() => answer);
    const host = await openShared(t, origin.answer);
    const replies = host.herd(4, asked);
    await host.gathered(4, 3);
    origin.open();
    for (const reply of await Promise.all(replies)) {
      assert.equal(reply.status, status);
      assert.equal(reply.field('Content-Length'), length, String(status));
    }
    assert.equal(host.asked(), 1, String(status));
  }
});

test('each client has the route’s filters run on what it shares', async (t) => {
  const origin = held((index) => numbered(index));
  let ran = 0;
  const filters = {
    './count.ts': {
      response(response: { headers: { set(name: string, value: string): void } }): void {
        ran++;
        response.headers.set('X-Ran', String(ran));
      },
    },
  };
  const host = await openShared(t, origin.answer, { route: { filters: ['./count.ts'] }, filters });
  const replies = host.herd(4);
  await host.gathered(4, 3);
  origin.open();
  const all = await Promise.all(replies);
  assert.ok(all.every((reply) => reply.text === 'run 0'));
  assert.deepEqual(all.map((reply) => reply.field('X-Ran')).sort(), ['1', '2', '3', '4']);
});

test('on a route that caches, what the cache has no part in is shared too', async (t) => {
  let gate = Promise.withResolvers<void>();
  const host = await openShared(
    t,
    (request, index) =>
      gate.promise.then(() =>
        numbered(index, request.target === '/stored' ? 'Cache-Control: max-age=60\r\n' : 'Cache-Control: private\r\n'),
      ),
    { route: { cache: true }, dedupe: { methods: ['GET', 'POST'] } },
  );
  const herd = async (asked: Asked, waiting: number): Promise<ReadonlySet<string>> => {
    gate = Promise.withResolvers<void>();
    const replies = host.herd(6, asked);
    await host.gathered(6, waiting);
    gate.resolve();
    return new Set((await Promise.all(replies)).map(({ text }) => text));
  };
  assert.deepEqual(await herd({ method: 'POST', body: 'x' }, 5), new Set(['run 0']));
  // It is not known yet that it cannot be shared by all.
  const mine = { fields: 'Cookie: sid=1\r\n' };
  assert.ok((await herd(mine, 5)).has('run 1'));
  const before = host.asked();
  assert.deepEqual(await herd(mine, 5), new Set([`run ${before}`]));
  assert.deepEqual(await herd({ path: '/stored' }, 5), new Set([`run ${before + 1}`]));
  assert.equal((await host.ask({ path: '/stored' })).text, `run ${before + 1}`);
  assert.equal(host.counted('sluice_cache_requests_total'), 25);
});

test('the memory of shared answers is given back', async (t) => {
  const host = await openShared(
    t,
    (_request, index) => `HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n${String(index).padEnd(100_000)}`,
  );
  for (let i = 0; i < 400; i++) assert.equal((await host.ask({ path: `/${i}` })).status, 200);
  await sleep(2100);
  await host.ask({ path: '/last' });
  const stats = host.fronts[0].gateway.caching?.store.stats();
  assert.equal(stats?.objects, 1);
  assert.equal(stats?.fillingBytes, 0);
});

test('a thousand at once are one', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer);
  const replies = host.herd(1000);
  await host.gathered(1000, 999);
  origin.open();
  assert.ok((await Promise.all(replies)).every((reply) => reply.text === 'run 0'));
  assert.equal(host.asked(), 1);
});
