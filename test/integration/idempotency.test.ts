import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Engine } from '../../src/config/types.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { HostRecords } from './keyed-front.ts';
import { held, numbered, openScene, type PostOptions, post, problemOf } from './keyed-scene.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];

for (const engine of ENGINES) {
  test(`${engine}: the first request runs, and whoever sends it again gets its answer, marked`, async (t) => {
    const { origin, ask, counted } = await openScene(t, numbered, { engine });
    const first = await ask({ key: '"k"' });
    const second = await ask({ key: '"k"' });
    const bare = await ask({ key: 'k' });
    assert.deepEqual([first.status, first.text, first.field('idempotent-replayed')], [201, 'run 0', undefined]);
    for (const reply of [second, bare]) {
      assert.deepEqual([reply.status, reply.text, reply.field('idempotent-replayed')], [201, 'run 0', 'true']);
      assert.equal(reply.field('x-origin'), 'o');
    }
    assert.equal(origin.requests.length, 1);
    assert.equal(origin.requests[0]?.body.toString(), 'pay 10');
    assert.deepEqual([counted('ran'), counted('replayed')], [1, 2]);
    assert.equal((await ask({ key: 'other' })).text, 'run 1');
  });

  test(`${engine}: a request in pieces, chunked, with Expect: 100-continue, is the same request`, async (t) => {
    const { front, origin, ask } = await openScene(t, numbered, { engine });
    await ask({ key: 'k', body: 'pay 10' });
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send('POST /pay HTTP/1.1\r\nHost: a.example\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.sendPieces(['3\r\npay\r\n', '3\r\n 10\r\n', '0\r\n\r\n']);
    assert.equal((await client.readReply('POST')).field('idempotent-replayed'), 'true');
    const expecting = await connectRaw(front.port);
    t.after(() => expecting.close());
    await expecting.send(
      'POST /pay HTTP/1.1\r\nHost: a.example\r\nIdempotency-Key: k\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n',
    );
    if (engine === 'node') await expecting.untilText('100 Continue');
    await expecting.send('pay 10');
    assert.equal((await expecting.readReply('POST')).field('idempotent-replayed'), 'true');
    assert.equal(origin.requests.length, 1);
  });

  test(`${engine}: those that come meanwhile wait, and get the same answer`, async (t) => {
    const { answer, release } = held();
    const { origin, ask, counted, front } = await openScene(t, answer, { engine });
    const asked = [1, 2, 3].map(() => ask({ key: 'k' }));
    await waitFor('all have come', () => front.gateway.waits.size === 2 && origin.requests.length === 1);
    release();
    const replies = await Promise.all(asked);
    assert.deepEqual(
      replies.map(({ status, text }) => `${status} ${text}`),
      ['201 run 0', '201 run 0', '201 run 0'],
    );
    assert.equal(replies.filter((reply) => reply.field('idempotent-replayed') === 'true').length, 2);
    assert.deepEqual([origin.requests.length, counted('ran'), counted('waited')], [1, 1, 2]);
    const waits = front.log.map(({ waitMs }) => waitMs).filter((ms) => ms !== undefined);
    assert.equal(waits.length, 2);
  });

  test(`${engine}: a client that leaves ends nothing, and finds the answer when it comes back`, async (t) => {
    const { answer, release } = held();
    const { origin, ask, front } = await openScene(t, answer, { engine });
    const client = await connectRaw(front.port);
    await client.send(post({ key: 'k' }));
    await waitFor('it runs', () => origin.requests.length === 1);
    client.close();
    await waitFor('the client is gone', () => front.counted('sluice_client_connections') === 0 || front.listener.connections === 0);
    release();
    const reply = await ask({ key: 'k' });
    assert.deepEqual([reply.text, reply.field('idempotent-replayed'), origin.requests.length], ['run 0', 'true', 1]);
  });
}

test('on another worker it is the same key', async (t) => {
  const records = new HostRecords(t);
  const { answer, release } = held();
  const one = await openScene(t, answer, { records });
  const two = await openScene(t, answer, { records });
  const first = one.ask({ key: 'k' });
  await waitFor('it runs', () => one.origin.requests.length === 1);
  const second = two.ask({ key: 'k' });
  await waitFor('it waits', () => two.front.gateway.waits.size === 1);
  release();
  assert.equal((await first).text, 'run 0');
  assert.equal((await second).field('idempotent-replayed'), 'true');
  assert.equal((await two.ask({ key: 'k' })).text, 'run 0');
  assert.equal(two.origin.requests.length, 0);
});

test('another request under the same key is refused: body, method, target, kind of content', async (t) => {
  const { origin, ask, counted } = await openScene(t);
  await ask({ key: 'k' });
  const others: readonly PostOptions[] = [
    { body: 'pay 11' },
    { body: '' },
    { method: 'PATCH' },
    { path: '/pay?x' },
    { fields: 'Content-Type: text/plain\r\n' },
  ];
  for (const other of others)
    assert.equal(problemOf(await ask({ key: 'k', ...other })), '422 idempotency-key-reused', JSON.stringify(other));
  assert.equal(origin.requests.length, 1);
  assert.equal(counted('mismatch'), others.length);
});

test('a key belongs to whoever sends the same credentials; or to an address, to a field, to all', async (t) => {
  const rows: readonly [scope: string, a: string, b: string, isShared: boolean][] = [
    ['consumer', 'Authorization: a\r\n', 'Authorization: b\r\n', false],
    ['consumer', 'Authorization: a\r\nCookie: x\r\n', 'Authorization: a\r\nCookie: y\r\n', true],
    ['consumer', 'X-Api-Key: a\r\n', 'X-Api-Key: b\r\n', false],
    ['consumer', 'X-Access-Token: a\r\n', '', false],
    ['consumer', 'X_Tenant_Id: a\r\n', 'X_Tenant_Id: b\r\n', false],
    ['consumer', 'X-Api-Key: a\r\nX-Tenant: t\r\n', 'X-Tenant: t\r\nX-Api-Key: a\r\n', true],
    // A client that tries again makes these anew.
    ['consumer', 'Authorization: a\r\nDPoP: 1\r\n', 'Authorization: a\r\nDPoP: 2\r\n', true],
    ['consumer', 'X-Client-Request-Id: 1\r\nX-CSRF-Token: 1\r\n', 'X-Client-Request-Id: 2\r\nX-CSRF-Token: 2\r\n', true],
    ['consumer', 'Signature: 1\r\nUser-Agent: a\r\n', 'Signature: 2\r\nUser-Agent: b\r\n', true],
    ['none', 'Authorization: a\r\n', 'Authorization: b\r\n', true],
    ['none', 'X-Api-Key: a\r\n', 'X-Api-Key: b\r\n', true],
    ['ip', 'Authorization: a\r\n', 'Authorization: b\r\n', true],
    ['X-Account', 'X-Account: a\r\n', 'X-Account: b\r\n', false],
    ['X-Account', 'X-Account: a\r\nAuthorization: a\r\n', 'X-Account: a\r\nAuthorization: b\r\n', true],
  ];
  for (const [scope, a, b, isShared] of rows) {
    const { ask } = await openScene(t, numbered, { keyed: { scope } });
    assert.equal((await ask({ key: 'k', fields: a })).text, 'run 0');
    assert.equal((await ask({ key: 'k', fields: b })).text, isShared ? 'run 0' : 'run 1', scope);
  }
});

test('where a cookie alone tells clients apart, none gets the answer of another', async (t) => {
  const { ask, origin } = await openScene(t);
  await ask({ key: '1', fields: 'Cookie: session=a\r\n' });
  assert.equal(problemOf(await ask({ key: '1', fields: 'Cookie: session=b\r\n' })), '422 idempotency-key-reused');
  assert.equal((await ask({ key: '1', fields: 'Cookie: session=a\r\n' })).text, 'run 0');
  assert.equal(origin.requests.length, 1);
});

test('a key that is demanded and missing, and one that is none, are refused; other methods are not looked at', async (t) => {
  const { origin, ask, counted } = await openScene(t, numbered, { keyed: { required: true } });
  assert.equal(problemOf(await ask({})), '400 idempotency-key-missing');
  assert.equal(problemOf(await ask({ key: 'a, b' })), '400 idempotency-key-malformed');
  assert.equal(problemOf(await ask({ key: 'a', fields: 'Idempotency-Key: b\r\n' })), '400 idempotency-key-malformed');
  assert.equal(origin.requests.length, 0);
  for (const method of ['PUT', 'DELETE']) assert.equal((await ask({ method })).status, 201);
  assert.deepEqual([counted('missing'), counted('malformed'), counted('ran')], [1, 2, 0]);
});

test('without a key, where none is demanded, every request runs', async (t) => {
  const { origin, ask } = await openScene(t);
  await ask({});
  await ask({});
  assert.equal(origin.requests.length, 2);
});

test('onConcurrent: 409 lets nobody wait', async (t) => {
  const { answer, release } = held();
  const { ask, origin, counted } = await openScene(t, answer, { keyed: { onConcurrent: 409 } });
  const first = ask({ key: 'k' });
  await waitFor('it runs', () => origin.requests.length === 1);
  const second = await ask({ key: 'k' });
  assert.equal(problemOf(second), '409 idempotency-key-in-use');
  assert.equal(second.field('retry-after'), '1');
  release();
  assert.equal((await first).text, 'run 0');
  assert.equal(counted('conflict'), 1);
});

test('patience ends after maxWait, and the request that runs is none the worse for it', async (t) => {
  const { answer, release } = held();
  const { ask, origin } = await openScene(t, answer, { keyed: { maxWait: '50ms' } });
  const first = ask({ key: 'k' });
  await waitFor('it runs', () => origin.requests.length === 1);
  assert.equal(problemOf(await ask({ key: 'k' })), '409 idempotency-key-in-use');
  release();
  assert.equal((await first).text, 'run 0');
  assert.equal((await ask({ key: 'k' })).field('idempotent-replayed'), 'true');
});

test('a body that is too long is refused, whether its length is told or not', async (t) => {
  const { ask, origin, front } = await openScene(t, numbered, { keyed: { maxBody: '10B' } });
  assert.equal((await ask({ key: 'k', body: 'x'.repeat(11) })).status, 413);
  const chunked = `POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n${'x'.repeat(11)}\r\n0\r\n\r\n`;
  assert.equal((await askOnce(front.port, chunked)).status, 413);
  assert.equal((await ask({ key: 'k', body: 'x'.repeat(10) })).text, 'run 0');
  assert.equal(origin.requests.length, 1);
});

test('without records nothing is sent', async (t) => {
  const { ask, origin, counted } = await openScene(t, numbered, { records: new HostRecords(t, { isOpen: false }) });
  const reply = await ask({ key: 'k' });
  assert.equal(problemOf(reply), '503 idempotency-unavailable');
  assert.equal(reply.field('retry-after'), '1');
  assert.deepEqual([origin.requests.length, counted('unavailable')], [0, 1]);
  assert.equal((await ask({})).text, 'run 0', 'a request without a key needs none');
});

test('a worker that holds too many bodies takes no more requests with a key', async (t) => {
  const { answer, release } = held();
  const { front, ask, origin } = await openScene(t, answer);
  const first = ask({ key: 'k', body: 'x'.repeat(1000) });
  await waitFor('it runs', () => origin.requests.length === 1);
  assert.equal(front.gateway.heldBytes, 1000);
  front.gateway.heldBytes += 2 ** 26;
  assert.equal(problemOf(await ask({ key: 'other' })), '503 idempotency-unavailable');
  front.gateway.heldBytes -= 2 ** 26;
  release();
  await first;
  assert.equal(front.gateway.heldBytes, 0);
});

test('response filters see the answer and each replay of it', async (t) => {
  let seen = 0;
  const filter: Filter = {
    response: (response) => {
      seen += 1;
      response.headers.set('X-Seen', String(seen));
      return new Promise((resolve) => setImmediate(resolve));
    },
  };
  const { ask, origin } = await openScene(t, numbered, { route: { filters: ['./f.ts'] }, filters: { './f.ts': filter } });
  const [first, second] = [await ask({ key: 'k' }), await ask({ key: 'k' })];
  assert.deepEqual([first.text, first.field('x-seen')], ['run 0', '1']);
  assert.deepEqual([second.text, second.field('x-seen'), second.field('idempotent-replayed')], ['run 0', '2', 'true']);
  assert.equal(origin.requests.length, 1);
});

test('a large answer is replayed whole, to a client that reads slowly too', async (t) => {
  const body = Buffer.alloc(3 * 2 ** 20, 'z').toString('latin1');
  const { ask, front } = await openScene(t, () => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`, {
    keyed: { maxAnswer: '4MiB' },
  });
  assert.equal((await ask({ key: 'k' })).text.length, body.length);
  const slow = await connectRaw(front.port);
  t.after(() => slow.close());
  slow.pause();
  await slow.send(post({ key: 'k' }));
  await waitFor('it was answered', () => front.counted('sluice_idempotency_total', 'replayed') === 1);
  slow.resume();
  assert.equal((await slow.readReply('POST')).text, body);
});

test('after all that, nothing is left running or waiting', async (t) => {
  const records = new HostRecords(t);
  const worker = records.connect(t);
  const { ask, front } = await openScene(t, numbered, { records });
  await Promise.all([1, 2, 3, 4].map((key) => ask({ key: String(key % 2) })));
  const { waits, inFlight, heldBytes } = front.gateway;
  assert.deepEqual([waits.size, inFlight, heldBytes, worker.isIdle], [0, 0, 0, true]);
});

test('a client leaves, and the answer is longer than what is kept: its endless rest is not read for nobody', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { front, origin, counted } = await openScene(
    t,
    async (_, index, connection) => {
      if (index > 0) return numbered(_, index, connection);
      await gate.promise;
      await connection.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      while (!connection.socket.destroyed) await connection.send(`10000\r\n${'x'.repeat(65_536)}\r\n`);
      return undefined;
    },
    { keyed: { maxAnswer: '128KiB' } },
  );
  const client = await connectRaw(front.port);
  await client.send(post({ key: 'k' }));
  await waitFor('it runs', () => origin.requests.length === 1);
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
  gate.resolve();
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && front.gateway.heldBytes === 0);
  assert.equal((await askOnce(front.port, post({ key: 'k' }))).status, 409);
  assert.deepEqual([origin.requests.length, counted('ran'), counted('unknown')], [1, 1, 1]);
});

test('a client leaves, and the answer drips for longer than anything else would be waited for: it was promised, and is kept', async (t) => {
  const looks = Promise.withResolvers<void>();
  const { front, origin, ask } = await openScene(t, async (_, index, connection) => {
    if (index > 0) return numbered(_, index, connection);
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
    await looks.promise;
    return 'cd';
  });
  front.gateway.unattendedLookMs = 20;
  const client = await connectRaw(front.port);
  await client.send(post({ key: 'k' }));
  await waitFor('it runs', () => origin.requests.length === 1);
  client.reset();
  await waitFor('the client is gone', () => front.listener.connections === 0);
  await setTimeout(200);
  looks.resolve();
  await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
  const again = await ask({ key: 'k' });
  assert.deepEqual([again.text, again.field('Idempotent-Replayed'), origin.requests.length], ['abcd', 'true', 1]);
});
