import assert from 'node:assert/strict';
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { HealthQuestion } from '../../src/config/health-types.ts';
import { makeProbe, type ProbeOutcome } from '../../src/upstream/health/probe.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor, within } from '../harness/wait-for.ts';

const HTTP: Extract<HealthQuestion, { kind: 'http' }> = {
  kind: 'http',
  path: '/healthz?deep=1',
  host: '',
  headers: [],
  statuses: [{ from: 200, to: 299 }],
  body: undefined,
};

/** One question, closed after its answer as a checker does. */
function ask(question: HealthQuestion, port: number): Promise<ProbeOutcome> {
  const answer = new Promise<ProbeOutcome>((resolve) => {
    const close = makeProbe({ question, timeoutMs: 1000 })({ host: '127.0.0.1', port }, (outcome) => {
      queueMicrotask(() => close());
      resolve(outcome);
    });
  });
  return within('an answer to a check', answer);
}

async function origin(t: TestContext, answer: string): Promise<RawOrigin> {
  const made = await RawOrigin.answering(answer);
  t.after(() => made.close());
  return made;
}

const reply = (status: number, body = '', fields = ''): string =>
  `HTTP/1.1 ${status} X\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

test('http: a status that is expected passes, any other fails, and a redirection is what its status says', async (t) => {
  const rows = [
    [reply(200), HTTP, true],
    [reply(204).replace('Content-Length: 0\r\n', ''), HTTP, true],
    [reply(500), HTTP, false],
    [reply(302, '', 'Location: /other\r\n'), HTTP, false],
    [reply(302, '', 'Location: /other\r\n'), { ...HTTP, statuses: [{ from: 301, to: 302 }] }, true],
    [reply(200), { ...HTTP, statuses: [{ from: 204, to: 204 }] }, false],
    [`HTTP/1.1 103 Early Hints\r\n\r\n${reply(200)}`, HTTP, true],
  ] as const;
  for (const [answer, question, isGood] of rows) {
    const { port, requests } = await origin(t, answer);
    assert.equal((await ask(question, port)).isGood, isGood, answer);
    assert.equal(requests.length, 1);
  }
});

test('http: what is asked, with whose name, and on a connection that is closed', async (t) => {
  const made = await origin(t, reply(200));
  await ask({ ...HTTP, headers: [['X-Check', 'yes']] }, made.port);
  await ask({ ...HTTP, host: 'shop.example' }, made.port);
  const [first, second] = made.requests;
  assert.equal(first?.head.split('\r\n')[0], 'GET /healthz?deep=1 HTTP/1.1');
  assert.match(
    first?.head ?? '',
    new RegExp(`\r\nHost: 127.0.0.1:${made.port}\r\nUser-Agent: sluice-health\r\nConnection: close\r\nX-Check: yes\r\n`),
  );
  assert.match(second?.head ?? '', /\r\nHost: shop\.example\r\n/);
  await waitFor('all connections are closed', () => made.openConnections === 0);
});

test('http: the body has what is expected within its first 64 KiB, or fails', async (t) => {
  const text = { kind: 'text', text: '"ok":true' } as const;
  const pattern = { kind: 'pattern', source: '^load: [0-9]$' } as const;
  const rows = [
    [reply(200, '{"ok":true}'), text, true],
    [reply(200, '{"ok":false}'), text, false],
    [reply(200, `${' '.repeat(70_000)}"ok":true`), text, false],
    [reply(200, 'up\r\nload: 3\r\n'), pattern, true],
    [reply(200, 'up\nload: 30\n'), pattern, false],
    [reply(200, `${'x'.repeat(300)} load: 3`), { kind: 'pattern', source: 'load' }, false],
    [reply(503, '{"ok":true}'), text, false],
  ] as const;
  for (const [answer, body, isGood] of rows) {
    const { port } = await origin(t, answer);
    assert.equal((await ask({ ...HTTP, body }, port)).isGood, isGood, answer.slice(0, 200));
  }
});

test('http: garbage, a closed connection and a closed port have failed, with the reason', async (t) => {
  const garbage = await origin(t, 'nonsense\r\n\r\n');
  assert.equal((await ask(HTTP, garbage.port)).isGood, false);
  const closing = await RawOrigin.start((connection) => connection.close());
  t.after(() => closing.close());
  assert.deepEqual(await ask(HTTP, closing.port), { isGood: false, reason: 'ECONNRESET' });
  assert.deepEqual(await ask(HTTP, await closedPort()), { isGood: false, reason: 'ECONNREFUSED' });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('tcp: a connection is enough, and without one it has failed', async (t) => {
  const silent = await RawOrigin.start(async (connection) => {
    await connection.until('the end', ({ isEnded }) => isEnded);
    connection.close();
  });
  t.after(() => silent.close());
  assert.deepEqual(await ask({ kind: 'tcp' }, silent.port), { isGood: true, reason: 'connected' });
  await waitFor('it is closed', () => silent.openConnections === 0);
  assert.deepEqual(await ask({ kind: 'tcp' }, await closedPort()), { isGood: false, reason: 'ECONNREFUSED' });
});

type GrpcAnswer = (stream: ServerHttp2Stream, service: string) => void;

async function grpcServer(t: TestContext, answer: GrpcAnswer): Promise<number> {
  const server = createHttp2Server();
  const sessions = new Set<{ destroy(): void }>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, fields) => {
    const chunks: Buffer[] = [];
    assert.equal(fields[':path'], '/grpc.health.v1.Health/Check');
    assert.equal(fields['content-type'], 'application/grpc');
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => answer(stream, Buffer.concat(chunks).subarray(7).toString()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Status and trailers as a gRPC server sends them. */
function answerStatus(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
}

test('grpc: SERVING passes, everything else has failed with its word', async (t) => {
  const statuses: Readonly<Record<string, number>> = { '': 1, orders: 2, odd: 3 };
  const port = await grpcServer(t, (stream, service) => {
    const status = statuses[service];
    if (status !== undefined) return answerStatus(stream, status);
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': service === 'none' ? '12' : '5' },
      { endStream: true },
    );
  });
  const rows = [
    ['', true, 'SERVING'],
    ['orders', false, 'NOT_SERVING'],
    ['odd', false, 'SERVICE_UNKNOWN'],
    ['none', false, 'has no grpc.health.v1.Health'],
    ['unknown', false, 'does not know the service'],
  ] as const;
  for (const [service, isGood, reason] of rows) assert.deepEqual(await ask({ kind: 'grpc', service }, port), { isGood, reason });
});

test('grpc: a server that speaks another protocol, or closes, has failed', async (t) => {
  const plain = await RawOrigin.start((connection) => connection.send(reply(400)));
  t.after(() => plain.close());
  assert.equal((await ask({ kind: 'grpc', service: '' }, plain.port)).isGood, false);
  const resets = await grpcServer(t, (stream) => stream.close(2));
  assert.equal((await ask({ kind: 'grpc', service: '' }, resets)).isGood, false);
  assert.deepEqual(await ask({ kind: 'grpc', service: '' }, await closedPort()), { isGood: false, reason: 'ECONNREFUSED' });
});
