import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { openFront } from './front.ts';
import { CHUNKED, get, HOST, ok, openCourt, OPTIONS, plainReply, plainRequest, post } from './judge.ts';

/**
 * RFC 9112 2.2: a message is a sequence of octets; how TCP cuts it means nothing. Each message is delivered in one piece, byte
 * by byte, and cut in two at each place, and must be understood alike.
 */
const REQUESTS: readonly (readonly [what: string, bytes: string])[] = [
  ['an empty line before a GET', `\r\n${get('X-A: 1\r\nConnection: x-b\r\nX-B: 2\r\n', '/a?b')}`],
  ['a length', post('Content-Length: 7\r\n', '\r\n\r\nabc')],
  ['chunks', post(CHUNKED, '3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0;x\r\nX-T: 1\r\n\r\n')],
  ['absolute-form', get('', 'http://a.example:80/b')],
  ['Expect', post('Content-Length: 3\r\nExpect: 100-continue\r\n', 'abc')],
];

for (const [what, bytes] of REQUESTS) {
  test(`9112 2.2: a request (${what}) means the same however it is cut`, async (t) => {
    const { client, requests, front } = await openCourt(t);
    await client.send(bytes);
    await client.readReply('GET');
    const whole = plainRequest(requests[0]);
    assert.ok(whole !== undefined);
    await client.sendPieces([...bytes]);
    await client.readReply('GET');
    assert.deepEqual(plainRequest(requests[1]), whole, 'byte by byte');
    for (let cut = 1; cut < bytes.length; cut++) {
      await client.sendSplit(bytes, [cut]);
      await client.readReply('GET');
      assert.deepEqual(plainRequest(requests.at(-1)), whole, `cut at ${cut}`);
    }
    assert.equal(requests.length, bytes.length + 1);
    assert.equal(client.unread.length, 0);
    assert.equal(front.listener.connections, 1);
  });
}

test('9112 9.3.2: pipelined requests may be cut anywhere', async (t) => {
  const { client, requests } = await openCourt(t);
  const both = post(CHUNKED, '3\r\nabc\r\n0\r\n\r\n') + get() + post('Content-Length: 3\r\n', 'abc');
  for (let cut = 1; cut < both.length; cut += 3) {
    await client.sendSplit(both, [cut, cut + 1]);
    for (const method of ['POST', 'GET', 'POST']) assert.equal((await client.readReply(method)).text, 'ok', `cut at ${cut}`);
  }
  assert.deepEqual(new Set(requests.map(({ method, body }) => `${method} ${body}`)), new Set(['POST abc', 'GET ']));
});

const REFUSED: readonly (readonly [what: string, bytes: string])[] = [
  ['a space before a colon', get('X-A : 1\r\n')],
  ['a fold', get('X-A: 1\r\n 2\r\n')],
  ['a bare CR', get('X-A: 1\r2\r\n')],
  ['a bare LF', get('X-A: 1\nX-B: 2\r\n')],
  ['two lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abc')],
  ['no Host', 'GET /a HTTP/1.1\r\nX-A: 1\r\n\r\n'],
];

for (const [what, bytes] of REFUSED) {
  test(`9112 2.2: a malformed request (${what}) is refused however it is cut`, async (t) => {
    const { front, origin } = await openCourt(t);
    const cuts = [[...Array(bytes.length).keys()], ...Array.from({ length: bytes.length - 1 }, (_, i) => [i + 1])];
    for (const cut of cuts.filter((_, i) => i % 2 === 0)) {
      const client = await connectRaw(front.port);
      await client.sendSplit(bytes, cut);
      assert.equal((await client.readReply()).status, 400, `cut at ${cut}`);
      await client.untilEnd();
      client.close();
    }
    assert.equal(origin.text, '');
  });
}

const ANSWERS: readonly (readonly [what: string, bytes: string])[] = [
  ['a length', ok('X-A: 1\r\nContent-Length: 7\r\n', '\r\n\r\nabc')],
  ['chunks', ok(CHUNKED, '3;a=b\r\nabc\r\n00A\r\n0123456789\r\n0;x\r\nX-T: 1\r\n\r\n')],
  ['interim answers', `HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: </a>\r\n\r\n${ok('Content-Length: 3\r\n', 'abc')}`],
  ['304', 'HTTP/1.1 304 N\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n'],
];

for (const [what, bytes] of ANSWERS) {
  test(`9112 2.2: an answer (${what}) means the same however it is cut`, async (t) => {
    let cuts: readonly number[] = [];
    const { client, origin } = await openCourt(t, async (_request, connection) => {
      await connection.sendSplit(bytes, cuts);
      return undefined;
    });
    await client.send(get());
    const whole = plainReply(await client.readReply());
    const all = [[...Array(bytes.length).keys()], ...Array.from({ length: bytes.length - 1 }, (_, i) => [i + 1])];
    for (cuts of all) {
      await client.send(get());
      assert.deepEqual(plainReply(await client.readReply()), whole, `cut at ${cuts}`);
      // The origin may still be sending what the client has not waited for (the end of trailers).
      await nextTurn();
    }
    assert.equal(client.unread.length, 0);
    assert.ok(origin.connections.length >= 1);
  });
}

test('9112 6.3: an answer until close may be cut anywhere, to both versions', async (t) => {
  const bytes = ok('X-A: 1\r\n', 'abc\r\n0\r\n\r\n');
  let cut = 0;
  const origin = await RawOrigin.start(async (connection) => {
    await connection.readRequest();
    await connection.sendSplit(bytes, [cut]);
    connection.halfClose();
  });
  const front = await openFront(t, 'node', origin.port, OPTIONS);
  t.after(() => origin.close());
  for (cut = 1; cut < bytes.length; cut += 2) {
    for (const version of ['1.1', '1.0']) {
      const client = await connectRaw(front.port);
      await client.send(`GET /a HTTP/${version}\r\n${HOST}\r\n`);
      assert.equal((await client.readReply()).text, 'abc\r\n0\r\n\r\n');
      client.close();
    }
  }
});
