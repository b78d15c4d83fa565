import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../harness/wait-for.ts';
import { CHUNKED, get, HOST, judge, openCourt, post, type Row } from './judge.ts';

const refused = (rule: string, send: string, status: number | readonly number[] = 400): Row => ({
  rule,
  send,
  refused: status,
  sees: null,
  closes: true,
});
const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';
const SEES_CHUNKED = post(CHUNKED, CHUNKS);
const chunked = (rule: string, body: string, sees = CHUNKS): Row => ({ rule, send: post(CHUNKED, body), sees: post(CHUNKED, sees) });
const length = (rule: string, value: string): Row => refused(rule, post(`Content-Length: ${value}\r\n`, 'abc'));

judge([
  // ---- RFC 9112 6.1: Transfer-Encoding of requests
  { rule: '9112 6.1: chunked is accepted', send: SEES_CHUNKED, sees: SEES_CHUNKED },
  { rule: '9112 6.1: the name of the coding has no case', send: post('transfer-encoding: CHUNKED\r\n', CHUNKS), sees: SEES_CHUNKED },
  refused('9112 6.1: a coding that is not understood, under chunked: 501', post('Transfer-Encoding: foo, chunked\r\n', CHUNKS), 501),
  refused('9112 6.1: gzip under chunked: 501', post('Transfer-Encoding: gzip, chunked\r\n', CHUNKS), 501),
  refused('9112 6.1: the same in two lines: 501', post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', CHUNKS), 501),
  refused('9112 6.1: a coding with parameters under chunked: 501', post('Transfer-Encoding: foo;a=1, chunked\r\n', CHUNKS), 501),
  refused('9112 6.3: chunked is not the last coding: 400', post('Transfer-Encoding: chunked, gzip\r\n', CHUNKS)),
  refused('9112 6.3: gzip alone: 400', post('Transfer-Encoding: gzip\r\n', CHUNKS)),
  refused('9112 6.3: an unknown coding alone: 400', post('Transfer-Encoding: foo\r\n', CHUNKS), [400, 501]),
  refused('9112 6.3: identity: 400', post('Transfer-Encoding: identity\r\n', CHUNKS), [400, 501]),
  refused('9112 6.1: chunked is applied once', post('Transfer-Encoding: chunked, chunked\r\n', CHUNKS)),
  refused('9112 6.1: chunked is applied once, two lines', post(CHUNKED + CHUNKED, CHUNKS)),
  refused('9112 6.1: an empty Transfer-Encoding', post('Transfer-Encoding:\r\n', CHUNKS)),
  refused('9112 6.1: a coding in HTTP/1.0: faulty framing', `POST /p HTTP/1.0\r\n${HOST}${CHUNKED}\r\n${CHUNKS}`),
  refused(
    '9112 6.1: a coding in HTTP/1.0, with Content-Length',
    `POST /p HTTP/1.0\r\n${HOST}Content-Length: 13\r\n${CHUNKED}\r\n${CHUNKS}`,
  ),
  refused('9112 6.3: Content-Length and Transfer-Encoding', post(`Content-Length: 13\r\n${CHUNKED}`, CHUNKS)),
  refused('9112 6.3: Transfer-Encoding and Content-Length', post(`${CHUNKED}Content-Length: 3\r\n`, CHUNKS)),
  refused('9112 6.3: the same with GET', get(`${CHUNKED}Content-Length: 3\r\n`) + CHUNKS),

  // ---- RFC 9110 8.6, RFC 9112 6.3: Content-Length of requests
  { rule: '9110 8.6: a length is handed on', send: post('Content-Length: 3\r\n', 'abc'), sees: post('Content-Length: 3\r\n', 'abc') },
  { rule: '9110 8.6: a length of zero is handed on', send: post('Content-Length: 0\r\n'), sees: post('Content-Length: 0\r\n') },
  { rule: '9110 8.6: a length of zero of any method', send: get('Content-Length: 0\r\n'), sees: get('Content-Length: 0\r\n') },
  {
    rule: '9110 8.6: leading zeros mean nothing',
    send: post('Content-Length: 00000000000000000000003\r\n', 'abc'),
    sees: post('Content-Length: 3\r\n', 'abc'),
  },
  { rule: '9110 8.6: POST without content: the origin is told so', send: post(''), sees: post('Content-Length: 0\r\n') },
  { rule: '9112 6.3: neither: no body', send: `FOO /a HTTP/1.1\r\n${HOST}\r\n`, sees: `FOO /a HTTP/1.1\r\n${HOST}\r\n` },
  length('9112 6.3: letters', 'abc'),
  length('9112 6.3: a sign', '+3'),
  length('9112 6.3: a minus', '-3'),
  length('9112 6.3: a fraction', '3.0'),
  length('9112 6.3: hex', '0x3'),
  length('9112 6.3: an exponent', '3e0'),
  length('9112 6.3: two numbers', '3 3'),
  length('9112 6.3: a quoted number', '"3"'),
  length('9112 6.3: empty', ''),
  length('9112 6.3: a list of unlike numbers', '3, 4'),
  length('9110 8.6: beyond 2^63', '9223372036854775808'),
  length('9110 8.6: beyond 2^64', '18446744073709551619'),
  length('9110 8.6: beyond all', '3'.repeat(100)),
  refused('9112 6.3: lines that differ', post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abc')),

  // ---- RFC 9112 7.1: chunked requests
  chunked('9112 7.1: several chunks', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n'),
  chunked('9112 7.1: no content', '0\r\n\r\n', '0\r\n\r\n'),
  chunked('9112 7.1: hex in both cases', `a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n`, '14\r\n01234567890123456789\r\n0\r\n\r\n'),
  chunked('9112 7.1: leading zeros', '0003\r\nabc\r\n000\r\n\r\n'),
  chunked('9112 7.1: many leading zeros', `${'0'.repeat(40)}3\r\nabc\r\n${'0'.repeat(40)}\r\n\r\n`),
  chunked('9112 7.1: CRLF within a chunk is data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '4\r\n\r\n\r\n\r\n0\r\n\r\n'),
  chunked('9112 7.1.1: extensions are ignored', '3;a\r\nabc\r\n0;b=c\r\n\r\n'),
  chunked('9112 7.1.1: extensions with values', '3;a=b;c="d;e\\"f";g\r\nabc\r\n0\r\n\r\n'),
  chunked('9112 7.1.1: white space around an extension', '3 ; a = b ; c\r\nabc\r\n0\r\n\r\n'),
  chunked('9112 7.1.1: an extension of 1000 bytes', `3;${'a'.repeat(1000)}\r\nabc\r\n0\r\n\r\n`),
  chunked('9112 7.1.2: trailers are no fields of the request', '3\r\nabc\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n'),
  chunked(
    '9110 6.5.1: framing in trailers means nothing',
    '3\r\nabc\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\nHost: b\r\n\r\n',
  ),
  {
    rule: '9110 6.6.2: Trailer goes where trailers go',
    send: post(`Trailer: X-T\r\n${CHUNKED}`, '3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n'),
    sees: SEES_CHUNKED,
  },
  { rule: '9112 6.3: chunked content of GET', send: get(CHUNKED) + CHUNKS, sees: get(CHUNKED) + CHUNKS },
]);

/** Chunked bodies that are malformed after a good head: the origin may see the head, never a whole message. */
const BROKEN: readonly (readonly [rule: string, body: string])[] = [
  ['9112 7.1: no size', '\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a size that is not hex', 'g\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a minus', '-3\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: white space before a size', ' 3\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a size of 17 digits that would wrap to 3', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a size of 2^63', '8000000000000000\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a size of 2^64-1', 'ffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ['9112 7.1: a size beyond all', `${'f'.repeat(100)}\r\nabc\r\n0\r\n\r\n`],
  ['9112 7.1: a chunk longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['9112 7.1: a chunk without CRLF', '3\r\nabc0\r\n\r\n'],
  ['9112 2.2: bare CR after a size', '3\rabc\r\n0\r\n\r\n'],
  ['9112 2.2: bare CR in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
  ['9112 2.2: bare CR in a trailer', '3\r\nabc\r\n0\r\nX-T: a\rb\r\n\r\n'],
  ['9112 7.1.1: NUL in an extension', '3;a\0b\r\nabc\r\n0\r\n\r\n'],
  ['9110 5.5: NUL in a trailer', '3\r\nabc\r\n0\r\nX-T: \0\r\n\r\n'],
  ['9112 5.1: white space before the colon of a trailer', '3\r\nabc\r\n0\r\nX-T : 1\r\n\r\n'],
  ['9112 5.2: a folded trailer', '3\r\nabc\r\n0\r\nX-T: 1\r\n 2\r\n\r\n'],
  ['9112 7.1.1: extensions without end', `3;${'a'.repeat(100_000)}`],
  ['9112 7.1.2: trailers without end', `3\r\nabc\r\n0\r\n${'X-T: 1\r\n'.repeat(20_000)}`],
];

for (const [rule, body] of BROKEN) {
  test(`${rule}: 4xx, closed, and the origin gets no whole request`, async (t) => {
    const { client, requests, front, origin } = await openCourt(t);
    await client.send(post(CHUNKED, body));
    const reply = await client.readReply('POST');
    assert.ok(reply.status >= 400 && reply.status < 500, reply.head);
    assert.equal(reply.field('connection'), 'close');
    await client.untilEnd();
    assert.equal(client.unread.length, 0);
    await waitFor('the connection to the origin is closed', () => front.gateway.inFlight === 0 && origin.openConnections === 0);
    assert.equal(requests.length, 0);
  });
}

for (const [what, lines, part] of [
  ['by length', 'Content-Length: 10\r\n', 'abc'],
  ['by chunks', CHUNKED, '3\r\nabc\r\n'],
  ['within a chunk', CHUNKED, 'a\r\nabc'],
  ['before the last CRLF', CHUNKED, '3\r\nabc\r\n0\r\n'],
] as const) {
  for (const end of ['half-close', 'reset'] as const) {
    test(`9112 8: a request that breaks off ${what} (${end}) is never whole for the origin`, async (t) => {
      const { client, origin, requests, front } = await openCourt(t);
      await client.send(post(lines, part));
      const connection = await origin.connection(0);
      await connection.untilText('abc');
      if (end === 'reset') client.reset();
      else client.halfClose();
      await waitFor('the connection to the origin is closed', () => front.gateway.inFlight === 0 && origin.openConnections === 0);
      assert.equal(requests.length, 0);
      assert.ok(!origin.text.endsWith('0\r\n\r\n'));
    });
  }
}

test('9112 2.2, 6: what stands behind a body is the next request', async (t) => {
  const { client, requests } = await openCourt(t);
  await client.send(
    post('Content-Length: 3\r\n', 'abc') +
      post(CHUNKED, '3\r\nabc\r\n0\r\nX: 1\r\n\r\n') +
      get('Content-Length: 2\r\n') +
      '\r\n' +
      get('', '/b'),
  );
  for (const method of ['POST', 'POST', 'GET', 'GET']) assert.equal((await client.readReply(method)).status, 200);
  assert.deepEqual(
    requests.map(({ method, target, body }) => `${method} ${target} ${body.toString('latin1')}`),
    ['POST /p abc', 'POST /p abc', 'GET /a \r\n', 'GET /b '],
  );
});
