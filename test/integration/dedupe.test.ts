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

test('requests with different credentials, bodies, methods, ranges, conditions or wishes are different requests', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['GET', 'HEAD', 'POST'], key: ['url', 'body'] } });
  const fields = [
    'Authorization: Bearer a\r\n',
    'Authorization: Bearer b\r\n',
    'Cookie: sid=1\r\n',
    'Cookie: sid=2\r\n',
    'X-Api-Key: one\r\n',
    'X-Session-Token: one\r\n',
    'Range: bytes=0-1\r\n',
    'If-None-Match: "a"\r\n',
    'Accept: text/html\r\n',
    'Accept-Encoding: gzip\r\n',
    'Cache-Control: no-cache\r\n',
    'Origin: http://b.example\r\n',
    'X-HTTP-Method-Override: DELETE\r\n',
    'Idempotency-Key: 1\r\n',
    '',
  ];
  const replies = [
    ...fields.map((line) => host.ask({ fields: line })),
    host.ask({ method: 'HEAD' }),
    host.ask({ method: 'POST', body: 'amount=10' }),
    host.ask({ method: 'POST', body: 'amount=11' }),
    host.ask({ path: '/a?b' }),
    host.ask({ path: '/A' }),
    host.ask({ fields: 'Host: b.example\r\n' }).catch(() => undefined),
  ];
  const count = replies.length - 1;
  await waitFor('all are at the origin', () => host.asked() === count);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.counted('sluice_dedupe_total'), 0);
});

test('what only tells of the way of a request does not tell requests apart; with names alone, no other field does', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer);
  const ways = ['X-Forwarded-For: 192.0.2.1\r\n', 'traceparent: 00-1\r\n', 'X-Request-ID: 4\r\n', 'Via: 1.1 a\r\n', ''];
  const replies = ways.map((fields, i) => host.ask({ fields, on: i % 2 === 0 ? 0 : 1 }));
  const other = host.ask({ fields: 'X-Version: 2\r\n' });
  await host.gathered(ways.length + 1, ways.length - 1);
  origin.open();
  await Promise.all([...replies, other]);
  assert.equal(host.asked(), 2);

  const second = held((index) => numbered(index));
  const named = await openShared(t, second.answer, { dedupe: { key: ['url', 'X-Tenant-Name'] } });
  const versions = ['X-Version: 1\r\n', 'X-Version: 2\r\nUser-Agent: b\r\n', 'X-Tenant-Name: a\r\n'].map((fields) => named.ask({ fields }));
  await named.gathered(3, 1);
  second.open();
  await Promise.all(versions);
  assert.equal(named.asked(), 2);
});

test('credentials that the upstream does not get make no difference, those that the client’s address is do if named', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { upstream: { forwardCredentials: false } });
  const replies = ['a', 'b'].map((token) => host.ask({ fields: `Authorization: Bearer ${token}\r\nCookie: sid=${token}\r\n` }));
  await host.gathered(2, 1);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.asked(), 1);

  const second = held((index) => numbered(index));
  const listeners = [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.1/32'] }];
  const byAddress = await openShared(t, second.answer, { dedupe: { key: ['url', 'ip'] }, listeners });
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.1'].map((ip) => byAddress.ask({ fields: `X-Forwarded-For: ${ip}\r\n` }));
  await byAddress.gathered(3, 1);
  second.open();
  await Promise.all(addresses);
  assert.equal(byAddress.asked(), 2);
});

test('an answer with Set-Cookie, without a bound, or that varies by what is not compared is for its own client', async (t) => {
  const rows = [
    ['Set-Cookie: sid=1\r\n', ['url']],
    ['Vary: *\r\n', ['url', 'headers']],
    ['Vary: X-Forwarded-For\r\n', ['url', 'headers']],
  ] as const;
  for (const [fields, key] of rows) {
    const origin = held((index) => numbered(index, fields));
    const host = await openShared(t, origin.answer, { dedupe: { key } });
    const replies = host.herd(HERD);
    await host.gathered(HERD, HERD - 1);
    origin.open();
    const texts = (await Promise.all(replies)).map(({ text }) => text);
    assert.equal(new Set(texts).size, HERD, fields);
    assert.equal(host.counted('sluice_uncacheable_releases_total'), HERD - 1);
    // Remembered: nobody waits for it now.
    await Promise.all(host.herd(HERD));
    assert.equal(host.asked(), 2 * HERD);
    assert.equal(host.counted('sluice_dedupe_total'), 0);
  }
});

test('an answer that varies by a field is for those who sent the same in it', async (t) => {
  const origin = held((index) => numbered(index, 'Vary: User-Agent\r\n'));
  const host = await openShared(t, origin.answer, { dedupe: { key: ['url'] } });
  const replies = ['a', 'a', 'b'].map((agent) => host.ask({ fields: `User-Agent: ${agent}\r\n` }));
  await host.gathered(3, 2);
  origin.open();
  const [first, second, third] = await Promise.all(replies);
  assert.equal(first?.text, second?.text);
  assert.notEqual(first?.text, third?.text);
  assert.equal(host.asked(), 2);
});

