import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type OriginScript, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, type LogLine, openConfigured } from './configured-front.ts';

const GET = 'GET /a?b=c HTTP/1.1\r\nHost: A.example\r\nUser-Agent: agent/1\r\nReferer: http://r/\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

async function openScene(
  t: TestContext,
  script: OriginScript,
  more: object = {},
  time = '10s',
): Promise<{ front: ConfiguredFront; origin: RawOrigin }> {
  const origin = await RawOrigin.start(script);
  const upstream = { endpoints: [origin.url], timeouts: { response: time, idle: time } };
  const routes = [{ name: 'all', match: '/*', upstream: 'origin', maxBody: '8B' }];
  const front = await openConfigured(t, { upstreams: { origin: upstream }, routes, ...more });
  t.after(() => origin.close());
  return { front, origin };
}

/** The origin answers each request with these bytes; `cut` closes after them. */
function answering(bytes: string, end: 'go on' | 'cut' = 'go on'): OriginScript {
  return async (connection) => {
    while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) {
      await connection.send(bytes);
      if (end === 'cut') return connection.close();
    }
  };
}

/** The record without what differs from run to run. */
function without(line: LogLine, ...names: readonly string[]): Record<string, string | number> {
  return Object.fromEntries(Object.entries(line).filter(([name]) => !names.includes(name)));
}

test('the record of an answered request has who, what, where to, how much and how long', async (t) => {
  const { front, origin } = await openScene(t, answering(OK));
  await askOnce(front.port, GET);
  const line = await front.logged(0);
  assert.deepEqual(without(line, 'time', 'requestId', 'routeMs', 'connectMs', 'responseMs', 'bodyMs', 'totalMs'), {
    listener: 'web',
    client: '127.0.0.1',
    peer: '127.0.0.1',
    method: 'GET',
    host: 'a.example',
    target: '/a?b=c',
    protocol: 'HTTP/1.1',
    route: 'all',
    upstream: 'origin',
    endpoint: origin.url,
    status: 200,
    outcome: 'answered',
    bytesReceived: 0,
    bytesSent: 5,
    retries: 0,
    userAgent: 'agent/1',
    referer: 'http://r/',
  });
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.ok(String(line['requestId']).length > 8);
  const [routeMs, connectMs, responseMs, bodyMs, totalMs] = ['routeMs', 'connectMs', 'responseMs', 'bodyMs', 'totalMs'].map((name) => {
    assert.ok(Number(line[name]) >= 0, name);
    return Number(line[name]);
  }) as [number, number, number, number, number];
  assert.ok(Math.abs(routeMs + connectMs + responseMs + bodyMs - totalMs) < 0.01, 'the phases make the whole');
});

type Row = {
  readonly name: string;
  readonly script: OriginScript;
  readonly send: string;
  /** Leaves once the origin has the request. */
  readonly leaves?: boolean;
  /** The origin has 50 ms to answer, or to go on. */
  readonly isHasty?: boolean;
  readonly more?: object;
  readonly expected: { readonly outcome: string; readonly status: number; readonly proxyError?: string; readonly retries?: number };
  readonly counts: readonly (readonly [metric: string, ...labels: readonly string[]])[];
};

