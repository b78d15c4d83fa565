import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HedgeQueue } from '../../src/exchange/hedging.ts';
import { deadUrl } from '../harness/dead-address.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type Answer, OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openConfigured } from './configured-front.ts';

/** Attacks on what follows a failure: who is asked again must be told no secret, nothing twice that must not be, and nothing may be left behind. */

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const POST = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';
const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy';
const BUSY_FOR_A_SECOND = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy';

async function originOf(t: TestContext, answer: Answer | string): Promise<RawOrigin> {
  const origin = await RawOrigin.answering(answer);
  t.after(() => origin.close());
  return origin;
}

test('a fallback upstream that is trusted with no credentials gets no key in the query', async (t) => {
  const [bad, other] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await openConfigured(t, {
    consumers: { from: [{ apiKey: { query: 'k' } }], list: [{ name: 'c', keys: ['secret-of-a-client-0123456789'] }] },
    upstreams: { o: { endpoints: [bad.url], forwardCredentials: true }, other: { endpoints: [other.url] } },
    routes: [{ name: 'r', match: '/*', upstream: 'o', fallback: { on: [503], upstream: 'other' } }],
  });
  const fields = 'Authorization: Basic eDp5\r\nCookie: a=b\r\n';
  const target = '/a?x=1&k=secret-of-a-client-0123456789';
  assert.equal((await askOnce(front.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)).status, 200);
  assert.equal(bad.requests[0]?.target, target);
  assert.equal(other.requests[0]?.target, '/a?x=1');
  assert.equal(other.requests[0]?.field('authorization'), undefined);
  assert.equal(other.requests[0]?.field('cookie'), undefined);
});

test('a POST that an upstream may have acted on is not sent to the fallback upstream, unless the policy says so', async (t) => {
  const [bad, mute, other] = [await originOf(t, BUSY), await originOf(t, () => undefined), await originOf(t, OK_REPLY)];
  const fallback = { on: [503, 'timeout', 'connect-failure'], upstream: 'other' };
  const front = await openConfigured(t, {
    upstreams: {
      bad: { endpoints: [bad.url], retry: { attempts: 1 } },
      mute: { endpoints: [mute.url], retry: { attempts: 1 }, timeouts: { response: '30ms' } },
      gone: await deadUrl(),
      posting: { endpoints: [bad.url], retry: { attempts: 1, methods: ['POST'] } },
      other: other.url,
    },
    routes: ['bad', 'mute', 'gone', 'posting'].map((name) => ({ name, match: `/${name}`, upstream: name, fallback })),
  });
  const post = async (path: string): Promise<number> => (await askOnce(front.port, POST.replace('/a', path))).status;
  assert.equal(await post('/bad'), 503);
  assert.equal(await post('/mute'), 504);
  assert.equal(other.requests.length, 0);
  assert.equal(await post('/gone'), 200);
  assert.equal(await post('/posting'), 200);
  assert.deepEqual(
    other.requests.map(({ body }) => body.toString()),
    ['hello', 'hello'],
  );
});

test('a retry that begins after a reload has the limits of time that its upstream had', async (t) => {
  const origin = await originOf(t, (_, index) => (index === 0 ? BUSY_FOR_A_SECOND : undefined));
  const config = (response: string): object => ({
    upstreams: { o: { endpoints: [origin.url], timeouts: { response }, retry: { on: [503], attempts: 2, backoff: '1ms..200ms' } } },
    routes: [{ name: 'r', match: '/*', upstream: 'o', timeout: '8s' }],
  });
  const front = await openConfigured(t, config('100ms'));
  const reply = askOnce(front.port, GET);
  await waitFor('the first answer', () => front.counted('sluice_upstream_retries_total', 'status') === 1);
  front.reload(config('110ms'));
  assert.equal((await reply).status, 504);
  assert.equal(origin.requests.length, 2);
  const record = await front.logged(0);
  assert.ok(Number(record.totalMs) < 4000, JSON.stringify(record));
});

test('a retry after a reload goes to another endpoint than the one that has failed', async (t) => {
  const [bad, good] = [await originOf(t, BUSY_FOR_A_SECOND), await originOf(t, OK_REPLY)];
  const config = {
    upstreams: {
      o: {
        endpoints: [bad.url, good.url],
        balance: { method: 'ring-hash', key: { header: 'x-key' } },
        extraLoad: '100%',
        retry: { on: [503], attempts: 2, backoff: '1ms..200ms' },
      },
    },
    routes: [{ name: 'r', match: '/*', upstream: 'o' }],
  };
  const front = await openConfigured(t, config);
  const ask = (key: number): Promise<{ status: number }> => askOnce(front.port, `GET /a HTTP/1.1\r\nHost: a\r\nX-Key: ${key}\r\n\r\n`);
  let reply = ask(0);
  for (let key = 1; bad.requests.length === 0; key++) {
    await waitFor('it has been asked', () => bad.requests.length + good.requests.length === key);
    if (bad.requests.length === 0) reply = ask(key);
  }
  await waitFor('the retry waits', () => front.counted('sluice_upstream_retries_total', 'status') === 1);
  front.reload(config);
  assert.equal((await reply).status, 200);
  assert.equal(bad.requests.length, 1);
});

test('hedges that begin further hedges wait by one timer', async (t) => {
  const endpoints = await Promise.all([0, 1, 2, 3].map(() => originOf(t, () => undefined)));
  const front = await openConfigured(t, {
    upstreams: { o: { endpoints: endpoints.map(({ url }) => url), extraLoad: '100%', hedge: { after: '20ms', max: 3 } } },
    routes: [{ name: 'r', match: '/*', upstream: 'o', timeout: '300ms' }],
  });
  let [waiting, most] = [0, 0];
  const { setTimeout: real } = globalThis;
  t.mock.method(globalThis, 'setTimeout', (then: () => void, ms: number) => {
    if (!String(then).includes('#fire')) return real(then, ms);
    most = Math.max(most, ++waiting);
    return real(() => {
      waiting--;
      then();
    }, ms);
  });
  const replies: Promise<unknown>[] = [];
  for (let i = 0; i < 20; i++) {
    replies.push(askOnce(front.port, GET));
    await new Promise((resolve) => real(resolve, 3));
  }
  await Promise.all(replies);
  await waitFor('nobody waits', () => waiting === 0);
  assert.equal(most, 1);
});

test('requests that have ended do not wait for a hedge that is an hour away', async (t) => {
  const origin = await originOf(t, OK_REPLY);
  const front = await openConfigured(t, {
    upstreams: { o: { endpoints: [origin.url], hedge: { after: '1h' } } },
    routes: [{ name: 'r', match: '/*', upstream: 'o' }],
  });
  const add = t.mock.method(HedgeQueue.prototype, 'add');
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  client.send(GET.repeat(1500));
  await waitFor('all answers', () => add.mock.callCount() === 1500 && front.gateway.inFlight === 0);
  const queue = add.mock.calls[0]?.this;
  assert.ok(queue instanceof HedgeQueue && queue.length < 1024);
});
