import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { deadUrl } from '../harness/dead-address.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type Answer, OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { STATE_FLAG, WORD } from '../../src/upstream/endpoint-memory.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n';
const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy';

async function originOf(t: TestContext, answer: Answer | string): Promise<RawOrigin> {
  const origin = await RawOrigin.answering(answer);
  t.after(() => origin.close());
  return origin;
}

function open(
  t: TestContext,
  origins: readonly RawOrigin[],
  more: { upstream?: object; route?: object; upstreams?: object } = {},
): Promise<ConfiguredFront> {
  const o = { endpoints: origins.map(({ url }) => url), extraLoad: '100%', retry: { backoff: '1ms..2ms' }, ...more.upstream };
  return openConfigured(t, { upstreams: { o, ...more.upstreams }, routes: [{ name: 'r', match: '/*', upstream: 'o', ...more.route }] });
}

test('an answer that the policy names is asked of another endpoint, and the connection of the first is used again', async (t) => {
  const [bad, good] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await open(t, [bad, good]);
  for (let i = 0; i < 6; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  assert.equal(good.requests.length, 6);
  assert.equal(bad.connections.length, 1);
  assert.equal(front.counted('sluice_upstream_retries_total', 'status'), bad.requests.length);
  assert.equal(bad.requests.length, 3);
});

test('when no tries are left the last answer is the client’s', async (t) => {
  const bad = await originOf(t, BUSY);
  const front = await open(t, [bad], { upstream: { retry: { attempts: 3, backoff: '1ms..1ms' } } });
  const reply = await askOnce(front.port, GET);
  assert.equal(reply.status, 503);
  assert.equal(reply.body.toString(), 'busy');
  assert.equal(bad.requests.length, 3);
});

test('an endpoint that does not accept is passed over', async (t) => {
  const good = await originOf(t, OK_REPLY);
  const front = await open(t, [], { upstream: { extraLoad: '0%', endpoints: [await deadUrl(), good.url] } });
  for (let i = 0; i < 20; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  // More than the allowance has: what found no connection has cost nobody anything.
  assert.ok(front.counted('sluice_upstream_retries_total', 'connect-failure') >= 8);
});

test('a body that has gone is sent again from what was kept of it', async (t) => {
  const [bad, good] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await open(t, [bad, good], { upstream: { retry: { methods: ['PUT'], backoff: '1ms..1ms' } } });
  const put = 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello';
  for (let i = 0; i < 4; i++) assert.equal((await askOnce(front.port, put)).status, 200);
  assert.deepEqual(new Set(good.requests.map(({ body }) => body.toString())), new Set(['hello']));
  assert.ok(bad.requests.length >= 2);
  assert.equal(front.gateway.heldBytes, 0);
});

test('a body that is too long to be kept is told as the reason why nothing more was tried', async (t) => {
  const bad = await originOf(t, BUSY);
  const front = await open(t, [bad], { upstream: { retry: { methods: ['PUT'], maxBody: '4B' } } });
  const reply = await askOnce(front.port, 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
  assert.equal(reply.status, 503);
  assert.match(reply.field('proxy-status') ?? '', /received-status=503; details="not retried: the request body is too long to be kept"/);
  assert.equal(front.counted('sluice_upstream_retries_given_up_total', 'body'), 1);
  assert.match(String((await front.logged(0))['retryGivenUp']), /body/);
});

test('POST is not sent twice, unless nothing of it had left', async (t) => {
  const [bad, good] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await open(t, [bad, good]);
  const post = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi';
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await askOnce(front.port, post)).status);
  assert.deepEqual(statuses.toSorted(), [200, 200, 503, 503]);
  assert.equal(bad.requests.length, 2);
});

test('Retry-After is waited out where it is short, and passed on where it is long', async (t) => {
  let after = '0';
  const origin = await originOf(t, (_request, index) => {
    return index % 2 === 0 ? `HTTP/1.1 503 Busy\r\nRetry-After: ${after}\r\nContent-Length: 0\r\n\r\n` : OK_REPLY;
  });
  const front = await open(t, [origin]);
  assert.equal((await askOnce(front.port, GET)).status, 200);
  after = '600';
  const reply = await askOnce(front.port, GET);
  assert.equal(reply.status, 503);
  assert.equal(reply.field('retry-after'), '600');
  assert.equal(front.counted('sluice_upstream_retries_given_up_total', 'retry-after'), 1);
});

test('a try has a time of its own, and another one follows', async (t) => {
  const [slow, good] = [await originOf(t, () => undefined), await originOf(t, OK_REPLY)];
  const front = await open(t, [slow, good], { upstream: { timeouts: { try: '150ms' }, retry: { on: ['timeout'], backoff: '1ms..1ms' } } });
  for (let i = 0; i < 4; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  assert.ok(front.counted('sluice_timeouts_total', 'upstream-try') >= 2);
});

test('a client that leaves while a retry waits leaves nothing behind', async (t) => {
  const bad = await originOf(t, BUSY);
  const front = await open(t, [bad], { upstream: { retry: { attempts: 5, backoff: '50s..50s' } } });
  const client = await connectRaw(front.port);
  await client.send(GET);
  await bad.connection(0);
  await front.gateway.clock.refresh();
  client.close();
  await front.logged(0);
  assert.equal(front.gateway.inFlight, 0);
});

test('retries take no more than the allowance of extra load', async (t) => {
  const bad = await originOf(t, BUSY);
  const front = await open(t, [bad], { upstream: { extraLoad: '10%' } });
  for (let i = 0; i < 20; i++) assert.equal((await askOnce(front.port, GET)).status, 503);
  // Three in ten seconds, however few there are.
  assert.equal(bad.requests.length, 23);
  assert.equal(front.counted('sluice_upstream_retries_given_up_total', 'allowance'), 17);
});

test('an upstream that fails altogether gets no more than its clients ask and the allowance on top', async (t) => {
  const bad = await originOf(t, BUSY);
  const front = await open(t, [bad], { upstream: { extraLoad: '20%', retry: { attempts: 4, backoff: '1ms..1ms' } } });
  const asked = 600;
  for (let i = 0; i < asked; i += 20) await Promise.all(Array.from({ length: 20 }, () => askOnce(front.port, GET)));
  assert.ok(bad.requests.length <= asked * 1.2, `${bad.requests.length} for ${asked}`);
  assert.ok(bad.requests.length > asked, 'some were tried again');
});

test('a breaker that opens keeps requests away, and says when to come again', async (t) => {
  const bad = await originOf(t, BUSY);
  const front = await open(t, [bad], { upstream: { retry: undefined, breaker: { failures: 3, openFor: '30s' } } });
  const replies = [];
  for (let i = 0; i < 6; i++) replies.push(await askOnce(front.port, GET));
  assert.deepEqual(
    replies.map(({ body }) => body.toString() === 'busy'),
    [true, true, true, false, false, false],
  );
  assert.equal(replies[5]?.status, 503);
  assert.match(replies[5]?.field('proxy-status') ?? '', /error=destination_unavailable/);
  assert.ok(Number(replies[5]?.field('retry-after')) >= 1);
  assert.equal(bad.requests.length, 3);
});

test('a breaker lets one probe through, and closes when it is answered', async (t) => {
  let isBad = true;
  const origin = await originOf(t, () => (isBad ? BUSY : OK_REPLY));
  const front = await open(t, [origin], { upstream: { retry: undefined, breaker: { failures: 2, openFor: '100ms', ramp: 0 } } });
  for (let i = 0; i < 4; i++) await askOnce(front.port, GET);
  assert.equal(origin.requests.length, 2);
  isBad = false;
  await waitFor('the breaker to close', async () => (await askOnce(front.port, GET)).status === 200 || undefined);
  assert.equal((await askOnce(front.port, GET)).status, 200);
});

test('no request is spent to try an endpoint that checks know not to be well', async (t) => {
  const [bad, good] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await open(t, [bad, good], { upstream: { retry: undefined, breaker: { failures: 1, openFor: '50ms' } } });
  for (let i = 0; i < 2; i++) await askOnce(front.port, GET);
  assert.equal(bad.requests.length, 1);
  const cluster = front.gateway.upstreams.clusters.get('o');
  const memory = cluster?.state?.memory;
  const slot = cluster?.targets[0]?.watch?.slot;
  assert.ok(memory !== undefined && slot !== undefined);
  Atomics.store(memory.words, memory.wordAt(slot, WORD.STATE), STATE_FLAG.UNHEALTHY);
  await waitFor('the breaker to be half-open', () => front.told.some((line) => line.includes('half-open')));
  for (let i = 0; i < 6; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  assert.equal(bad.requests.length, 1);
});

test('without a policy an answer is the client’s, whatever it says', async (t) => {
  const [bad, good] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await open(t, [bad, good], { upstream: { retry: undefined } });
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await askOnce(front.port, GET)).status);
  assert.deepEqual(statuses.toSorted(), [200, 200, 503, 503]);
});

test('a hedge is asked of another endpoint after its time, and the first good answer counts', async (t) => {
  const [slow, quick] = [await originOf(t, () => undefined), await originOf(t, OK_REPLY)];
  const front = await open(t, [slow, quick], { upstream: { retry: undefined, hedge: { after: '20ms' } } });
  for (let i = 0; i < 4; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  assert.equal(front.counted('sluice_upstream_hedges_total', 'won'), 2);
  assert.equal(quick.requests.length, 4);
  // The one that lost was cancelled.
  await front.logged(3);
  assert.equal(slow.openConnections, 0);
});

test('of a race a bad answer is not taken while the other one may be good', async (t) => {
  let release: (text: string) => void = () => {};
  const first = await originOf(t, () => new Promise((resolve) => (release = resolve)));
  const second = await originOf(t, () => {
    setTimeout(() => release(OK_REPLY), 20);
    return BUSY;
  });
  const front = await open(t, [first, second], { upstream: { retry: undefined, hedge: { after: '10ms' } } });
  const reply = await askOnce(front.port, GET);
  assert.equal(reply.status, 200);
  assert.equal(front.counted('sluice_upstream_hedges_total', 'lost'), 1);
});

test('a request with a body is not hedged', async (t) => {
  const [slow, quick] = [await originOf(t, () => undefined), await originOf(t, OK_REPLY)];
  const upstream = { retry: undefined, hedge: { after: '5ms', methods: ['PUT'] }, timeouts: { response: '60ms' } };
  const front = await open(t, [slow, quick], { upstream });
  const reply = await askOnce(front.port, 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
  assert.equal(reply.status, 504);
  assert.equal(quick.requests.length, 0);
});

test('the fallback is a fixed answer, marked as one', async (t) => {
  const bad = await originOf(t, BUSY);
  const fallback = { on: [503, 'timeout'], respond: { status: 200, headers: { 'Content-Type': 'application/json' }, body: '[]' } };
  const front = await open(t, [bad], { upstream: { retry: undefined }, route: { fallback } });
  const reply = await askOnce(front.port, GET);
  assert.equal(reply.status, 200);
  assert.equal(reply.body.toString(), '[]');
  assert.match(reply.field('proxy-status') ?? '', /received-status=503; details="fallback"/);
  assert.equal(front.counted('sluice_fallbacks_total', 'respond'), 1);
});

test('the fallback is another upstream, which gets the body as well', async (t) => {
  const [bad, other] = [await originOf(t, BUSY), await originOf(t, OK_REPLY)];
  const front = await open(t, [bad], {
    upstream: { retry: { attempts: 1 } },
    upstreams: { other: other.url },
    route: { fallback: { on: [503], upstream: 'other' } },
  });
  const reply = await askOnce(front.port, 'PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello');
  assert.equal(reply.status, 200);
  assert.equal(other.requests[0]?.body.toString(), 'hello');
});

test('the fallback holds for failures of ours and for the deadline', async (t) => {
  const slow = await originOf(t, () => undefined);
  const fallback = { on: ['timeout'], respond: 299 };
  const timed = await open(t, [slow], { upstream: { retry: undefined, timeouts: { response: '30ms' } }, route: { fallback } });
  assert.equal((await askOnce(timed.port, GET)).status, 299);
  const late = await open(t, [slow], { upstream: { retry: undefined }, route: { fallback, timeout: '30ms' } });
  assert.equal((await askOnce(late.port, GET)).status, 299);
});

test('the upstream is told how much time is left, and a client can only shorten it', async (t) => {
  const origin = await originOf(t, OK_REPLY);
  const front = await open(t, [origin], { upstream: { deadline: 'grpc-timeout' }, route: { timeout: '10s' } });
  await askOnce(front.port, GET);
  await askOnce(front.port, 'GET /a HTTP/1.1\r\nHost: a\r\ngrpc-timeout: 2S\r\n\r\n');
  await askOnce(front.port, 'GET /a HTTP/1.1\r\nHost: a\r\ngrpc-timeout: 1H\r\n\r\n');
  const told = origin.requests.map(({ field }) => Number(/^(\d+)m$/.exec(field('grpc-timeout') ?? '')?.[1]));
  assert.ok(told[0] !== undefined && told[0] > 9000 && told[0] <= 10_000, String(told));
  assert.ok(told[1] !== undefined && told[1] > 1000 && told[1] <= 2000, String(told));
  assert.ok(told[2] !== undefined && told[2] > 9000 && told[2] <= 10_000, String(told));
});

test('a client whose deadline passes is told so', async (t) => {
  const slow = await originOf(t, () => undefined);
  const front = await open(t, [slow], { upstream: { retry: undefined, deadline: 'x-request-deadline' } });
  const soon = new Date(Date.now() + 80).toISOString();
  const reply = await askOnce(front.port, `GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Deadline: ${soon}\r\n\r\n`);
  assert.equal(reply.status, 504);
});
