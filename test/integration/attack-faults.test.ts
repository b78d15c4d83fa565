import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { Engine } from '../../src/config/types.ts';
import { openFront, openPair } from './front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const ANSWERS = [
  'HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 10\r\n\r\n0123456789',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\n01234\r\n5\r\n56789\r\n0\r\nT: v\r\n\r\n',
] as const;

for (const engine of ENGINES) {
  for (const [kind, end] of [
    ['resets', 'reset'],
    ['closes', 'close'],
    ['half-closes', 'halfClose'],
  ] as const) {
    test(`${engine}: an origin that ${kind} at any byte of its answer: 502 or a cut, never an answer that looks whole`, async (t) => {
      let sent = '';
      const origin = await RawOrigin.start(async (connection) => {
        if ((await connection.readRequest(20_000)) === undefined) return;
        await connection.send(sent);
        connection[end]();
      });
      const front = await openFront(t, engine, origin.port);
      t.after(() => origin.close());
      for (const answer of ANSWERS) {
        for (let length = 0; length <= answer.length; length++) {
          sent = answer.slice(0, length);
          const reply = await askOnce(front.port, GET, 5000).catch((error: unknown) => String(error));
          if (length === answer.length && end !== 'reset') assert.equal(typeof reply === 'string' ? reply : reply.text, '0123456789');
          else if (typeof reply !== 'string' && length < answer.length) assert.equal(reply.status, 502, `${length}: ${reply.head}`);
          else if (typeof reply === 'string') assert.match(reply, /closed without|ended within|ended after/, `${length}`);
        }
      }
      assert.equal(front.gateway.inFlight, 0);
    });
  }

  test(`${engine}: credentials and identities in whatever spelling stay here`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const lines = [
      'AUTHORIZATION: Basic s3cret',
      'authorization: Bearer s3cret',
      'Proxy-Authorization: Basic s3cret',
      'proxy-authorization: s3cret\xe4',
      'Proxy_Authorization: s3cret',
      'Author-ization: ok',
      'cOOkIE: s3cret=1',
      'Cookie: s3cret=2',
      'X-Forwarded-For: 6.6.6.6',
      'x-forwarded-FOR: 6.6.6.6',
      'X_Forwarded_For: 6.6.6.6',
      'X-Forwarded-Proto: evil',
      'X-Forwarded-Host: 6.6.6.6',
      'X-Forwarded-Server: 6.6.6.6',
      'Forwarded: for=6.6.6.6',
      'X-Real-IP: 6.6.6.6',
      'X_Real-IP: 6.6.6.6',
      'TE: trailers',
      'Keep-Alive: timeout=6666',
      'HTTP2-Settings: s3cret',
      'Upgrade: h2c',
      'X-Hop: s3cret',
      'Connection: x-hop, X-Forwarded-For, x-real-ip, via, host, content-length, Upgrade, HTTP2-Settings',
    ];
    const reply = await askOnce(front.port, `POST /p HTTP/1.1\r\nHost: a.example\r\n${lines.join('\r\n')}\r\nContent-Length: 2\r\n\r\nhi`);
    assert.equal(reply.status, 200);
    assert.doesNotMatch(origin.text, /s3cret|6\.6\.6\.6|evil|6666|h2c|trailers/i);
    const [request] = origin.requests;
    assert.equal(request?.field('x-forwarded-for'), '127.0.0.1');
    assert.equal(request?.field('x-real-ip'), '127.0.0.1');
    assert.match(request?.field('via') ?? '', /sluice/);
    assert.equal(request?.body.toString(), 'hi');
  });

  test(`${engine}: an own error page tells nothing of the origin, nor of what the client sent`, async (t) => {
    const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nSecret-Thing: \x01\r\n\r\n/etc/passwd');
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    for (const accept of ['text/html', 'text/plain', 'application/json']) {
      const reply = await askOnce(front.port, `GET /<script> HTTP/1.1\r\nHost: a.example\r\nAccept: ${accept}\r\nX-T: <script>\r\n\r\n`);
      assert.equal(reply.status, 502);
      assert.doesNotMatch(
        reply.bytes.toString('latin1'),
        new RegExp(`script|Secret|passwd|127\\.0\\.0\\.1|${origin.port}|node|\\.ts\\b`, 'i'),
      );
    }
  });
}

test('node: an origin that accepts and never reads, nor answers, costs a 504 and is counted', async (t) => {
  const origin = await RawOrigin.start((connection) => connection.pause());
  const front = await openFront(t, 'node', origin.port, { upstream: { timeouts: { idle: '200ms', response: '200ms' } } });
  t.after(() => origin.close());
  assert.equal((await askOnce(front.port, GET)).status, 504);
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  void client.send('PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 50000000\r\n\r\n');
  void client.send(Buffer.alloc(50_000_000));
  assert.equal((await client.readReply('PUT')).status, 504);
  assert.equal(front.counted('sluice_upstream_failures_total', 'response-timeout'), 1);
  assert.equal(front.counted('sluice_upstream_failures_total', 'idle-timeout'), 1);
});

test('node: an origin that never answers fills the pool and the queue; what is over is a 503 and counted', async (t) => {
  const origin = await RawOrigin.start(() => {});
  const pool = { maxConnections: 2, maxPending: 3, pendingTimeout: '200ms' };
  const front = await openFront(t, 'node', origin.port, { upstream: { pool, timeouts: { response: '500ms' } } });
  t.after(() => origin.close());
  const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await askOnce(front.port, GET)).status));
  assert.deepEqual(statuses.sort(), [503, 503, 503, 503, 503, 503, 503, 503, 503, 503, 504, 504]);
  assert.equal(front.counted('sluice_upstream_pool_overflows_total'), 7);
  assert.equal(front.counted('sluice_upstream_failures_total', 'pool-full'), 7);
  assert.equal(front.counted('sluice_upstream_failures_total', 'pool-timeout'), 3);
});
