import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { MAX_HELD_BYTES } from '../../src/exchange/body-collector.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import { purge } from '../../src/runtime/purge.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';
import { HostRecords } from './keyed-front.ts';
import { held, message, numbered, openShared, PATIENCE_MS, problemOf } from './shared-host.ts';

const MIB = 2 ** 20;

test('who asks counts where a filter tells it to the upstream, although the field in which it stands does not reach that', async (t) => {
  const origin = held((index) => numbered(index));
  const filters: Record<string, Filter> = {
    './who.ts': {
      request({ headers, state }) {
        state.set('user', headers.get('Authorization') ?? 'nobody');
        headers.delete('Authorization');
      },
      upstreamRequest({ headers, state }) {
        headers.set('X-Who', String(state.get('user')));
      },
    },
  };
  const host = await openShared(t, origin.answer, {
    route: { filters: ['./who.ts'] },
    upstream: { forwardCredentials: false },
    filters,
  });
  const alice = host.ask({ fields: 'Authorization: alice\r\n' });
  await host.gathered(1, 0);
  const bob = host.ask({ fields: 'Authorization: bob\r\n', on: 1 });
  await waitFor('both are here', () => host.fronts[1].gateway.inFlight === 1);
  await waitFor('it waits, or is with the origin', () => host.fronts[1].gateway.waits.size === 1 || host.asked() === 2);
  origin.open();
  assert.deepEqual(new Set([(await alice).text, (await bob).text]), new Set(['run 0', 'run 1']));
});

test('a field that tells who asks or what is done counts where names alone are compared', async (t) => {
  const pairs = [
    ['DPoP: a', 'DPoP: b'],
    ['Sudo: a', 'Sudo: b'],
    ['X-SSL-Client-S-DN: CN=a', 'X-SSL-Client-S-DN: CN=b'],
    ['X-GitHub-OTP: 1', 'X-GitHub-OTP: 2'],
    ['X-WSSE: a', 'X-WSSE: b'],
    ['X-Pomerium-Claim-Sub: a', 'X-Pomerium-Claim-Sub: b'],
    ['X-Amzn-Oidc-Data: a', 'X-Amzn-Oidc-Data: b'],
    ['X-Client-Id: a', 'X-Client-Id: b'],
    ['X-Org-Id: a', 'X-Org-Id: b'],
    ['X-Uid: a', 'X-Uid: b'],
    ['X-On-Behalf-Of: a', 'X-On-Behalf-Of: b'],
    ['X-Act-As: a', 'X-Act-As: b'],
    ['X-HTTP-Method-Override: PUT', 'X-HTTP-Method-Override: DELETE'],
    ['X_Api_Key: a', 'X_Api_Key: b'],
  ];
  const wrong: string[] = [];
  for (const [one = '', other = ''] of pairs) {
    const origin = held((index) => numbered(index));
    const host = await openShared(t, origin.answer, { dedupe: { key: ['method', 'url'] } });
    const first = host.ask({ fields: `${one}\r\n` });
    await waitFor('the first is with the origin', () => host.asked() === 1);
    const second = host.ask({ fields: `${other}\r\n` });
    await waitFor('it waits, or is with the origin', () => host.fronts[0].gateway.waits.size === 1 || host.asked() === 2);
    origin.open();
    if ((await first).text === (await second).text) wrong.push(one);
  }
  assert.deepEqual(wrong, []);
});

test('a PUT that comes after another write of its URL runs, though an identical one from before that is still under way', async (t) => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const host = await openShared(t, async (_, index) => gates[index]?.promise.then(() => numbered(index)), {
    dedupe: { methods: ['GET', 'PUT'] },
  });
  const first = host.ask({ method: 'PUT', body: 'a' });
  await waitFor('the first is with the origin', () => host.asked() === 1);
  gates[1]?.resolve();
  assert.equal((await host.ask({ method: 'PUT', body: 'b', on: 1 })).text, 'run 1');
  const again = host.ask({ method: 'PUT', body: 'a', on: 1 });
  await waitFor('it waits, or is with the origin', () => host.fronts[1].gateway.waits.size === 1 || host.asked() === 3);
  gates[2]?.resolve();
  gates[0]?.resolve();
  assert.equal((await first).text, 'run 0');
  assert.equal((await again).text, 'run 2');
});

