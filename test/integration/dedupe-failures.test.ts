import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { held, message, numbered, openShared, problemOf } from './shared-host.ts';

const HERD = 20;

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
