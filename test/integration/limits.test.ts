import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';
import { HostLimits, openLimited } from './limited-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const CONSUMERS = {
  consumers: {
    from: [{ apiKey: { header: 'X-API-Key' } }, { header: 'X-Consumer-ID' }],
    list: [
      { name: 'ann', keys: ['key-of-ann'], tier: 'free' },
      { name: 'bob', keys: ['key-of-bob'], tier: 'paid' },
    ],
  },
  tiers: { free: { limits: ['3/1h', '5/1d'] }, paid: { limits: ['1000/1h'] } },
};
const ANN = 'X-API-Key: key-of-ann\r\n';
const BOB = 'X-API-Key: key-of-bob\r\n';

for (const engine of ENGINES) {
  test(`${engine}: beyond the limit it is 429, with when to come again and what the limit is`, async (t) => {
    const { ask, origin, counted, front } = await openLimited(t, { limits: [{ name: 'burst', key: 'ip', rate: '2/1h' }] }, { engine });
    const first = await ask();
    assert.equal(first.status, 200);
    assert.equal(first.field('RateLimit-Policy'), '"burst";q=2;w=3600');
    assert.match(first.field('RateLimit') ?? '', /^"burst";r=1;t=1800$/);
    assert.equal((await ask()).field('RateLimit'), '"burst";r=0;t=3600');
    const refused = await ask();
    assert.equal(refused.status, 429);
    assert.equal(refused.field('Retry-After'), '1800');
    assert.match(refused.field('RateLimit') ?? '', /^"burst";r=0;t=3600$/);
    assert.equal(refused.field('Content-Type'), 'application/problem+json');
    const problem = JSON.parse(refused.text);
    assert.deepEqual([problem.type, problem.status], ['https://iana.org/assignments/http-problem-types#quota-exceeded', 429]);
    assert.deepEqual(problem['violated-policies'], ['burst']);
    assert.equal(origin.requests.length, 2);
    assert.deepEqual([counted('allowed'), counted('refused')], [2, 1]);
    assert.equal((await front.logged(2))['outcome'], 'refused');
  });
}

test('a tier’s limits hold for each of its consumers; one without a key has the default tier, by address', async (t) => {
  const { ask } = await openLimited(t, { tiers: { plan: ['free', 'paid'], default: 'free' } }, { top: CONSUMERS });
  for (let i = 0; i < 3; i++) assert.equal((await ask(ANN)).status, 200);
  const refused = await ask(ANN);
  assert.equal(refused.status, 429);
  assert.equal(JSON.parse(refused.text)['violated-policies'].length, 1);
  for (let i = 0; i < 8; i++) assert.equal((await ask(BOB)).status, 200);
  for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 200);
  assert.equal((await ask()).status, 429);
});

test('what a second limit refuses, the first gets back', async (t) => {
  const limits = [
    { name: 'wide', key: 'ip', rate: '10/1h' },
    { name: 'narrow', key: { header: 'X-Kind' }, rate: '1/1h' },
  ];
  const { ask } = await openLimited(t, { limits });
  assert.match((await ask('X-Kind: a\r\n')).field('RateLimit') ?? '', /"wide";r=9/);
  for (let i = 0; i < 5; i++) assert.match((await ask('X-Kind: a\r\n')).field('RateLimit') ?? '', /"wide";r=9/);
  assert.match((await ask('X-Kind: b\r\n')).field('RateLimit') ?? '', /"wide";r=8/);
});

test('workers count together', async (t) => {
  const host = new HostLimits();
  const route = { limits: [{ name: 'x', key: 'ip', rate: '5/1h' }] };
  const one = await openLimited(t, route, { host, self: 0 });
  const two = await openLimited(t, route, { host, self: 1 });
  let good = 0;
  for (let i = 0; i < 4; i++) for (const front of [one, two]) if ((await front.ask()).status === 200) good++;
  assert.equal(good, 5);
});

test('a throttled request waits its turn, and the connection of another does not', async (t) => {
  const limits = [{ name: 'slow', key: { header: 'X-Kind' }, rate: '10/1s', burst: 1, action: 'throttle', maxDelay: '250ms' }];
  const { ask, counted } = await openLimited(t, { limits });
  const began = performance.now();
  const replies = await Promise.all([ask(), ask(), ask(), ask(), ask('X-Kind: other\r\n')]);
  const statuses = replies.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 200, 200, 200, 429].sort());
  assert.ok(performance.now() - began >= 190, 'two of them have waited 100 and 200 ms');
  assert.equal(counted('delayed'), 2);
  assert.equal(counted('refused'), 1);
});

test('a client that leaves while it waits for its turn is not served, and nothing is left waiting', async (t) => {
  const limits = [{ name: 'slow', key: 'ip', rate: '10/1s', burst: 1, action: 'throttle', maxDelay: '2s' }];
  const { ask, front, origin } = await openLimited(t, { limits });
  await ask();
  const client = await connectRaw(front.port);
  await client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await waitFor('it is there', () => front.gateway.inFlight === 1);
  client.close();
  await waitFor('it has gone', () => front.gateway.inFlight === 0);
  assert.equal((await ask()).status, 200);
  assert.equal(origin.requests.length, 2);
});

test('shadow limits count and refuse nothing, and nobody is told', async (t) => {
  const { ask, counted } = await openLimited(t, { limits: [{ name: 's', key: 'ip', rate: '1/1h', action: 'shadow' }] });
  for (let i = 0; i < 3; i++) {
    const reply = await ask();
    assert.deepEqual([reply.status, reply.field('RateLimit')], [200, undefined]);
  }
  assert.deepEqual([counted('allowed'), counted('shadowed')], [1, 2]);
});