test('the bodies that are held for comparison are bounded, however many come at once', async (t) => {
  const host = await openShared(t, (_, index) => numbered(index), { dedupe: { methods: ['POST', 'PUT'] } });
  const [{ port, gateway }] = host.fronts;
  const begin = async (method: string): Promise<RawPeer> => {
    const client = await connectRaw(port);
    t.after(() => client.close());
    await client.send(`${method} /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nxx`);
    return client;
  };
  // As many as there may be are held, of others.
  gateway.heldBytes = MAX_HELD_BYTES - 2;
  await begin('POST');
  await waitFor('the first is held', () => gateway.heldBytes === MAX_HELD_BYTES);
  const refused = await begin('POST');
  assert.equal(problemOf(await refused.readReply('POST', PATIENCE_MS)), '503 duplicate-check-unavailable');
  assert.equal(gateway.heldBytes, MAX_HELD_BYTES);
  // What may run twice goes on without being compared.
  const put = await begin('PUT');
  await waitFor('it goes on', () => gateway.heldBytes === MAX_HELD_BYTES + 2);
  await put.send('x');
  assert.equal((await put.readReply('PUT', PATIENCE_MS)).text, 'run 0');
  assert.equal(gateway.heldBytes, MAX_HELD_BYTES);
});

test('a herd that waits while its URL is written is one request more, also as long as an answer from before that streams', async (t) => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const host = await openShared(t, async ({ method }, index, connection) => {
    if (method === 'PUT') return numbered(index);
    await gates[index]?.promise;
    if (index > 0) return numbered(index);
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
    await gates[1]?.promise;
    await connection.send('after');
    return undefined;
  });
  const first = host.ask();
  await waitFor('it is with the origin', () => host.asked() === 1);
  const replies = host.herd(20);
  await host.gathered(21, 20);
  await host.ask({ method: 'PUT', body: 'new' });
  gates[0]?.resolve();
  await waitFor('one is with the origin', () => host.asked() === 3);
  await host.gathered(21, 19);
  gates[2]?.resolve();
  assert.deepEqual(new Set((await Promise.all(replies)).map(({ text }) => text)), new Set(['run 2']));
  gates[1]?.resolve();
  assert.equal((await first).text, 'firstafter');
});

test('a herd that comes after a write does not wait for an answer from before it', async (t) => {
  const never = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const host = await openShared(t, async ({ method }, index) => {
    if (method === 'GET') await (index === 0 ? never : gate).promise;
    return numbered(index);
  });
  const first = host.ask();
  await waitFor('it is with the origin', () => host.asked() === 1);
  await host.ask({ method: 'PUT', body: 'new' });
  const replies = host.herd(20);
  await host.gathered(21, 19);
  gate.resolve();
  assert.deepEqual(new Set((await Promise.all(replies)).map(({ text }) => text)), new Set(['run 2']));
  never.resolve();
  assert.equal((await first).text, 'run 0');
});

for (const kind of ['url', 'prefix'] as const) {
  test(`after a purge by ${kind} nobody gets what was asked for before it`, async (t) => {
    const gate = Promise.withResolvers<void>();
    const host = await openShared(t, (_, index) => (index > 0 ? numbered(index) : gate.promise.then(() => numbered(index))));
    const first = host.ask();
    await waitFor('it is with the origin', () => host.asked() === 1);
    const { store, epochs } = host.fronts[0].gateway.caching ?? assert.fail('there is a store');
    await purge({ kind, what: 'http://a.example/a', isSoft: false }, { stores: [store], epochs, policies: [], ports: [] });
    const second = host.ask({ on: 1 });
    await waitFor('it waits, or is with the origin', () => host.fronts[1].gateway.waits.size === 1 || host.asked() === 2);
    gate.resolve();
    assert.deepEqual([(await first).text, (await second).text], ['run 0', 'run 1']);
  });
}

/** A front whose POSTs with a key run once. */
async function openKeyed(t: TestContext, route: object, filters: Record<string, Filter> = {}): Promise<ConfiguredFront> {
  const origin = await RawOrigin.answering((_, index) => numbered(index));
  t.after(() => origin.close());
  const config = {
    listeners: [{ name: 'web', listen: '127.0.0.1:0' }],
    upstreams: { o: { endpoints: [origin.url] } },
    routes: [{ name: 'all', upstream: 'o', dedupe: { idempotencyKey: true }, ...route }],
    store: '/nowhere',
  };
  return openConfigured(t, config, { records: new HostRecords(t).connect(t), filters });
}

const keyed = (fields = ''): string => message({ method: 'POST', body: 'x', fields: `Idempotency-Key: k\r\n${fields}` });

