import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache } from './cached-front.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

type Scene = {
  readonly front: ConfiguredFront;
  /** By the name of the upstream: `old` and `new`. */
  readonly origins: Readonly<Record<'old' | 'new', RawOrigin>>;
  /** The body of the answer: the name of who has given it. */
  readonly ask: (path?: string, ...fields: readonly string[]) => Promise<Reply>;
};

const named = (name: string, fields = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${name.length}\r\n${fields}\r\n${name}`;

async function openSplit(t: TestContext, parts: readonly (object | string)[], route: object = {}, fields = ''): Promise<Scene> {
  const origins = { old: await RawOrigin.answering(named('old', fields)), new: await RawOrigin.answering(named('new', fields)) };
  t.after(() => Promise.all([origins.old.close(), origins.new.close()]));
  const config = {
    upstreams: { old: { endpoints: [origins.old.url] }, new: { endpoints: [origins.new.url], timeouts: { total: '7s' } } },
    routes: [{ name: 'all', match: '/*', upstream: parts, ...route }],
  };
  const front = await openConfigured(t, config, { caching: hostCache(undefined, true).open(0) });
  const ask = (path = '/a', ...lines: readonly string[]): Promise<Reply> =>
    askOnce(front.port, [`GET ${path} HTTP/1.1`, 'Host: a.example', ...lines, '', ''].join('\r\n'));
  return { front, origins, ask };
}

async function bodiesOf(count: number, ask: () => Promise<Reply>): Promise<string[]> {
  const bodies: string[] = [];
  for (let i = 0; i < count; i++) bodies.push((await ask()).body.toString());
  return bodies;
}

test('a route to several upstreams gives each its exact part of every run', async (t) => {
  const { front, origins, ask } = await openSplit(t, [
    { name: 'old', weight: 3 },
    { name: 'new', weight: 1 },
  ]);
  assert.deepEqual(await bodiesOf(8, () => ask()), ['old', 'old', 'new', 'old', 'old', 'old', 'new', 'old']);
  assert.equal(origins.old.requests.length, 6);
  assert.deepEqual((await front.logged(2))['upstream'], 'new', 'the log tells which it was');
  assert.equal(front.counted('sluice_requests_total', 'all', '2xx'), 8, 'the route counts them all');
});

test('who asks for an upstream by header or cookie gets it, whatever its weight, and nobody else does where that is 0', async (t) => {
  const when = { header: { 'X-Canary': '1' }, cookie: { Lane: { prefix: 'n' } } };
  const { ask } = await openSplit(t, ['old', { name: 'new', weight: 0, when }]);
  assert.deepEqual(await bodiesOf(3, () => ask('/a', 'x-canary: 1')), ['new', 'new', 'new']);
  assert.deepEqual(await bodiesOf(2, () => ask('/a', 'Cookie: a=b; Lane=new')), ['new', 'new']);
  for (const line of ['X-Canary: 2', 'Cookie: lane=new', 'Cookie: xLane=new', 'X-Other: 1'])
    assert.deepEqual(await bodiesOf(2, () => ask('/a', line)), ['old', 'old'], line);
});

test('what is stored of one upstream is not for who is sent to the other', async (t) => {
  const parts = ['old', { name: 'new', weight: 0, when: { header: { 'X-Canary': '1' } } }];
  const { origins, ask } = await openSplit(t, parts, { cache: true }, 'Cache-Control: max-age=100\r\n');
  for (let i = 0; i < 2; i++) {
    assert.equal((await ask()).body.toString(), 'old');
    assert.equal((await ask('/a', 'X-Canary: 1')).body.toString(), 'new');
  }
  assert.deepEqual([origins.old.requests.length, origins.new.requests.length], [1, 1], 'and each is stored');
});

test('a stale answer is refreshed at the upstream that gave it, whoever’s turn it is', async (t) => {
  const parts = ['old', { name: 'new', when: { header: { 'X-Canary': '1' } } }];
  const cache = { staleWhileRevalidate: '100s' };
  const { front, origins, ask } = await openSplit(t, parts, { cache }, 'Cache-Control: max-age=0\r\n');
  for (let round = 1; round <= 6; round++) {
    assert.equal((await ask('/a', 'X-Canary: 1')).body.toString(), 'new');
    await waitFor('the refresh has come', () => front.gateway.inFlight === 0 && origins.new.requests.length === round);
  }
  assert.equal(origins.old.requests.length, 0);
});

test('identical requests on their way to two upstreams are two', async (t) => {
  const { origins, ask } = await openSplit(t, ['old', 'new'], { dedupe: { key: ['method'] } });
  const replies = await Promise.all(Array.from({ length: 10 }, () => ask()));
  assert.deepEqual([...new Set(replies.map(({ body }) => body.toString()))].sort(), ['new', 'old']);
  assert.ok(origins.old.requests.length > 0 && origins.new.requests.length > 0);
});