test('so many at the same time: a place is free again when the answer is whole, or the client has left', async (t) => {
  const held: (() => void)[] = [];
  const answer = (): Promise<string> =>
    new Promise((resolve) => held.push(() => resolve('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')));
  const { ask, front, services, origin } = await openLimited(t, { limits: [{ name: 'c', key: 'ip', concurrency: 2 }] }, { answer });
  const first = ask();
  const client = await connectRaw(front.port);
  await client.send('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await waitFor('both are under way', () => origin.requests.length === 2);
  const refused = await ask();
  assert.deepEqual([refused.status, refused.field('Retry-After')], [429, '1']);
  assert.equal(refused.field('RateLimit-Policy'), '"c";q=2;qu="concurrent-requests"');
  client.close();
  await waitFor('a place', () => front.gateway.inFlight === 1);
  const third = ask();
  await waitFor('it is under way', () => origin.requests.length === 3);
  for (const release of held) release();
  assert.deepEqual([(await first).status, (await third).status], [200, 200]);
  await waitFor('all is done', () => front.gateway.inFlight === 0);
  assert.equal(services.concurrency.stats().withoutCell, 0);
});

test('the answer tells what a request has cost', async (t) => {
  const answer = ({ target }: { target: string }): string => `HTTP/1.1 200 OK\r\nX-Cost: ${target.slice(1)}\r\nContent-Length: 0\r\n\r\n`;
  const limits = [{ name: 'units', key: 'ip', rate: '100/1h', cost: { header: 'X-Cost' } }];
  const { ask } = await openLimited(t, { limits }, { answer });
  const left = async (path: string): Promise<number> => Number(/r=(\d+)/.exec((await ask('', path)).field('RateLimit') ?? '')?.[1]);
  assert.equal(await left('/40'), 99);
  assert.equal(await left('/0'), 59, '40 were taken, and one ahead');
  assert.equal(await left('/x'), 59, 'it was given back, and one ahead');
  assert.equal(await left('/500'), 58);
  assert.equal((await ask('', '/1')).status, 429);
});

test('quotas count by the calendar, and soft ones let go on', async (t) => {
  const tiers = {
    free: { limits: [], quotas: [{ name: 'hours', amount: 2, per: 'hour' }] },
    paid: { quotas: [{ name: 'hours', amount: 1, per: 'hour', soft: true }] },
  };
  const { ask, counted } = await openLimited(t, { tiers: { plan: ['free', 'paid'], default: 'free' } }, { top: { ...CONSUMERS, tiers } });
  assert.match((await ask(ANN)).field('RateLimit') ?? '', /^"hours";r=1;t=\d+$/);
  assert.equal((await ask(ANN)).status, 200);
  const refused = await ask(ANN);
  assert.equal(refused.status, 429);
  const untilNextHour = 3600 - (Math.floor(Date.now() / 1000) % 3600);
  assert.ok(Math.abs(Number(refused.field('Retry-After')) - untilNextHour) <= 2);
  for (let i = 0; i < 3; i++) assert.equal((await ask(BOB)).status, 200);
  assert.deepEqual([counted('overage'), counted('refused')], [2, 1]);
});

test('a key stays with us, and who is nobody may be told so', async (t) => {
  const { ask, origin } = await openLimited(
    t,
    { limits: [{ key: 'consumer', rate: '10/1h' }] },
    { top: { ...CONSUMERS, consumers: { ...CONSUMERS.consumers, unknown: 'reject' } } },
  );
  assert.equal((await ask(`${ANN}X-Consumer-ID: bob\r\n`)).status, 200);
  const [request] = origin.requests;
  assert.deepEqual([request?.field('X-API-Key'), request?.field('X-Consumer-ID')], [undefined, undefined]);
  const refused = await ask('X-API-Key: guess\r\n');
  assert.deepEqual([refused.status, refused.field('WWW-Authenticate')], [401, 'ApiKey']);
  assert.equal(JSON.parse(refused.text).type, 'urn:sluice:problem:unknown-key');
});

test('a trusted proxy names the consumer, and its word goes on', async (t) => {
  const listener = { trustedProxies: ['127.0.0.0/8'] };
  const { ask, origin } = await openLimited(t, { limits: [{ name: 'l', key: 'consumer', rate: '1/1h' }] }, { top: CONSUMERS, listener });
  assert.equal((await ask('X-Consumer-ID: bob\r\n')).status, 200);
  assert.equal((await ask('X-Consumer-ID: bob\r\n')).status, 429);
  assert.equal((await ask('X-Consumer-ID: ann\r\n')).status, 200);
  assert.equal(origin.requests[0]?.field('X-Consumer-ID'), 'bob');
});

test('hits of the cache are limited too, and what is told of limits is never stored', async (t) => {
  const { origin } = await openLimited(t, {});
  const front = await openConfigured(
    t,
    {
      upstreams: { o: origin.url },
      routes: [{ name: 'api', upstream: 'o', cache: { defaultTtl: '1h' }, limits: [{ name: 'l', key: 'ip', rate: '3/1h' }] }],
    },
    { limiting: new HostLimits().open(0), caching: hostCache().open(0) },
  );
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  const seen: string[] = [];
  for (let i = 0; i < 4; i++) {
    await client.send('GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n');
    const reply = await client.readReply('GET');
    seen.push(`${reply.status} ${/r=\d+/.exec(reply.field('RateLimit') ?? '')?.[0]}`);
  }
  assert.deepEqual(seen, ['200 r=2', '200 r=1', '200 r=0', '429 r=0']);
  assert.equal(origin.requests.length, 1);
});
