import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { Exchange } from '../../../src/exchange/exchange.ts';
import { answerOk, type Bench, benchOf, failWith, responseHead, settled } from './exchange-bench.ts';

setFlagsFromString('--allow-natives-syntax');
/** Whether two objects have one hidden class: STYLE 22. */
const haveSameMap = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean;

const GET = ['GET /a?b HTTP/1.1', 'Host: a.example', 'Accept: text/html'] as const;
const begin = (bench: Bench): void => bench.begin(...GET);
const beginAnswer = (bench: Bench): ReturnType<Bench['connect']> => {
  begin(bench);
  const connection = bench.connect();
  connection.sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK', 'Content-Length: 9'), 9);
  connection.sink.onUpstreamBody(Buffer.from('abc'));
  return connection;
};
const goAway = (bench: Bench): void => {
  bench.client.isOver = true;
  bench.exchange.onClientGone();
};

/** Every way in which an exchange can end. */
const ENDINGS: readonly (readonly [how: string, options: Parameters<typeof benchOf>[0], end: (bench: Bench) => void | Promise<void>])[] = [
  [
    'complete',
    {},
    (bench) => {
      begin(bench);
      answerOk(bench.connect());
    },
  ],
  [
    'complete with an upload',
    {},
    (bench) => {
      bench.begin('POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked');
      const connection = bench.connect();
      bench.exchange.onClientBody(Buffer.from('abc'));
      bench.exchange.onClientBodyEnd();
      answerOk(connection);
    },
  ],
  [
    'client gone while connecting',
    {},
    (bench) => {
      begin(bench);
      goAway(bench);
    },
  ],
  [
    'client gone while sent',
    {},
    (bench) => {
      begin(bench);
      bench.connect();
      goAway(bench);
    },
  ],
  [
    'client gone while answering',
    {},
    (bench) => {
      beginAnswer(bench);
      goAway(bench);
    },
  ],
  [
    'client stalled',
    {},
    (bench) => {
      beginAnswer(bench);
      bench.exchange.onClientFault('client-stalled');
    },
  ],
  [
    'body timeout',
    {},
    (bench) => {
      bench.begin('POST / HTTP/1.1', 'Host: a', 'Content-Length: 9');
      bench.connect();
      bench.exchange.onClientFault('body-timeout');
    },
  ],
  ['cut by the upstream', {}, (bench) => failWith(beginAnswer(bench), 'truncated', 'body')],
  [
    'failed',
    {},
    (bench) => {
      begin(bench);
      failWith(bench.connect(), 'malformed-head', 'head');
    },
  ],
  ['refused by the parser', {}, (bench) => bench.begin('GET / HTTP/1.1', 'Host: a', 'Host: b')],
  ['refused for its path', {}, (bench) => bench.begin('GET /../.. HTTP/1.1', 'Host: a')],
  ['refused for its length', { route: { maxBody: '1B' } }, (bench) => bench.begin('POST / HTTP/1.1', 'Host: a', 'Content-Length: 9')],
  ['no route', { route: { match: '/only' } }, begin],
  ['method not allowed', { route: { match: { path: '/a', methods: ['PUT'] } } }, begin],
  ['loop', {}, (bench) => bench.begin(...GET, `Via: 1.1 ${bench.gateway.pseudonym}`)],
  ['own answer', { route: { upstream: undefined, respond: { status: 200, body: 'own' } } }, begin],
  [
    'total deadline',
    { route: { timeout: '1s' } },
    (bench) => {
      begin(bench);
      bench.gateway.sweep(bench.gateway.clock.nowMs + 2000);
    },
  ],
  [
    'exception',
    {},
    (bench) => {
      beginAnswer(bench);
      bench.exchange.onException();
    },
  ],
  [
    'complete after a retry',
    {},
    (bench) => {
      begin(bench);
      failWith(bench.connect(true), 'reset', 'sent');
      answerOk(bench.connect());
    },
  ],
  [
    'complete with filters, rewritten',
    {
      route: { match: '/{first}', rewrite: '/x/{first}' },
      filter: {
        request: async ({ headers }) => headers.set('x', 'y'),
        upstreamRequest: ({ headers }) => headers.set('x', 'z'),
        response: async ({ headers }) => headers.set('x', 'w'),
      },
    },
    async (bench) => {
      begin(bench);
      await settled();
      answerOk(bench.connect());
      await settled();
    },
  ],
  [
    'client gone while filters hold an answer',
    { filter: { response: () => new Promise(() => {}) } },
    async (bench) => {
      begin(bench);
      await settled();
      const { sink } = bench.connect();
      sink.onUpstreamHead(responseHead('HTTP/1.1 200 OK'), -1);
      sink.onUpstreamBody(Buffer.from('abc'));
      goAway(bench);
    },
  ],
];

/** What is not the exchange's own, or is overwritten before each use. */
const FREE_FIELDS = new Set(['gateway', 'forwardFacts', 'clientFacts', 'life']);
const FREE_TRY = new Set(['exchange']);
const FREE_FACTS = new Set(['head', 'ownHead']);

function ownOf(object: object, skipped: ReadonlySet<string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !skipped.has(name)));
}

for (const [how, options, end] of ENDINGS) {
  test(`after "${how}" an exchange is as a new one, field by field and in its hidden class`, async () => {
    const bench = benchOf(options);
    const { exchange } = bench;
    await end(bench);
    assert.equal(exchange.state, 'free', how);
    assert.equal(bench.gateway.inFlight, 0);
    assert.equal(exchange.life, 1, 'it ended once');
    const fresh = new Exchange(bench.gateway, 100);
    const [own, expected] = [ownOf(exchange, FREE_FIELDS), ownOf(fresh, FREE_FIELDS)];
    assert.deepEqual(ownOf(exchange.facts, FREE_FACTS), ownOf(fresh.facts, FREE_FACTS));
    assert.deepEqual(Object.keys(own), Object.keys(expected));
    for (const name of Object.keys(own)) if (name !== 'facts' && name !== 'current') assert.deepEqual(own[name], expected[name], name);
    assert.deepEqual(ownOf(exchange.current, FREE_TRY), ownOf(fresh.current, FREE_TRY));
    assert.ok(haveSameMap(exchange.current, fresh.current), 'Try');
    assert.ok(haveSameMap(exchange, fresh), 'Exchange');
    assert.ok(haveSameMap(exchange.facts, fresh.facts), 'RequestFacts');
    assert.ok(haveSameMap(exchange.forwardFacts, fresh.forwardFacts), 'ForwardFacts');
    assert.ok(haveSameMap(exchange.clientFacts, fresh.clientFacts), 'ResponseFacts');
    assert.ok(haveSameMap(exchange.head, fresh.head), 'RequestHead');
    assert.equal(bench.again().exchange, exchange, 'it is in the pool');
  });
}

test('the head of an exchange is its own again, whatever an edge lent it', () => {
  const bench = benchOf();
  const { head } = new Exchange(bench.gateway, 100);
  const own = bench.exchange.head;
  bench.exchange.useHead(head);
  begin(bench);
  answerOk(bench.connect());
  assert.equal(bench.exchange.head, own);
});
