import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';
import { openLimited } from './limited-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const THROTTLE = { action: 'throttle', burst: 1 };

for (const engine of ENGINES) {
  test(`${engine}: who leaves while he waits makes room for others who wait`, async (t) => {
    const limits = [{ name: 'slow', key: { header: 'X-Kind' }, rate: '1/2s', maxDelay: '10s', ...THROTTLE }];
    const { ask, front, counted } = await openLimited(t, { limits }, { engine, top: { limits: { maxDelayed: 1 } } });
    await ask('X-Kind: a\r\n');
    await ask('X-Kind: b\r\n');
    const client = await connectRaw(front.port);
    await client.send('GET / HTTP/1.1\r\nHost: a.example\r\nX-Kind: a\r\n\r\n');
    await waitFor('it waits', () => counted('delayed') === 1);
    client.close();
    await waitFor('it has gone', () => front.gateway.inFlight === 0);
    assert.equal((await ask('X-Kind: b\r\n')).status, 200);
  });

  test(`${engine}: the body of a request that waits its turn is not lost`, async (t) => {
    const limits = [{ name: 'slow', key: 'ip', rate: '10/1s', maxDelay: '2s', ...THROTTLE }];
    const { ask, front, origin } = await openLimited(t, { limits }, { engine });
    await ask();
    const body = randomBytes(200_000).toString('hex');
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(`POST /p HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal((await client.readReply('POST')).status, 200);
    assert.equal(origin.requests[1]?.body.toString('latin1') === body, true);
  });
}

test('one who sends more than he may leaves places among those who wait to the others', async (t) => {
  const limits = [{ name: 'slow', key: { header: 'X-Kind' }, rate: '20/1s', maxDelay: '20s', ...THROTTLE }];
  const { ask, front, counted } = await openLimited(t, { limits }, { top: { limits: { maxDelayed: 40 } } });
  for (const kind of ['b', 'c']) await ask(`X-Kind: ${kind}\r\n`);
  const beganMs = performance.now();
  const flood = Promise.all(Array.from({ length: 100 }, () => ask('X-Kind: a\r\n')));
  // Two of the others came before; on a slow machine more than the first one of the flood goes at once.
  await waitFor('the flood has come', () => counted() >= 102);
  // Each that may go leaves its place to another.
  const gone = ((performance.now() - beganMs) / 1000) * 20;
  assert.ok(counted('delayed') >= 20 && counted('delayed') <= 21 + gone, `${counted('delayed')} of one wait`);
  const others = await Promise.all(['b', 'c', 'b'].map((kind) => ask(`X-Kind: ${kind}\r\n`)));
  assert.deepEqual(
    others.map(({ status }) => status),
    [200, 200, 200],
  );
  await flood;
  await waitFor('nobody waits', () => front.gateway.inFlight === 0);
  assert.equal((await ask('X-Kind: a\r\n')).status, 200);
});

test('of one who waits too long in a crowd it is said once that he was refused', async (t) => {
  const limits = [{ name: 'slow', key: 'ip', rate: '1/2s', maxDelay: '10s', ...THROTTLE }];
  const { ask, counted } = await openLimited(t, { limits }, { top: { limits: { maxDelayed: 0 } } });
  await ask();
  assert.equal((await ask()).status, 429);
  assert.deepEqual([counted('allowed'), counted('refused'), counted('delayed')], [1, 1, 0]);
});

test('guesses at keys are limited like other requests', async (t) => {
  const consumers = { from: [{ apiKey: { header: 'X-API-Key' } }], unknown: 'reject', list: [{ name: 'ann', keys: ['key-of-ann'] }] };
  const { ask } = await openLimited(t, { limits: [{ name: 'l', key: 'ip', rate: '2/1h' }] }, { top: { consumers } });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await ask(`X-API-Key: guess-${i}\r\n`)).status);
  assert.deepEqual(statuses, [401, 401, 429, 429]);
});

test('X-RateLimit fields of the origin do not contradict ours', async (t) => {
  const answer = (): string => 'HTTP/1.1 200 OK\r\nX-RateLimit-Limit: 7\r\nX-RateLimit-Remaining: 6\r\nContent-Length: 0\r\n\r\n';
  const { ask } = await openLimited(t, { limits: [{ name: 'l', key: 'ip', rate: '2/1h' }], limitFields: 'both' }, { answer });
  const reply = await ask();
  assert.deepEqual([reply.field('X-RateLimit-Limit'), reply.field('X-RateLimit-Remaining')], ['2', '1']);
});

test('who is refused by several limits is told when all of them would let him pass', async (t) => {
  const limits = [
    { name: 'hour', key: 'ip', rate: '1/1h' },
    { name: 'day', key: 'ip', rate: '1/1d' },
  ];
  const { ask } = await openLimited(t, { limits });
  await ask();
  const reply = await ask();
  assert.equal(reply.field('Retry-After'), '86400');
});

test('who leaves while the cache goes on for him has it still under way', async (t) => {
  const { services, origin } = await openLimited(t, {}, { answer: () => 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf' });
  const front = await openConfigured(
    t,
    {
      upstreams: { o: origin.url },
      routes: [{ name: 'api', upstream: 'o', cache: { defaultTtl: '1h' }, limits: [{ name: 'c', key: 'ip', concurrency: 2 }] }],
    },
    { limiting: services, caching: hostCache().open(0) },
  );
  for (let i = 0; i < 2; i++) {
    const client = await connectRaw(front.port);
    await client.send(`GET /${i} HTTP/1.1\r\nHost: a.example\r\n\r\n`);
    await waitFor('it has half of it', () => client.text.endsWith('half'));
    client.close();
  }
  await waitFor('they have gone', () => front.listener.connections === 0);
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send('GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n');
  assert.equal((await client.readReply('GET')).status, 429);
});

test('what refreshes the cache costs nobody anything, and no limit keeps it from its way', async (t) => {
  const answer = (): string => 'HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-while-revalidate=60\r\nContent-Length: 2\r\n\r\nok';
  const { services, origin } = await openLimited(t, {}, { answer });
  const limits = [
    { name: 'c', key: 'ip', concurrency: 1 },
    { name: 'l', key: 'ip', rate: '9/1h' },
  ];
  const front = await openConfigured(
    t,
    { upstreams: { o: origin.url }, routes: [{ name: 'api', upstream: 'o', cache: true, limits }] },
    { limiting: services, caching: hostCache().open(0) },
  );
  const ask = async (): Promise<string> => {
    const reply = await askOnce(front.port, 'GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n');
    return `${reply.status} ${/"l";r=\d+/.exec(reply.field('RateLimit') ?? '')?.[0]}`;
  };
  assert.equal(await ask(), '200 "l";r=8');
  assert.equal(await ask(), '200 "l";r=7');
  await waitFor('it is refreshed', () => origin.requests.length === 2);
  assert.equal(await ask(), '200 "l";r=6');
});

test('who waits his turn takes up no place, and asks for one when it has come', async (t) => {
  const limits = [
    { name: 'c', key: 'route', concurrency: 2 },
    { name: 'slow', key: { header: 'X-Kind' }, rate: '1/2s', maxDelay: '10s', ...THROTTLE },
  ];
  const { ask, front, counted } = await openLimited(t, { limits });
  assert.equal((await ask('X-Kind: a\r\n')).status, 200);
  for (let i = 0; i < 2; i++) {
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send('GET / HTTP/1.1\r\nHost: a.example\r\nX-Kind: a\r\n\r\n');
  }
  await waitFor('they wait', () => counted('delayed') === 2);
  assert.equal((await ask('X-Kind: b\r\n')).status, 200);
  assert.equal(counted('c', 'allowed'), 2);
});

test('who finds no place when his turn has come is refused, and what he had of a quota is his again', async (t) => {
  const held: (() => void)[] = [];
  const answer = ({ target }: { target: string }): Promise<string> =>
    new Promise((resolve) => {
      const release = (): void => resolve('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
      if (target === '/held') held.push(release);
      else release();
    });
  const limits = [
    { name: 'c', key: 'route', concurrency: 1 },
    { name: 'slow', key: { header: 'X-Kind' }, rate: '4/1s', ...THROTTLE },
  ];
  const top = { tiers: { free: { quotas: [{ name: 'q', amount: 9, per: 'month' }] } } };
  const { ask, services, counted } = await openLimited(t, { limits, tiers: true }, { answer, top });
  assert.match((await ask('X-Kind: a\r\n')).field('RateLimit') ?? '', /"q";r=8/);
  const waiting = ask('X-Kind: a\r\n');
  await waitFor('it waits', () => counted('delayed') === 1);
  const taking = ask('X-Kind: b\r\n', '/held');
  const refused = await waiting;
  assert.deepEqual([refused.status, refused.field('Retry-After'), refused.field('RateLimit')], [429, '1', undefined]);
  assert.deepEqual(JSON.parse(refused.text)['violated-policies'], ['c']);
  assert.deepEqual([counted('c', 'allowed'), counted('c', 'refused')], [2, 1]);
  for (const release of held) release();
  assert.equal((await taking).status, 200);
  assert.match((await ask('X-Kind: c\r\n')).field('RateLimit') ?? '', /"q";r=6/);
  assert.equal(services.concurrency.stats().withoutCell, 0);
});

test('a key in the query stays with us, and out of the log', async (t) => {
  const consumers = { from: [{ apiKey: { query: 'key' } }], list: [{ name: 'ann', keys: ['key-of-ann'] }] };
  const { ask, origin, front } = await openLimited(t, { limits: ['9/1h'], stripPrefix: false }, { top: { consumers } });
  for (const target of ['/x?key=key-of-ann', '/x?a=%6bey&key=key-of-ann&b=1&b', '/x?k%65y=key-of-ann&a+b', '/x?keys=1'])
    await ask('', target);
  const targets = ['/x', '/x?a=%6bey&b=1&b', '/x?a+b', '/x?keys=1'];
  assert.deepEqual(
    origin.requests.map(({ target }) => target),
    targets,
  );
  await front.logged(3);
  assert.deepEqual(
    front.log.map(({ target }) => target),
    targets,
  );
});

test('a name of a consumer that came twice is nobody’s', async (t) => {
  const options = { top: { consumers: { from: [{ header: 'X-Consumer-ID' }] } }, listener: { trustedProxies: ['127.0.0.0/8'] } };
  const { ask } = await openLimited(t, { limits: [{ name: 'l', key: 'consumer', rate: '2/1h' }] }, options);
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) statuses.push((await ask(`X-Consumer-ID: made-up-${i}\r\nX-Consumer-ID: bob\r\n`)).status);
  assert.deepEqual(statuses, [200, 200, 429]);
});

test('who had nothing taken beyond a limit gets nothing back when the answer says that it was cheap', async (t) => {
  const answer = ({ target }: { target: string }): string => `HTTP/1.1 200 OK\r\nX-Cost: ${target.slice(1)}\r\nContent-Length: 0\r\n\r\n`;
  const limits = [{ name: 'l', key: 'ip', rate: '2/1h', action: 'shadow', cost: { header: 'X-Cost' } }];
  const { ask, counted } = await openLimited(t, { limits }, { answer });
  for (const target of ['/1', '/1', '/0', '/0', '/0']) await ask('', target);
  assert.deepEqual([counted('allowed'), counted('shadowed')], [2, 3]);
});