test('an answer with Set-Cookie is for all where the route says so', async (t) => {
  const origin = held((index) => numbered(index, 'Set-Cookie: sid=1\r\n'));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['POST'], shareSetCookie: true } });
  const replies = host.herd(4, { method: 'POST', body: 'x' });
  await host.gathered(4, 3);
  origin.open();
  for (const reply of await Promise.all(replies)) assert.deepEqual([reply.text, reply.field('Set-Cookie')], ['run 0', 'sid=1']);
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

test('a failure of the upstream is everybody’s, at once, and nothing runs again', async (t) => {
  const gate = Promise.withResolvers<void>();
  const host = await openShared(
    t,
    async (_request, _index, connection) => {
      await gate.promise;
      connection.reset();
      return undefined;
    },
    { dedupe: { methods: ['GET', 'POST'] } },
  );
  for (const [method, body] of [
    ['POST', 'x'],
    ['GET', undefined],
  ] as const) {
    const before = host.asked();
    const replies = host.herd(HERD, body === undefined ? { method } : { method, body });
    if (before === 0) {
      await host.gathered(HERD, HERD - 1);
      gate.resolve();
    }
    for (const reply of await Promise.all(replies)) assert.equal(problemOf(reply), '502 upstream-reset');
    if (before === 0) assert.equal(host.asked(), 1);
    const log = [...host.fronts[0].log, ...host.fronts[1].log];
    assert.ok(log.every(({ outcome, proxyError }) => outcome === 'failed' && proxyError === 'connection_terminated'));
  }
});

test('an answer that breaks off before it is shared runs again for a GET, and is told to a POST', async (t) => {
  for (const asked of [{}, { method: 'POST', body: 'x' }]) {
    const gate = Promise.withResolvers<void>();
    const host = await openShared(
      t,
      async (_request, index, connection) => {
        if (index > 0) return numbered(index);
        await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n');
        await gate.promise;
        connection.reset();
        return undefined;
      },
      { dedupe: { methods: ['GET', 'POST'] } },
    );
    const leader = await connectRaw(host.fronts[0].port);
    await leader.send(message(asked));
    await leader.untilText('first');
    const others = host.herd(6, asked);
    await host.gathered(7, 6);
    gate.resolve();
    await leader.untilEnd();
    const isPost = 'body' in asked;
    for (const reply of await Promise.all(others))
      assert.equal(isPost ? problemOf(reply) : reply.text, isPost ? '409 duplicate-not-answered' : 'run 1');
    assert.equal(host.asked(), isPost ? 1 : 2);
  }
});

test('when the worker that asks for all dies, a GET is asked once more, and a POST is not', async (t) => {
  for (const asked of [{}, { method: 'POST', body: 'x' }]) {
    const origin = held((index) => numbered(index));
    const host = await openShared(t, origin.answer, { dedupe: { methods: ['GET', 'POST'] } });
    const leader = host.ask(asked);
    await waitFor('it is asked', () => host.asked() === 1);
    const followers = Array.from({ length: 6 }, () => host.ask({ ...asked, on: 1 }));
    await host.gathered(7, 6);
    host.mourn(0);
    const isPost = 'body' in asked;
    if (isPost) for (const reply of await Promise.all(followers)) assert.equal(problemOf(reply), '409 duplicate-not-answered');
    else await waitFor('it is asked again', () => host.asked() === 2);
    origin.open();
    if (!isPost) for (const reply of await Promise.all(followers)) assert.equal(reply.text, 'run 1');
    assert.equal((await leader).text, 'run 0');
    assert.equal(host.asked(), isPost ? 1 : 2);
    assert.equal(host.counted('sluice_leader_takeovers_total', 'restart'), isPost ? 0 : 1);
  }
});

test('a POST that comes after the worker of an identical one has died runs', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['POST'] } });
  const lost = host.ask({ method: 'POST', body: 'x' });
  await waitFor('it is asked', () => host.asked() === 1);
  host.mourn(0);
  const next = [1, 2].map(() => host.ask({ method: 'POST', body: 'x', on: 1 }));
  await host.gathered(3, 1);
  origin.open();
  assert.deepEqual(new Set((await Promise.all(next)).map(({ text }) => text)), new Set(['run 1']));
  assert.equal((await lost).text, 'run 0');
});

test('an answer of stated length that breaks off is cut for all who have a part of it', async (t) => {
  const gate = Promise.withResolvers<void>();
  const host = await openShared(t, async (_request, _index, connection) => {
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
    await gate.promise;
    connection.reset();
    return undefined;
  });
  const clients = [await connectRaw(host.fronts[0].port), await connectRaw(host.fronts[1].port)];
  for (const client of clients) {
    await client.send(message({}));
    await client.untilText('first');
  }
  gate.resolve();
  for (const client of clients) assert.match((await client.untilEnd()).toString(), /first$/);
  assert.equal(host.asked(), 1);
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
