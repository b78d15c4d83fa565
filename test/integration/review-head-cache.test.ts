import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { checkedConfig, openConfigured } from './configured-front.ts';

const HEAD = 'GET /x HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer secret\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n';
const DATED = 'HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 20:00:00 GMT\r\nX-Drop: me\r\nContent-Length: 0\r\n\r\n';

function configOf(origin: RawOrigin, forwardCredentials: boolean, remove: readonly string[]): object {
  return {
    upstreams: { origin: { endpoints: [origin.url], forwardCredentials } },
    routes: [{ match: '/*', upstream: 'origin', headers: { response: { remove } } }],
  };
}

/** A connection from another address of the loopback network. */
async function connectFrom(t: TestContext, port: number, localAddress: string): Promise<RawPeer> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  await new Promise((resolve) => socket.once('connect', resolve));
  const peer = new RawPeer(socket);
  t.after(() => peer.close());
  return peer;
}

test('node: a head that comes again after a reload is forwarded by the new plan, and so is its answer', async (t) => {
  const origin = await RawOrigin.answering(DATED);
  t.after(() => origin.close());
  const front = await openConfigured(t, configOf(origin, true, []));
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  const seen: unknown[] = [];
  for (const [forwards, remove] of [
    [true, []],
    [true, []],
    [false, ['x-drop']],
    [false, ['x-drop']],
    [true, []],
  ] as const) {
    const config = checkedConfig({ listeners: [{ name: 'web', listen: '127.0.0.1:0' }], ...configOf(origin, forwards, remove) });
    const registry = new MetricRegistry();
    const plan = registry.plan(config);
    front.gateway.load(config, new MetricsWriter(new Float64Array(registry.maxCells), plan), new Map());
    await client.send(HEAD);
    await client.readReply();
    const isDropped = !client.text.slice(client.text.lastIndexOf('HTTP/1.1')).includes('X-Drop');
    seen.push([origin.text.slice(origin.text.lastIndexOf('GET /x')).includes('secret'), isDropped]);
    assert.deepEqual(seen.at(-1), [forwards, remove.length > 0]);
  }
});

test('node: one head from a trusted and from another peer is forwarded as each of them deserves', async (t) => {
  const origin = await RawOrigin.answering(DATED);
  t.after(() => origin.close());
  const front = await openConfigured(t, {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.2/32'] }],
    ...configOf(origin, false, []),
  });
  for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.2', '127.0.0.3']) {
    const client = await connectFrom(t, front.port, address);
    await client.send(HEAD);
    await client.readReply();
    const sent = origin.requests.at(-1);
    assert.ok(sent);
    const chain = address === '127.0.0.2' ? `203.0.113.9, ${address}` : address;
    assert.ok(origin.text.endsWith('\r\n\r\n'));
    assert.ok(origin.text.slice(origin.text.lastIndexOf('GET /x')).includes(`X-Forwarded-For: ${chain}\r\n`), origin.text);
    client.close();
    // Its head is back with the listener, and the next connection gets it.
    await waitFor('it is gone', () => front.listener.connections === 0);
  }
});

test('node: HEAD and GET that differ in nothing else keep their own framing', async (t) => {
  const origin = await RawOrigin.answering(({ method }) =>
    method === 'HEAD' ? DATED.replace('Length: 0', 'Length: 4') : DATED.replace('Length: 0\r\n\r\n', 'Length: 4\r\n\r\nbody'),
  );
  t.after(() => origin.close());
  const front = await openConfigured(t, configOf(origin, false, []));
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  for (const method of ['GET', 'HEAD', 'GET', 'GET', 'HEAD', 'HEAD', 'GET']) {
    await client.send(`${method} /x HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    assert.equal((await client.readReply(method)).body.toString(), method === 'GET' ? 'body' : '', method);
  }
  assert.equal(origin.connections.length, 1);
});
