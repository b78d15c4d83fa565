import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openFront } from './front.ts';
import { get, HOST, judge, ok, openCourt, OPTIONS, post, type Row } from './judge.ts';

const get10 = (lines = ''): string => `GET /a HTTP/1.0\r\n${HOST}${lines}\r\n`;
const persists = (rule: string, send: string): Row => ({ rule, send, reuses: true });
const ends = (rule: string, send: string): Row => ({ rule, send, closes: true });
const origin = (rule: string, answer: string, reuses: boolean): Row => ({ rule, answer, reuses });
const LENGTH = 'Content-Length: 0\r\n';

judge([
  // ---- RFC 9112 9.3: the client's connection
  persists('9112 9.3: HTTP/1.1 persists', get()),
  persists('9112 9.3: keep-alive with HTTP/1.1', get('Connection: keep-alive\r\n')),
  persists('9112 9.3: Proxy-Connection: close means nothing', get('Proxy-Connection: close\r\n')),
  persists('9112 9.3: a field value that is not of Connection', get('X-Connection: close\r\n')),
  persists('9112 9.6: closed is not close', get('Connection: closed, xclose\r\n')),
  ends('9112 9.6: close', get('Connection: close\r\n')),
  ends('9112 9.6: options have no case', get('Connection: CLOSE\r\n')),
  ends('9112 9.6: close among others', get('Connection: x-a ,\tclose,\r\n')),
  ends('9112 9.6: close in another line', get('Connection: keep-alive\r\nConnection: close\r\n')),
  ends('9112 9.3: close wins over keep-alive', get('Connection: close, keep-alive\r\n')),
  ends('9112 9.3: HTTP/1.0 does not persist', get10()),
  ends('9112 9.3: HTTP/1.0 with close', get10('Connection: close\r\n')),
  ends('9112 9.3: a proxy does not persist with HTTP/1.0', get10('Connection: keep-alive\r\n')),
  ends('9112 9.6: what follows a request with close is not processed', get('Connection: close\r\n') + get('', '/evil')),

  // ---- RFC 9112 9.3: the origin's connection
  origin('9112 9.3: HTTP/1.1 persists', ok(LENGTH), true),
  origin('9112 9.6: close ends it', ok(`Connection: close\r\n${LENGTH}`), false),
  origin('9112 9.6: close in any case, in any line', ok(`Connection: keep-alive\r\nConnection: x, CLOSE\r\n${LENGTH}`), false),
  origin('9112 9.3: HTTP/1.0 does not persist', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n', false),
  origin('9112 9.3: HTTP/1.0 with keep-alive may', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n', true),
  origin('9112 9.2: what an origin sends beyond its answer is no answer', ok(LENGTH) + ok('Content-Length: 4\r\n', 'evil'), false),
  origin(
    '9112 6.3: bytes beyond the length are no answer',
    ok('Content-Length: 3\r\n', 'abcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
    false,
  ),
]);

test('9112 9.3.2: pipelined requests are answered in their order, each once', async (t) => {
  const late = new Barrier('the first answer');
  const { client, requests } = await openCourt(t, async ({ target }) => {
    if (target === '/0') await late.wait();
    return ok('Content-Length: 2\r\n', target);
  });
  await client.send([0, 1, 2, 3].map((i) => get('', `/${i}`)).join(''));
  late.open();
  for (const i of [0, 1, 2, 3]) assert.equal((await client.readReply()).text, `/${i}`);
  assert.deepEqual(requests.map(({ target }) => target).sort(), ['/0', '/1', '/2', '/3']);
  assert.equal(client.unread.length, 0);
});

test('9112 9.3.2: of pipelined methods each gets the answer that is its own', async (t) => {
  const { client } = await openCourt(t, ({ method, target }) => {
    if (method === 'HEAD') return ok('Content-Length: 9\r\n');
    return target === '/304' ? 'HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n' : ok(`Content-Length: ${method.length}\r\n`, method);
  });
  await client.send(
    `HEAD /a HTTP/1.1\r\n${HOST}\r\n` + get('', '/304') + post('Content-Length: 3\r\n', 'abc') + `HEAD /b HTTP/1.1\r\n${HOST}\r\n` + get(),
  );
  for (const [method, text] of [
    ['HEAD', ''],
    ['GET', ''],
    ['POST', 'POST'],
    ['HEAD', ''],
    ['GET', 'GET'],
  ] as const) {
    assert.equal((await client.readReply(method)).text, text, method);
  }
});

test('9112 9.3.2: an invalid request in a pipeline is answered after those before it, and is the last', async (t) => {
  const { client, requests } = await openCourt(t);
  await client.send(get() + get('', '/b') + get('X : 1\r\n') + get('', '/evil'));
  assert.equal((await client.readReply()).status, 200);
  assert.equal((await client.readReply()).status, 200);
  assert.equal((await client.readReply()).status, 400);
  await client.untilEnd();
  assert.equal(client.unread.length, 0);
  assert.deepEqual(
    requests.map(({ target }) => target),
    ['/a', '/b'],
  );
});

/** An origin that serves one request on its first connection, then closes that one as soon as the second request is there. */
async function openStale(t: Parameters<typeof openFront>[0], how: 'fin' | 'reset' | 'partial') {
  const seen: string[] = [];
  const origin = await RawOrigin.start(async (connection, index) => {
    for (let i = 0; ; i++) {
      const request = await connection.readRequest(60_000).catch(() => undefined);
      if (request === undefined) return connection.close();
      seen.push(`${request.method} ${request.target}`);
      if (index === 0 && i === 1) {
        if (how === 'partial') await connection.send('HTTP/1.1 2');
        return how === 'reset' ? connection.reset() : connection.close();
      }
      await connection.send(OK_REPLY);
    }
  });
  const front = await openFront(t, 'node', origin.port, OPTIONS);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(get('', '/first'));
  await client.readReply();
  return { client, seen };
}

for (const how of ['fin', 'reset'] as const) {
  for (const [method, send] of [
    ['POST', post('Content-Length: 3\r\n', 'abc')],
    ['POST', post('')],
    ['PATCH', `PATCH /p HTTP/1.1\r\n${HOST}\r\n`],
    ['FOO', `FOO /p HTTP/1.1\r\n${HOST}\r\n`],
    ['get', `get /p HTTP/1.1\r\n${HOST}\r\n`],
  ] as const) {
    test(`9112 9.3.1: ${method} is not retried by itself (${how})`, async (t) => {
      const { client, seen } = await openStale(t, how);
      await client.send(send);
      assert.equal((await client.readReply(method)).status, 502);
      assert.deepEqual(seen, ['GET /first', `${method} /p`]);
    });
  }
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE'] as const) {
    test(`9112 9.3.1: ${method} may be retried, once (${how})`, async (t) => {
      const { client, seen } = await openStale(t, how);
      await client.send(`${method} /p HTTP/1.1\r\n${HOST}\r\n`);
      const { status } = await client.readReply(method);
      assert.ok(status === 200 || status === 502);
      assert.equal(seen.length, status === 200 ? 3 : 2);
    });
  }
}

test('9112 9.3.1: nothing is retried once a part of an answer has come', async (t) => {
  const { client, seen } = await openStale(t, 'partial');
  await client.send(get('', '/p'));
  assert.equal((await client.readReply()).status, 502);
  assert.deepEqual(seen, ['GET /first', 'GET /p']);
});

test('9112 9.3.1 (SHOULD): a retry that fails is not retried', async (t) => {
  const { client, requests } = await openCourt(t, ({ target }, connection) => {
    if (target === '/first') return OK_REPLY;
    connection.close();
    return undefined;
  });
  await client.send(get('', '/first'));
  await client.readReply();
  await client.send(get('', '/p'));
  assert.equal((await client.readReply()).status, 502);
  assert.ok(requests.length <= 3);
});

test('9112 9.2: bytes that come on an idle connection to the origin are no answer to the next request', async (t) => {
  const { client, origin, front } = await openCourt(t);
  await client.send(get());
  await client.readReply();
  await origin.connections[0]?.send(ok('Content-Length: 4\r\n', 'evil'));
  await waitFor('that connection is closed', () => origin.openConnections === 0);
  await client.send(get());
  assert.equal((await client.readReply()).text, 'ok');
  assert.equal(front.gateway.inFlight, 0);
});

test('9112 9.6: a last answer is not lost when the client sends on', async (t) => {
  const { client } = await openCourt(t);
  await client.send(`${get('X : 1\r\n')}${'a'.repeat(300_000)}`);
  const reply = await client.readReply();
  assert.equal(reply.status, 400);
  await client.untilEnd();
  assert.equal(client.error, undefined);
});

test('9112 9.3: an own answer to a request with a body leaves the connection in step, or closes it', async (t) => {
  for (const body of [3, 60_000, 200_000]) {
    const { client, requests } = await openCourt(t, undefined, { ...OPTIONS, route: { match: { path: '/a' } } });
    await client.send(post(`Content-Length: ${body}\r\n`, 'G'.repeat(body)) + get());
    const reply = await client.readReply('POST');
    assert.equal(reply.status, 404);
    if (reply.field('connection') === 'close') {
      await client.untilEnd();
      assert.equal(client.unread.length, 0);
    } else assert.equal((await client.readReply()).text, 'ok');
    assert.ok(requests.every(({ target }) => target === '/a'));
  }
});

test('9112 9.5: a client that ends its side between requests is closed, without a word', async (t) => {
  const { client } = await openCourt(t);
  await client.send(get());
  await client.readReply();
  client.halfClose();
  await client.untilEnd();
  assert.equal(client.unread.length, 0);
});