test('an idempotency key is of whoever sent it, although a filter has taken away what tells who that is', async (t) => {
  const filters: Record<string, Filter> = {
    './who.ts': {
      request({ headers, state }) {
        state.set('user', headers.get('Authorization') ?? 'nobody');
        headers.delete('Authorization');
      },
      upstreamRequest({ headers, state }) {
        headers.set('X-Who', String(state.get('user')));
      },
    },
  };
  const { port } = await openKeyed(t, { filters: ['./who.ts'] }, filters);
  const texts: string[] = [];
  for (const user of ['alice', 'bob', 'alice']) texts.push((await askOnce(port, keyed(`Authorization: ${user}\r\n`))).text);
  assert.deepEqual(texts, ['run 0', 'run 1', 'run 0']);
});

test('answers that are held until they are kept are bounded, too', async (t) => {
  const { port, gateway } = await openKeyed(t, {});
  gateway.heldBytes = MAX_HELD_BYTES - 3;
  assert.equal((await askOnce(port, keyed())).text, 'run 0');
  assert.equal(gateway.heldBytes, MAX_HELD_BYTES - 3);
  assert.equal(problemOf(await askOnce(port, keyed())), '409 idempotency-answer-not-kept');
});

for (const isCached of [false, true]) {
  test(`a leader whose client does not read is no matter to the others on a route with filters, ${isCached ? '' : 'not '}cached`, async (t) => {
    const body = Buffer.alloc(9 * MIB, 'x');
    const filters: Record<string, Filter> = {
      './late.ts': { response: ({ headers }) => setImmediate().then(() => headers.set('X-Late', '1')) },
    };
    const host = await openShared(
      t,
      async (_request, _index, connection) => {
        await connection.send(`HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n`);
        return body;
      },
      {
        dedupe: { enabled: !isCached, maxAnswer: '16MiB' },
        route: { filters: ['./late.ts'], cache: isCached && { maxObject: '20MiB' } },
        filters,
        bytes: 96 * MIB,
      },
    );
    const slow = await connectRaw(host.fronts[0].port);
    slow.pause();
    await slow.send(message({}));
    await waitFor('it is asked for', () => host.asked() === 1);
    const follower = await host.ask({ on: 1 });
    assert.deepEqual([follower.body.length, follower.field('X-Late')], [body.length, '1']);
    slow.resume();
    const reply = await slow.readReply('GET', PATIENCE_MS);
    assert.ok(reply.body.equals(body));
    assert.equal(host.asked(), 1);
  });
}

test('what a trusted proxy forwards for does not tell requests apart, but the host that it was asked for does', async (t) => {
  const origin = held((index) => numbered(index));
  const listeners = [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.1/32'] }];
  const host = await openShared(t, origin.answer, { listeners });
  const ways = ['for=192.0.2.1', 'for=192.0.2.2;host=a.example', 'for=192.0.2.3;host=a.example'];
  const replies = ways.map((way) => host.ask({ fields: `Forwarded: ${way}\r\n` }));
  await host.gathered(3, 1);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.asked(), 2);
});

for (const name of ['X-Consumer', 'X-Who']) {
  for (const key of [undefined, ['method', 'url', name]]) {
    test(`who is not believed to be somebody does not share an answer with him (${name}, ${key === undefined ? 'usual key' : 'it is named in the key'})`, async (t) => {
      const gate = Promise.withResolvers<void>();
      const host = await openShared(
        t,
        async (request) => {
          await gate.promise;
          const body = request.field(name) ?? request.field(name.replace('-', '_')) ?? 'nobody';
          return `HTTP/1.1 200 OK\r\nVary: ${name}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        },
        {
          dedupe: key === undefined ? true : { key },
          listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.2'] }],
          config: { consumers: { from: [{ header: name }] } },
        },
      );
      const from = async (address: string, fields: string): Promise<string> => {
        const client = await connectRaw(host.fronts[0].port, '127.0.0.1', address);
        await client.send(message({ fields }));
        const { text } = await client.readReply('GET', PATIENCE_MS);
        client.close();
        return text;
      };
      const inFlight = (count: number): Promise<unknown> =>
        waitFor(
          `${count} are here`,
          () => host.fronts[0].gateway.inFlight === count && host.asked() + host.fronts[0].gateway.waits.size > 0,
        );
      const alice = from('127.0.0.2', `${name}: alice\r\n`);
      await inFlight(1);
      const claims = [from('127.0.0.3', `${name}: alice\r\n`), from('127.0.0.3', `${name.replace('-', '_')}: alice\r\n`)];
      await inFlight(3);
      gate.resolve();
      assert.equal(await alice, 'alice');
      assert.deepEqual(await Promise.all(claims), ['nobody', 'nobody']);
    });
  }
}
