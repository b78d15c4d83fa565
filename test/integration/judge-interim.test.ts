import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RawOrigin } from '../harness/raw-origin.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { openFront } from './front.ts';
import { CHUNKED, get, HOST, judge, ok, openCourt, OPTIONS, plainRequest, post, type Row } from './judge.ts';

const FINAL = ok('Content-Length: 2\r\n', 'ok');
const EXPECT = 'Expect: 100-continue\r\n';
const refused = (rule: string, send: string, status: number): Row => ({ rule, send, refused: status, sees: null, closes: true });
const forwards = (rule: string, interim: string): Row => ({ rule, answer: interim + FINAL, gets: interim + FINAL, reuses: true });

judge([
  // ---- RFC 9110 15.2: interim answers
  forwards('9110 15.2: 100 that nobody asked for', 'HTTP/1.1 100 Continue\r\n\r\n'),
  forwards('9110 15.2: 102', 'HTTP/1.1 102 Processing\r\n\r\n'),
  forwards('8297 2: 103 with its fields', 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>\r\n\r\n'),
  forwards('9110 15.2: an unknown one', 'HTTP/1.1 199 Foo\r\nX-A: 1\r\n\r\n'),
  forwards('9110 15.2: several', 'HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\nLink: </a>\r\n\r\nHTTP/1.1 103 E\r\nLink: </b>\r\n\r\n'),
  {
    rule: '9110 7.6.1: fields of the hop are dropped from them, too',
    answer: `HTTP/1.1 103 E\r\nConnection: x-a, keep-alive\r\nX-A: 1\r\nKeep-Alive: x\r\nX-B: 2\r\n\r\n${FINAL}`,
    gets: `HTTP/1.1 103 E\r\nX-B: 2\r\n\r\n${FINAL}`,
  },
  {
    rule: '9112 6.1, 9110 8.6: they have neither coding nor length',
    answer: `HTTP/1.1 103 E\r\nContent-Length: 3\r\n\r\nHTTP/1.1 103 F\r\n${CHUNKED}\r\n${FINAL}`,
    gets: `HTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 F\r\n\r\n${FINAL}`,
  },
  { rule: '9110 15.2: of HTTP/1.0 version', answer: `HTTP/1.0 100 C\r\n\r\n${FINAL}`, gets: `HTTP/1.1 100 C\r\n\r\n${FINAL}` },
  {
    rule: '9110 15.2: never to an HTTP/1.0 client',
    send: `GET /a HTTP/1.0\r\n${HOST}\r\n`,
    answer: `HTTP/1.1 100 C\r\n\r\nHTTP/1.1 103 E\r\n\r\n${FINAL}`,
    gets: ok('Content-Length: 2\r\nConnection: close\r\n', 'ok'),
    closes: true,
  },
  {
    rule: '9110 15.2.2: 101 that nobody asked for is no answer',
    answer: 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    refused: 502,
    reuses: false,
  },
  {
    rule: '9110 7.8: 101 to an Upgrade that was not handed on',
    send: get('Connection: upgrade\r\nUpgrade: x\r\n'),
    answer: 'HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    sees: get(),
    refused: 502,
  },
  { rule: '9112 8: interim answers and no final one', answer: 'HTTP/1.1 100 C\r\n\r\n', ends: 'fin', refused: 502 },

  // ---- RFC 9110 10.1.1: Expect
  {
    rule: '9110 10.1.1: the expectation is handed on',
    send: post(`Content-Length: 3\r\n${EXPECT}`, 'abc'),
    sees: post(`Content-Length: 3\r\n${EXPECT}`, 'abc'),
  },
  {
    rule: '9110 10.1.1: the expectation has no case',
    send: post('Content-Length: 3\r\nexpect: 100-Continue\r\n', 'abc'),
    sees: post(`Content-Length: 3\r\n${EXPECT}`, 'abc'),
  },
  {
    rule: '9110 10.1.1, 5.6.1: empty members beside it are ignored',
    send: post('Content-Length: 3\r\nExpect: , 100-continue ,\r\n', 'abc'),
    sees: post(`Content-Length: 3\r\n${EXPECT}`, 'abc'),
  },
  { rule: '9110 10.1.1: not without content', send: get(EXPECT), sees: get() },
  {
    rule: '9110 10.1.1: ignored with HTTP/1.0',
    send: `POST /p HTTP/1.0\r\n${HOST}Content-Length: 3\r\n${EXPECT}\r\nabc`,
    sees: post('Content-Length: 3\r\n', 'abc'),
    closes: true,
  },
  {
    rule: '9110 10.1.1: unknown ones are ignored with HTTP/1.0',
    send: `POST /p HTTP/1.0\r\n${HOST}Content-Length: 3\r\nExpect: x\r\n\r\nabc`,
    sees: post('Content-Length: 3\r\n', 'abc'),
    closes: true,
  },
  refused('9110 10.1.1: an unknown expectation: 417', post('Content-Length: 3\r\nExpect: foo\r\n', 'abc'), 417),
  refused('9110 10.1.1: one beside 100-continue: 417', post('Content-Length: 3\r\nExpect: 100-continue, foo=bar\r\n', 'abc'), 417),
]);

test('9110 10.1.1: the head goes on at once, 100 comes back, then the content follows', async (t) => {
  for (const lines of ['Content-Length: 3\r\n', CHUNKED]) {
    const origin = await RawOrigin.start(async (connection) => {
      await connection.untilText('\r\n\r\n');
      assert.ok(connection.text.toLowerCase().includes(EXPECT.toLowerCase()));
      assert.ok(connection.text.endsWith('\r\n\r\n'), 'no content before 100');
      await connection.send('HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n');
      await connection.readRequest();
      await connection.send(FINAL);
    });
    const front = await openFront(t, 'node', origin.port, OPTIONS);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(post(lines + EXPECT));
    await client.untilText('X-A: 1\r\n');
    assert.match(client.text, /^HTTP\/1\.1 100 Continue\r\n/);
    await client.send(lines === CHUNKED ? '3\r\nabc\r\n0\r\n\r\n' : 'abc');
    assert.equal((await client.readReply('POST')).text, 'ok');
  }
});

test('9110 10.1.1: a final answer in place of 100 is handed on; what follows is not taken for content', async (t) => {
  const origin = await RawOrigin.start(async (connection) => {
    await connection.untilText('\r\n\r\n');
    await connection.send('HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno');
  });
  const front = await openFront(t, 'node', origin.port, OPTIONS);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(post(`Content-Length: 3\r\n${EXPECT}`));
  const reply = await client.readReply('POST');
  assert.equal(reply.status, 413);
  assert.equal(reply.interim.length, 0);
  assert.equal(reply.field('connection'), 'close');
  await client.untilEnd();
  assert.ok(origin.connections[0]?.text.endsWith('\r\n\r\n'), 'the origin got no content');
});

test('9110 10.1.1: no 100 is sent that the origin did not send, and a client that does not wait is served', async (t) => {
  const { client, requests } = await openCourt(t, () => FINAL);
  await client.send(post(`Content-Length: 3\r\n${EXPECT}`));
  await client.send('abc');
  const reply = await client.readReply('POST');
  assert.equal(reply.status, 200);
  assert.equal(reply.interim.length, 0);
  assert.deepEqual(plainRequest(requests[0]) !== undefined, true);
});

test('9110 10.1.1: content that an origin does not wait for is not its next request: nobody gets the answer to that', async (t) => {
  const evil = `GET /evil HTTP/1.1\r\n${HOST}\r\n`;
  const said = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  // It answers a head that expects 100 at once, and reads on as if no content came; what it then finds it answers with the next.
  const origin = await RawOrigin.start(async (connection) => {
    await connection.untilText('\r\n\r\n');
    const isHidden = connection.text.includes(EXPECT);
    if (isHidden) {
      await connection.untilText(evil);
      await connection.send(said('refused'));
      const isReused = await connection.untilText('GET /mine').then(
        () => true,
        () => false,
      );
      if (!isReused) return;
      await connection.send(said('evil'));
    }
    await connection.send(said('mine'));
  });
  const front = await openFront(t, 'node', origin.port, OPTIONS);
  t.after(() => origin.close());
  const attacker = await connectRaw(front.port);
  t.after(() => attacker.close());
  await attacker.send(post(`Content-Length: ${evil.length}\r\n${EXPECT}`, evil));
  assert.equal((await attacker.readReply('POST')).text, 'refused');
  assert.equal((await askOnce(front.port, `GET /mine HTTP/1.1\r\n${HOST}\r\n`)).text, 'mine');
});

test('9110 10.1.1: where 100 has come the connection to the origin is used again', async (t) => {
  const { client, origin } = await openCourt(t, async (_request, connection) => {
    await connection.send('HTTP/1.1 100 Continue\r\n\r\n');
    return FINAL;
  });
  for (let i = 0; i < 2; i++) {
    await client.send(post(`Content-Length: 3\r\n${EXPECT}`, 'abc'));
    assert.equal((await client.readReply('POST')).text, 'ok');
  }
  assert.equal(origin.connections.length, 1);
});

test('9110 10.1.1: a refusal that needs no content comes at once', async (t) => {
  const { client, origin } = await openCourt(t, () => FINAL, { ...OPTIONS, route: { match: { path: '/only' } } });
  await client.send(post(`Content-Length: 3\r\n${EXPECT}`));
  const reply = await client.readReply('POST');
  assert.equal(reply.status, 404);
  assert.equal(origin.text, '');
});

test('9110 15.2: an interim answer is handed on before the final one is there', async (t) => {
  const { client } = await openCourt(t, async (_request, connection) => {
    await connection.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n');
    await client.untilText('Link: </a>');
    return FINAL;
  });
  await client.send(get());
  assert.equal((await client.readReply()).interim.length, 1);
});

test('9112 9.5 (SHOULD): an answer to an unfinished upload is handed on, and sending stops', async (t) => {
  for (const lines of ['Content-Length: 1000000\r\n', CHUNKED]) {
    const origin = await RawOrigin.start(async (connection) => {
      await connection.untilText('abc');
      await connection.send('HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno');
      connection.halfClose();
    });
    const front = await openFront(t, 'node', origin.port, OPTIONS);
    t.after(() => origin.close());
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(post(lines) + (lines === CHUNKED ? '3\r\nabc\r\n' : 'abc'));
    const reply = await client.readReply('POST');
    assert.equal(reply.status, 403);
    assert.equal(reply.text, 'no');
    await client.untilEnd();
  }
});
