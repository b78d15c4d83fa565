import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOk, type Bench, benchOf, failWith, responseHead, settled } from './exchange-bench.ts';

const GET = ['GET /a?b HTTP/1.1', 'Host: a.example'] as const;
const post = (length: number | 'chunked'): readonly string[] => [
  'POST /a HTTP/1.1',
  'Host: a.example',
  length === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`,
];

async function record(bench: Bench): Promise<Record<string, string | number>> {
  await settled();
  assert.equal(bench.log.length, 1);
  return bench.log[0] ?? {};
}

test('a request is asked for, sent, answered and accounted for, once each', async () => {
  const bench = benchOf();
  bench.begin(...GET);
  assert.deepEqual(
    bench.pool.asked.map(({ how }) => how),
    ['pipelinable'],
  );
  assert.equal(bench.exchange.state, 'connecting');
  const connection = bench.connect();
  assert.deepEqual(connection.calls, ['send none']);
  assert.match(connection.head, /^GET \/a\?b HTTP\/1\.1\r\nHost: a\.example\r\n/);
  assert.equal(bench.exchange.state, 'sent');
  answerOk(connection);
  assert.deepEqual(bench.client.calls, ['head 200 OK', 'body ok', 'finish']);
  assert.equal(bench.exchange.state, 'free');
  assert.equal(bench.gateway.inFlight, 0);
  const { outcome, status, bytesSent, retries, route, upstream, endpoint } = await record(bench);
  assert.deepEqual(
    [outcome, status, bytesSent, retries, route, upstream, endpoint],
    ['answered', 200, 2, 0, 'all', 'origin', 'http://127.0.0.1:9'],
  );
  assert.equal(bench.counted('sluice_requests_total', 'all', '2xx'), 1);
});

test('a body flows as soon as there is a connection, and is stopped while that is full', () => {
  const bench = benchOf();
  bench.begin(...post(6));
  assert.deepEqual(bench.client.calls, []);
  const connection = bench.connect();
  assert.deepEqual(bench.client.calls, ['resume']);
  bench.exchange.onClientBody(Buffer.from('abc'));
  connection.isFull = true;
  bench.exchange.onClientBody(Buffer.from('def'));
  assert.deepEqual(bench.client.calls, ['resume', 'pause']);
  bench.exchange.onUpstreamDrain();
  bench.exchange.onClientBodyEnd();
  assert.deepEqual(bench.client.calls, ['resume', 'pause', 'resume']);
  assert.deepEqual(connection.calls, ['send length', 'body abc', 'body def', 'end']);
});

test('a client that is behind pauses the upstream, and lets it go on when it has caught up', () => {
  const bench = benchOf();
  bench.begin(...GET);
  const connection = bench.connect();
  bench.client.isFull = true;
  connection.sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK'), -1);
  connection.sink.onUpstreamBody(Buffer.from('ok'));
  bench.client.isFull = false;
  bench.exchange.onClientDrain();
  assert.deepEqual(connection.calls, ['send none', 'pause', 'resume']);
});

test('interim answers pass before the answer, and only to a client that can take them', () => {
  for (const canInform of [true, false]) {
    const bench = benchOf();
    bench.client.canInform = canInform;
    bench.begin(...GET);
    const { sink } = bench.connect();
    sink.onUpstreamInformational(responseHead('HTTP/1.1 103 Early Hints', 'Link: </a>'));
    assert.deepEqual(bench.client.calls, canInform ? ['interim 103 Early Hints'] : []);
  }
});

for (const [method, status, framing, told] of [
  ['GET', '200 OK', { kind: 'length', bytes: 7 }, -1],
  ['HEAD', '200 OK', { kind: 'none' }, 7],
  ['GET', '204 No Content', { kind: 'none' }, -1],
  ['GET', '304 Not Modified', { kind: 'none' }, 7],
] as const) {
  test(`the body of ${status} to ${method} is framed as RFC 9112 section 6.3 says`, () => {
    const bench = benchOf();
    bench.begin(`${method} / HTTP/1.1`, 'Host: a');
    bench.connect().sink.onUpstreamHead(responseHead(`HTTP/1.1 ${status}`, 'Content-Length: 7'), 7);
    assert.deepEqual(bench.client.framing, framing);
    if (told >= 0) assert.equal(bench.client.lengthWhenNone, told);
  });
}

for (const [method, kind, stage, isReused, expected] of [
  ['GET', 'reset', 'sent', true, 'fresh'],
  ['PUT', 'reset', 'sent', true, 'fresh'],
  ['POST', 'reset', 'sent', true, 'none'],
  ['GET', 'reset', 'sent', false, 'none'],
  ['GET', 'response-timeout', 'sent', true, 'none'],
  ['GET', 'malformed-head', 'head', true, 'none'],
] as const) {
  test(`${method} that meets ${kind} (${stage}, ${isReused ? 'reused' : 'new'}) is sent again: ${expected}`, async () => {
    const bench = benchOf();
    bench.begin(`${method} / HTTP/1.1`, 'Host: a');
    failWith(bench.connect(isReused), kind, stage);
    assert.equal(bench.pool.asked[1]?.how ?? 'none', expected);
    if (expected === 'none') {
      assert.match(bench.client.calls[0] ?? '', /^head 50[24] /);
      assert.equal((await record(bench))['outcome'], 'failed');
      return;
    }
    answerOk(bench.connect());
    const { retries, outcome, status } = await record(bench);
    assert.deepEqual([retries, outcome, status], [1, 'answered', 200]);
    assert.equal(bench.counted('sluice_upstream_retries_total', 'stale'), 1);
  });
}

test('a request whose body has begun to leave is not sent again, one whose body waits is', () => {
  for (const isSpent of [true, false]) {
    const bench = benchOf();
    bench.begin('PUT / HTTP/1.1', 'Host: a', 'Content-Length: 3');
    const connection = bench.connect(true);
    if (isSpent) bench.exchange.onClientBody(Buffer.from('abc'));
    failWith(connection, 'reset', 'sent');
    assert.equal(bench.pool.asked.length, isSpent ? 1 : 2);
    if (!isSpent) assert.equal(bench.client.calls.at(-1), 'pause');
  }
});

test('a second connect that fails is answered, not tried for ever', () => {
  const bench = benchOf();
  bench.begin(...GET);
  for (let attempt = 1; attempt <= 2; attempt++) {
    bench.pool.asked.at(-1)?.sink.onUpstreamFail({ kind: 'connect-refused', stage: 'queued', isReused: false, detail: '' });
  }
  assert.equal(bench.pool.asked.length, 2);
  assert.deepEqual(bench.client.calls.slice(0, 2), ['pause', 'head 502 Bad Gateway']);
  assert.match(bench.client.block, /Proxy-Status: sluice; error=connection_refused\r\n/);
});

test('an answer that breaks off is cut, and the log says why in the words of RFC 9209', async () => {
  const bench = benchOf();
  bench.begin(...GET);
  const connection = bench.connect();
  connection.sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK', 'Content-Length: 9'), 9);
  connection.sink.onUpstreamBody(Buffer.from('abc'));
  failWith(connection, 'truncated', 'body');
  assert.deepEqual(bench.client.calls, ['head 200 OK', 'body abc', 'cut']);
  const { outcome, proxyError, bytesSent } = await record(bench);
  assert.deepEqual([outcome, proxyError, bytesSent], ['cut', 'http_response_incomplete', 3]);
  assert.equal(bench.counted('sluice_body_cuts_total', 'all'), 1);
});

for (const [state, reach] of [
  ['connecting', () => {}],
  ['sent', (bench: Bench) => void bench.connect()],
  ['answering', (bench: Bench) => bench.connect().sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK'), -1)],
] as const) {
  test(`a client that goes while ${state} lets go of the upstream, and is told nothing`, async () => {
    const bench = benchOf();
    bench.begin(...GET);
    reach(bench);
    assert.equal(bench.exchange.state, state);
    const { connection } = bench.exchange;
    const before = bench.client.calls.length;
    bench.client.isOver = true;
    bench.exchange.onClientGone();
    assert.equal(bench.client.calls.length, before);
    if (connection === null) assert.equal(bench.pool.cancelled, 1);
    else assert.equal((connection as unknown as { calls: string[] }).calls.at(-1), 'abandon');
    assert.equal((await record(bench))['outcome'], 'aborted');
    assert.equal(bench.counted('sluice_client_aborts_total', 'all'), 1);
  });
}

test('a body longer than the route takes is answered 413 by its length, or while it comes', async () => {
  const byLength = benchOf({ route: { maxBody: '4B' } });
  byLength.begin(...post(5));
  assert.equal(byLength.pool.asked.length, 0);
  assert.deepEqual(byLength.client.calls.slice(0, 2), ['close after', 'head 413 Content Too Large']);
  assert.equal((await record(byLength))['outcome'], 'refused');

  const byCount = benchOf({ route: { maxBody: '4B' } });
  byCount.begin(...post('chunked'));
  const connection = byCount.connect();
  byCount.exchange.onClientBody(Buffer.from('1234'));
  byCount.exchange.onClientBody(Buffer.from('5'));
  assert.equal(connection.calls.at(-1), 'abandon');
  assert.equal(byCount.client.calls.at(-3), 'head 413 Content Too Large');
  assert.equal((await record(byCount))['outcome'], 'refused');
  assert.equal(byCount.counted('sluice_refused_requests_total', 'body-too-large'), 1);
});

test('the total deadline is answered 504 before an answer and cuts one that runs', () => {
  const waiting = benchOf({ route: { timeout: '1s' } });
  waiting.begin(...GET);
  waiting.connect();
  waiting.gateway.sweep(waiting.gateway.clock.nowMs + 900);
  assert.deepEqual(waiting.client.calls, []);
  waiting.gateway.sweep(waiting.gateway.clock.nowMs + 1001);
  assert.equal(waiting.client.calls[0], 'head 504 Gateway Timeout');

  const running = benchOf({ route: { timeout: '1s' } });
  running.begin(...GET);
  running.connect().sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK'), -1);
  running.gateway.sweep(running.gateway.clock.nowMs + 1001);
  assert.equal(running.client.calls.at(-1), 'cut');
  assert.equal(running.counted('sluice_timeouts_total', 'total'), 1);
});

test('a deadline of an exchange that has ended touches nobody', () => {
  const bench = benchOf({ route: { timeout: '1s' } });
  bench.begin(...GET);
  answerOk(bench.connect());
  const next = bench.again();
  assert.equal(next.exchange, bench.exchange);
  next.begin(...GET);
  next.connect();
  assert.deepEqual(next.client.calls, []);
  assert.equal(bench.counted('sluice_timeouts_total', 'total'), 0);
});

test('an exception costs a 500, or a cut where the client has a head', () => {
  const early = benchOf();
  early.begin(...GET);
  early.exchange.onException();
  assert.equal(early.client.calls[0], 'head 500 Internal Server Error');
  const late = benchOf();
  late.begin(...GET);
  late.connect().sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK'), -1);
  late.exchange.onException();
  assert.equal(late.client.calls.at(-1), 'cut');
});

for (const [kind, timeout] of [
  ['connect-timeout', 'upstream-connect'],
  ['response-timeout', 'upstream-response'],
  ['idle-timeout', 'upstream-idle'],
  ['too-slow', 'upstream-too-slow'],
  ['pool-timeout', 'pool-wait'],
] as const) {
  test(`a ${kind} counts as ${timeout}`, () => {
    const bench = benchOf();
    bench.begin(...GET);
    failWith(bench.connect(), kind, 'body');
    assert.equal(bench.counted('sluice_timeouts_total', timeout), 1);
    assert.equal(bench.counted('sluice_timeouts_total'), 1);
    assert.equal(bench.counted('sluice_upstream_failures_total', kind), 1);
  });
}
