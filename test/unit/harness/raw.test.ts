import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReply } from '../../harness/http-reply.ts';
import { askOnce, connectRaw, exchangeRaw } from '../../harness/raw-client.ts';
import { RawOrigin } from '../../harness/raw-origin.ts';

const REPLY_ROWS: readonly (readonly [name: string, bytes: string, method: string, isEnded: boolean, expected: string])[] = [
  ['length', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP', 'GET', false, 'message 40 ok'],
  ['length, not yet whole', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok', 'GET', false, 'incomplete'],
  ['length, broken off', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok', 'GET', true, 'bad'],
  ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n', 'GET', false, 'message 59 ok'],
  ['chunked with trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n', 'GET', false, 'message 58 '],
  ['chunked, broken off', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n', 'GET', true, 'bad'],
  ['chunked, bare LF', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n', 'GET', false, 'bad'],
  ['both framings', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n', 'GET', false, 'bad'],
  ['until the end', 'HTTP/1.1 200 OK\r\n\r\nok', 'GET', true, 'message 21 ok'],
  ['until the end, not yet', 'HTTP/1.1 200 OK\r\n\r\nok', 'GET', false, 'incomplete'],
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'HEAD', false, 'message 38 '],
  ['304 with a length', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n', 'GET', false, 'message 48 '],
  ['interim, then final', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', 'GET', false, 'message 52 '],
  ['field line with a space before the colon', 'HTTP/1.1 200 OK\r\na : b\r\n\r\n', 'GET', false, 'bad'],
  ['status line without reason phrase and its blank', 'HTTP/1.1 200\r\n\r\n', 'GET', false, 'incomplete'],
];

for (const [name, bytes, method, isEnded, expected] of REPLY_ROWS) {
  test(`the slow reader tells of a reply: ${name}`, () => {
    const parsed = parseReply(Buffer.from(bytes, 'latin1'), method, isEnded);
    const told = parsed.kind === 'message' ? `message ${parsed.length} ${parsed.message.text}` : parsed.kind;
    assert.equal(told, expected);
  });
}

test('client and origin see the exact bytes, in whatever pieces they travel', async (t) => {
  const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n');
  t.after(() => origin.close());
  const request = 'POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc';
  const client = await connectRaw(origin.port);
  t.after(() => client.close());
  await client.sendSplit(request + request, [1, 20, 55, 56, 57]);
  assert.equal((await client.readReply('POST')).text, 'ok');
  assert.equal((await client.readReply('POST')).text, 'ok');
  assert.equal(origin.text, request + request);
  assert.deepEqual(
    origin.requests.map(({ method, target, body }) => [method, target, body.toString()]),
    [
      ['POST', '/a?b', 'abc'],
      ['POST', '/a?b', 'abc'],
    ],
  );
  client.halfClose();
  await client.untilEnd();
});

test('a reset, a close and a missing reply are told apart', async (t) => {
  const origin = await RawOrigin.start(async (connection, index) => {
    await connection.untilText('\r\n\r\n');
    if (index === 0) connection.reset();
    else connection.close();
  });
  t.after(() => origin.close());
  await assert.rejects(askOnce(origin.port, 'GET / HTTP/1.1\r\n\r\n'), /ECONNRESET/);
  assert.equal((await exchangeRaw(origin.port, 'GET / HTTP/1.1\r\n\r\n')).length, 0);
  await assert.rejects(askOnce(origin.port, 'GET / HTTP/1.1\r\n\r\n'), /without a reply to GET \(FIN\)/);
});