const ROWS: readonly Row[] = [
  {
    name: 'answered',
    script: answering(OK),
    send: GET,
    expected: { outcome: 'answered', status: 200 },
    counts: [['sluice_requests_total', 'all', '2xx']],
  },
  {
    name: 'an error of the origin itself is answered, too',
    script: answering('HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n'),
    send: GET,
    expected: { outcome: 'answered', status: 503 },
    counts: [['sluice_requests_total', 'all', '5xx']],
  },
  {
    name: 'no route',
    script: answering(OK),
    send: GET,
    more: { routes: [{ match: '/only', respond: 200 }] },
    expected: { outcome: 'refused', status: 404 },
    counts: [
      ['sluice_requests_total', 'none', '4xx'],
      ['sluice_refused_requests_total', 'web', 'no-route'],
    ],
  },
  {
    name: 'malformed',
    script: answering(OK),
    send: 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    expected: { outcome: 'refused', status: 400 },
    counts: [
      ['sluice_requests_total', 'none', '4xx'],
      ['sluice_refused_requests_total', 'web', 'bad-host'],
    ],
  },
  {
    name: 'a body too large',
    script: answering(OK),
    send: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n',
    expected: { outcome: 'refused', status: 413 },
    counts: [
      ['sluice_requests_total', 'all', '4xx'],
      ['sluice_refused_requests_total', 'web', 'body-too-large'],
    ],
  },
  {
    name: 'the route answers by itself',
    script: answering(OK),
    send: GET,
    more: { routes: [{ name: 'all', match: '/*', respond: 204 }] },
    expected: { outcome: 'answered', status: 204 },
    counts: [['sluice_requests_total', 'all', '2xx']],
  },
  {
    name: 'the origin breaks the protocol',
    script: answering('garbage\r\n\r\n', 'cut'),
    send: GET,
    expected: { outcome: 'failed', status: 502, proxyError: 'http_protocol_error' },
    counts: [
      ['sluice_requests_total', 'all', '5xx'],
      ['sluice_upstream_failures_total', 'origin', 'malformed-head'],
    ],
  },
  {
    name: 'the origin does not answer in time',
    script: () => {},
    send: GET,
    isHasty: true,
    expected: { outcome: 'failed', status: 504, proxyError: 'http_response_timeout' },
    counts: [
      ['sluice_upstream_failures_total', 'origin', 'response-timeout'],
      ['sluice_timeouts_total', 'upstream-response'],
    ],
  },
  {
    name: 'the answer breaks off',
    script: answering('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc', 'cut'),
    send: GET,
    expected: { outcome: 'cut', status: 200, proxyError: 'http_response_incomplete' },
    counts: [
      ['sluice_body_cuts_total', 'all'],
      ['sluice_upstream_failures_total', 'origin', 'truncated'],
    ],
  },
  {
    name: 'the answer stalls',
    script: answering('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc'),
    send: GET,
    isHasty: true,
    expected: { outcome: 'cut', status: 200, proxyError: 'connection_read_timeout' },
    counts: [
      ['sluice_body_cuts_total', 'all'],
      ['sluice_timeouts_total', 'upstream-idle'],
    ],
  },
  {
    name: 'the client leaves',
    script: () => {},
    send: GET,
    leaves: true,
    expected: { outcome: 'aborted', status: 0 },
    counts: [['sluice_client_aborts_total', 'all']],
  },
  {
    name: 'the total deadline passes',
    script: () => {},
    send: GET,
    more: { routes: [{ name: 'all', match: '/*', upstream: 'origin', timeout: '20ms' }] },
    expected: { outcome: 'failed', status: 504, proxyError: 'http_response_timeout' },
    counts: [['sluice_timeouts_total', 'total']],
  },
];

for (const { name, script, send, leaves, isHasty, more, expected, counts } of ROWS) {
  test(`${name}: one record (${expected.outcome}), and every counter that it concerns is one higher`, async (t) => {
    const { front, origin } = await openScene(t, script, more, isHasty ? '50ms' : '10s');
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(send);
    if (leaves) {
      await (await origin.connection(0)).untilText('\r\n\r\n');
      client.reset();
    }
    const line = await front.logged(0);
    assert.equal(line['outcome'], expected.outcome);
    assert.equal(line['status'], expected.status);
    assert.equal(line['proxyError'], expected.proxyError);
    assert.equal(line['retries'], expected.retries ?? 0);
    for (const [metric, ...labels] of counts) assert.equal(front.counted(metric, ...labels), 1, `${metric} ${labels}`);
    const codes = front.counted('sluice_requests_total');
    assert.equal(codes, expected.status === 0 ? 0 : 1);
    await waitFor('nothing is left', () => front.gateway.inFlight === 0);
    assert.equal(front.log.length, 1);
  });
}

test('bytes, connections and requests add up over many exchanges', async (t) => {
  const { front } = await openScene(t, answering(OK), { routes: [{ name: 'all', match: '/*', upstream: 'origin' }] });
  for (let connection = 0; connection < 3; connection++) {
    const client = await connectRaw(front.port);
    for (let request = 0; request < 4; request++) {
      await client.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc`);
      assert.equal((await client.readReply('POST')).text, 'hello');
    }
    client.close();
  }
  await front.logged(11);
  assert.equal(front.counted('sluice_requests_total'), 12);
  assert.equal(front.counted('sluice_client_connections_accepted_total', 'web'), 3);
  const sum = (name: string): number => front.log.reduce((total, line) => total + Number(line[name]), 0);
  assert.deepEqual([sum('bytesReceived'), sum('bytesSent')], [36, 60]);
  assert.equal(new Set(front.log.map((line) => line['requestId'])).size, 12);
  await waitFor('the gauges are swept', () => front.counted('sluice_upstream_requests_total', 'origin') === 12);
  await waitFor('the clients are gone', () => front.counted('sluice_client_connections', 'web') === 0);
  assert.equal(front.counted('sluice_upstream_connects_total', 'origin'), 1);
  assert.equal(front.counted('sluice_upstream_connections_reused_total', 'origin'), 11);
});

test('where the access log is off, nothing is written', async (t) => {
  const { front } = await openScene(t, answering(OK), { accessLog: false });
  await askOnce(front.port, GET);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.equal(front.log.length, 0);
  assert.equal(front.counted('sluice_requests_total'), 1);
});
