import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAX_HELD_BYTES } from '../../src/exchange/body-collector.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import { connectRaw } from '../harness/raw-client.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { held, numbered, openShared, PATIENCE_MS, problemOf } from './shared-host.ts';

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
    ['X_HTTP_Method_Override: PUT', 'X_HTTP_Method_Override: DELETE'],
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

test('a herd that comes after a write, while an answer from before that streams, is one request', async (t) => {
  const rest = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const host = await openShared(t, async ({ method }, index, connection) => {
    if (method === 'PUT') return numbered(index);
    if (index > 0) return gate.promise.then(() => numbered(index));
    await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst');
    await rest.promise;
    await connection.send('after');
    return undefined;
  });
  const first = host.ask();
  await waitFor('it streams', () => host.fronts[0].gateway.caching?.flights?.stats(0).streaming === 1);
  await host.ask({ method: 'PUT', body: 'new' });
  const replies = host.herd(20);
  await host.gathered(21, 19);
  gate.resolve();
  assert.deepEqual(new Set((await Promise.all(replies)).map(({ text }) => text)), new Set(['run 2']));
  rest.resolve();
  assert.equal((await first).text, 'firstafter');
});
