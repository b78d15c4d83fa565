import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Filter } from '../../../src/exchange/filters.ts';
import { answerOk, type Bench, benchOf, failWith, responseHead, settled } from './exchange-bench.ts';

const GET = ['GET /a HTTP/1.1', 'Host: a', 'X-In: 1'] as const;

/** Begins a request, lets its filters run, answers it, lets them run again. */
async function served(filter: Filter, options: Parameters<typeof benchOf>[0] = {}): Promise<Bench> {
  const bench = benchOf({ ...options, filter });
  bench.begin(...GET);
  await settled();
  if (bench.pool.asked.length > 0) answerOk(bench.connect());
  await settled();
  return bench;
}

for (const [from, to, body, framing] of [
  [200, 204, '', { kind: 'none' }],
  [200, 304, '', { kind: 'none' }],
  [200, 404, 'ok', { kind: 'length', bytes: 2 }],
  [204, 200, '', { kind: 'length', bytes: 0 }],
] as const) {
  test(`a filter that makes ${to} of ${from} leaves an answer that is framed as ${to}`, async () => {
    const filter: Filter = {
      response: (response) => {
        response.status = to;
      },
    };
    const bench = benchOf({ filter });
    bench.begin(...GET);
    await settled();
    const { sink } = bench.connect();
    const head = from === 204 ? responseHead('HTTP/1.1 204 No Content') : responseHead('HTTP/1.1 200 OK', 'Content-Length: 2');
    sink.onUpstreamHead(head, from === 204 ? 0 : 2);
    if (from !== 204) sink.onUpstreamBody(Buffer.from('ok'));
    sink.onUpstreamEnd();
    await settled();
    assert.deepEqual(bench.client.framing, framing);
    assert.ok(bench.client.calls[0]?.startsWith(`head ${to}`));
    assert.equal(bench.client.calls.at(-1), 'finish');
    // An engine throws away what is written to an answer without a body.
    if (framing.kind !== 'none') assert.equal(bench.client.calls.includes('body ok'), body === 'ok');
    assert.equal(bench.client.lengthWhenNone, -1);
  });
}

test('a filter cannot make a status that is none of a final answer', async () => {
  for (const status of [100, 199, 600, 200.5, Number.NaN]) {
    const bench = await served({
      response: (response) => {
        response.status = status;
      },
    });
    assert.equal(bench.client.calls[0], 'head 500 Internal Server Error', String(status));
    const answered = await served({ request: () => ({ status }) });
    assert.equal(answered.client.calls[0], 'head 500 Internal Server Error', String(status));
  }
});

test('a target that is no path costs that request a 500, and nothing goes upstream', async () => {
  for (const target of ['a', '', '/a b', '/a\r\nX: 1', '/ä', 'http://h/']) {
    const bench = await served({
      request: (request) => {
        request.target = target;
      },
    });
    assert.equal(bench.pool.asked.length, 0, target);
    assert.equal(bench.client.calls[0], 'head 500 Internal Server Error');
  }
});

test('fields that a filter changes are those that routing, forwarding and the next filter see', async () => {
  const bench = benchOf({
    filter: {
      request: ({ headers }) => {
        headers.set('X-In', '2');
        headers.append('X-New', 'n');
        headers.delete('Accept');
      },
      upstreamRequest: ({ headers }) => {
        assert.equal(headers.get('x-in'), '2');
        headers.set('X-Up', headers.get('host') ?? '');
      },
    },
  });
  bench.begin(...GET, 'Accept: x');
  await settled();
  await settled();
  const { head } = bench.connect();
  assert.match(head, /\r\nX-In: 2\r\n/);
  assert.match(head, /\r\nX-New: n\r\n/);
  assert.match(head, /\r\nX-Up: a\r\n\r\n$/);
  assert.doesNotMatch(head, /Accept/);
});

test('an answer that comes while its filters think is held, and comes out whole and in order', async () => {
  const opened = Promise.withResolvers<void>();
  const bench = benchOf({ filter: { response: () => opened.promise } });
  bench.begin(...GET);
  await settled();
  const connection = bench.connect();
  connection.sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK', 'Content-Length: 4'), 4);
  const lent = Buffer.from('ab');
  connection.sink.onUpstreamBody(lent);
  lent.fill('x');
  connection.sink.onUpstreamBody(Buffer.from('cd'));
  connection.sink.onUpstreamEnd();
  assert.ok(connection.calls.includes('pause'));
  assert.deepEqual(bench.client.calls, []);
  opened.resolve();
  await settled();
  assert.deepEqual(bench.client.calls, ['head 200 OK', 'body ab', 'body cd', 'finish']);
});

test('an answer that breaks off while its filters think is a 502, and their late result is nothing', async () => {
  const opened = Promise.withResolvers<void>();
  const bench = benchOf({ filter: { response: () => opened.promise } });
  bench.begin(...GET);
  await settled();
  const connection = bench.connect();
  connection.sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK', 'Content-Length: 4'), 4);
  failWith(connection, 'truncated', 'body');
  assert.equal(bench.client.calls[0], 'head 502 Bad Gateway');
  opened.resolve();
  await settled();
  assert.equal(bench.client.calls.at(-1), 'finish');
});

test('a client that goes while a filter thinks ends the exchange, whose object may serve another before the filter is done', async () => {
  const opened = Promise.withResolvers<void>();
  let calls = 0;
  const bench = benchOf({ filter: { request: () => (calls++ === 0 ? opened.promise : undefined) } });
  bench.begin(...GET);
  bench.client.isOver = true;
  bench.exchange.onClientGone();
  const next = bench.again();
  assert.equal(next.exchange, bench.exchange);
  next.begin('GET /second HTTP/1.1', 'Host: b');
  opened.resolve();
  await settled();
  assert.equal(bench.pool.asked.length, 1);
  answerOk(next.connect());
  await settled();
  assert.deepEqual(next.client.calls, ['head 200 OK', 'body ok', 'finish']);
});

test('faults of filters are counted by phase, and those of the clock as a timeout', async () => {
  const thrown = await served({
    request: () => {
      throw new Error('no');
    },
  });
  assert.equal(thrown.counted('sluice_filter_errors_total', 'all', 'request'), 1);
  assert.equal(thrown.counted('sluice_timeouts_total'), 0);
  const slow = benchOf({ filter: { response: () => new Promise(() => {}) } });
  slow.begin(...GET);
  await settled();
  answerOk(slow.connect());
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(slow.client.calls[0], 'head 500 Internal Server Error');
  assert.equal(slow.counted('sluice_filter_errors_total', 'all', 'response'), 1);
  assert.equal(slow.counted('sluice_timeouts_total', 'filter'), 1);
});

test('finish filters see how it ended', async () => {
  const seen: unknown[] = [];
  const filter: Filter = { finish: ({ status, outcome }) => void seen.push([status, outcome]) };
  await served(filter);
  const gone = benchOf({ filter });
  gone.begin(...GET);
  await settled();
  gone.client.isOver = true;
  gone.exchange.onClientGone();
  await settled();
  assert.deepEqual(seen, [
    [200, 'complete'],
    [0, 'client-gone'],
  ]);
});
