import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { askOnce, connectRaw, exchangeRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { openFront, openPair } from './front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const HOST = 'Host: a.example\r\n';
const VIA = 'sluice-test-run';

/** The `uws` engine gets field names in lower case only. */
const nameFor = (engine: Engine, name: string): string => (engine === 'uws' ? name.toLowerCase() : name);

/** What Sluice adds to a request for `host` from this test. */
function added(port: number, minor = 1, host = 'a.example'): string {
  const identity = `X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ${host}\r\nX-Forwarded-Port: ${port}\r\nX-Real-IP: 127.0.0.1\r\n`;
  return `${identity}Via: 1.${minor} ${VIA}\r\nCDN-Loop: ${VIA}\r\n`;
}

for (const engine of ENGINES) {
  test(`${engine}: the origin sees exactly the request as understood`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const reply = await askOnce(front.port, `GET /a%2Fb?c=d&e HTTP/1.1\r\n${HOST}X-Test:  1 \r\nX-Test: 2\r\nX-Empty:\r\n\r\n`);
    assert.equal(reply.status, 200);
    assert.equal(reply.text, 'ok');
    const lines = origin.text.split('\r\n');
    assert.equal(lines[0], 'GET /a%2Fb?c=d&e HTTP/1.1');
    assert.equal(lines[1], 'Host: a.example');
    const name = nameFor(engine, 'X-Test');
    const expected = engine === 'uws' ? [`${name}: 1`, `${name}: 2`, 'x-empty: '] : ['X-Test:  1 ', 'X-Test: 2', 'X-Empty:'];
    assert.deepEqual(lines.slice(2, 5), expected);
    assert.equal(lines.slice(5).join('\r\n'), `${added(front.port)}\r\n`);
  });

  test(`${engine}: an empty query keeps its question mark`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    await askOnce(front.port, `GET /a? HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal(origin.requests[0]?.target, '/a?');
  });

  test(`${engine}: methods pass in the case they have, unknown ones too`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    for (const method of ['get', 'PURGE', 'M-SEARCH']) await askOnce(front.port, `${method} /a HTTP/1.1\r\n${HOST}\r\n`);
    assert.deepEqual(
      origin.requests.map(({ method }) => method),
      ['get', 'PURGE', 'M-SEARCH'],
    );
  });

  test(`${engine}: fields of the hop and those that Connection nominates end here`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const hop =
      'Connection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\n';
    await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}${hop}X-Mine: 1\r\nX-Other: 2\r\n\r\n`);
    assert.equal(origin.text, `GET /a HTTP/1.1\r\n${HOST}${nameFor(engine, 'X-Other')}: 2\r\n${added(front.port)}\r\n`);
  });

  test(`${engine}: identity that a client claims is dropped, also with underscores`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const claims =
      'X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\n';
    await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}${claims}\r\n`);
    assert.equal(origin.text, `GET /a HTTP/1.1\r\n${HOST}${added(front.port)}\r\n`);
  });

  test(`${engine}: identity that a trusted proxy claims is kept and extended`, async (t) => {
    const { front, origin } = await openPair(t, engine, undefined, { listener: { trustedProxies: ['127.0.0.0/8'] } });
    await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}X-Forwarded-For: 6.6.6.6\r\n\r\n`);
    assert.equal(origin.requests[0]?.field('x-forwarded-for'), '6.6.6.6, 127.0.0.1');
    assert.equal(origin.requests[0]?.field('x-real-ip'), '6.6.6.6');
  });

  test(`${engine}: credentials stop here unless the upstream may see them`, async (t) => {
    const secret = `GET /a HTTP/1.1\r\n${HOST}Authorization: Basic eA==\r\nCookie: a=b\r\n\r\n`;
    const closed = await openPair(t, engine);
    await askOnce(closed.front.port, secret);
    assert.equal(closed.origin.text, `GET /a HTTP/1.1\r\n${HOST}${added(closed.front.port)}\r\n`);
    const open = await openPair(t, engine, undefined, { upstream: { forwardCredentials: true } });
    await askOnce(open.front.port, secret);
    assert.equal(open.origin.requests[0]?.field('authorization'), 'Basic eA==');
    assert.equal(open.origin.requests[0]?.field('cookie'), 'a=b');
  });

  test(`${engine}: a request that has passed here before is answered 508`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const reply = await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}Via: 1.1 ${VIA}\r\n\r\n`);
    assert.equal(reply.status, 508);
    assert.equal(origin.connections.length, 0);
  });

  test(`${engine}: requests follow one another on one connection, and share one to the origin`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    for (let i = 0; i < 5; i++) {
      await client.send(`GET /${i} HTTP/1.1\r\n${HOST}\r\n`);
      const reply = await client.readReply();
      assert.equal(reply.text, 'ok');
      assert.equal(reply.field('connection'), undefined);
    }
    assert.equal(origin.connections.length, 1);
    assert.equal(front.listener.connections, 1);
  });

  test(`${engine}: a head may come in any pieces`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    const requestLine = 'POST /p HTTP/1.1\r\n';
    const request = `${requestLine}${HOST}Content-Length: 5\r\n\r\nabcde`;
    // The addon of `uws` answers 505 to a request line that comes in pieces.
    for (let cut = engine === 'uws' ? requestLine.length : 1; cut < request.length; cut += 3) {
      const client = await connectRaw(front.port);
      await client.sendSplit(request, [cut, cut + 1]);
      assert.equal((await client.readReply('POST')).status, 200, `cut at ${cut}`);
      client.close();
    }
    assert.ok(origin.requests.every(({ body }) => body.toString() === 'abcde'));
  });

  test(`${engine}: a client that says close gets its answer and is closed`, async (t) => {
    const { front, origin } = await openPair(t, engine);
    for (const close of ['close', 'Close', 'keep-alive, close', 'close, x-a']) {
      const received = await exchangeRaw(front.port, `GET /a HTTP/1.1\r\n${HOST}Connection: ${close}\r\n\r\n`);
      const text = received.toString('latin1');
      assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(text, /\r\nConnection: close\r\n/);
      assert.equal(text.match(/connection:/gi)?.length, 1);
      assert.ok(text.endsWith('\r\n\r\nok'));
    }
    assert.ok(!origin.text.toLowerCase().includes('connection:'));
  });

  test(`${engine}: the answer has the origin's fields in their order and one Date`, async (t) => {
    const answer =
      'HTTP/1.1 200 Fine\r\nX-One: 1\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n';
    const { front } = await openPair(t, engine, answer);
    const reply = await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal(reply.reason, 'Fine');
    const names = reply.fields.map(([name]) => name);
    assert.deepEqual(
      names.filter((name) => name !== 'Date'),
      ['X-One', 'Set-Cookie', 'Set-Cookie', 'Via', 'Content-Length'],
    );
    // The addon of `uws` writes a Date of its own in its place.
    assert.equal(reply.field('date') === 'Mon, 01 Jan 2024 00:00:00 GMT', engine === 'node');
  });

  test(`${engine}: bytes above 0x7f pass as they are, both ways`, async (t) => {
    const { front, origin } = await openPair(t, engine, 'HTTP/1.1 200 F\xe4n\r\nX-A: l\xe4tin\r\nContent-Length: 1\r\n\r\n\xff');
    const reply = await askOnce(front.port, Buffer.from(`GET /a HTTP/1.1\r\n${HOST}X-A: u\xc3\xa4v\r\n\r\n`, 'latin1'));
    assert.equal(reply.reason, 'F\xe4n');
    assert.equal(reply.field('x-a'), 'l\xe4tin');
    assert.equal(reply.body[0], 0xff);
    assert.equal(origin.requests[0]?.field('x-a'), 'u\xc3\xa4v');
  });

  test(`${engine}: a route that answers by itself does so on a kept connection`, async (t) => {
    const routes = [{ name: 'own', match: { path: '/*' }, respond: { status: 200, headers: { 'X-Own': 'yes' }, body: 'hello' } }];
    const { front } = await openPair(t, engine, undefined, { routes });
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    for (const method of ['GET', 'HEAD', 'GET']) {
      await client.send(`${method} / HTTP/1.1\r\n${HOST}\r\n`);
      const reply = await client.readReply(method);
      assert.equal(reply.field('content-length'), '5');
      assert.equal(reply.text, method === 'HEAD' ? '' : 'hello');
    }
  });

  test(`${engine}: a method that no route takes is answered 405 with Allow, no route 404`, async (t) => {
    const { front } = await openPair(t, engine, undefined, { route: { match: { path: '/a', methods: ['GET'] } } });
    const refused = await askOnce(front.port, `PUT /a HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`);
    assert.equal(refused.status, 405);
    assert.ok(refused.field('allow')?.includes('GET'));
    assert.equal((await askOnce(front.port, `GET /b HTTP/1.1\r\n${HOST}\r\n`)).status, 404);
  });

  test(`${engine}: while draining, each answer is told to be the last`, async (t) => {
    const { front } = await openPair(t, engine);
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    await client.readReply();
    front.gateway.beginDrain();
    await client.send(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal((await client.readReply()).field('connection'), 'close');
    await client.untilEnd();
  });

  test(`${engine}: after stopAccepting an open connection is served, a new one refused`, async (t) => {
    const { front } = await openPair(t, engine);
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    await client.send(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    await client.readReply();
    await front.listener.stopAccepting();
    await assert.rejects(connectRaw(front.port), { code: 'ECONNREFUSED' });
    await client.send(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
    assert.equal((await client.readReply()).text, 'ok');
  });

  test(`${engine}: no endpoint is answered 502 or 503 and the connection goes on`, async (t) => {
    const origin = await RawOrigin.start();
    const { port } = origin;
    await origin.close();
    const front = await openFront(t, engine, port);
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    for (let i = 0; i < 2; i++) {
      await client.send(`GET /a HTTP/1.1\r\n${HOST}\r\n`);
      assert.ok([502, 503].includes((await client.readReply()).status));
    }
  });
}

// ---- what only one engine does, and what the other does instead ---------------------------------------------------------

test('node: pipelined requests are answered in their order', async (t) => {
  const { front, origin } = await openPair(t, 'node', (request) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.target}`);
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send([1, 2, 3].map((i) => `GET /${i} HTTP/1.1\r\n${HOST}\r\n`).join(''));
  for (const i of [1, 2, 3]) assert.equal((await client.readReply()).text, `/${i}`);
  assert.equal(origin.requests.length, 3);
});

test('uws: a request that meets an unanswered one closes the connection, and is not sent on', async (t) => {
  const { front, origin } = await openPair(t, 'uws');
  const received = await exchangeRaw(front.port, `GET /1 HTTP/1.1\r\n${HOST}\r\nGET /2 HTTP/1.1\r\n${HOST}\r\n`);
  assert.equal(received.length, 0);
  assert.ok(!origin.text.includes('/2'));
});

test('node: HTTP/1.0 is spoken, one request on a connection', async (t) => {
  const { front, origin } = await openPair(t, 'node', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n');
  const received = (await exchangeRaw(front.port, 'GET /a HTTP/1.0\r\n\r\n')).toString('latin1');
  assert.ok(received.endsWith('Connection: close\r\n\r\nok'), received);
  assert.equal(origin.requests[0]?.field('host'), `127.0.0.1:${origin.port}`);
  assert.equal(origin.requests[0]?.field('via'), `1.0 ${VIA}`);
});

test('uws: HTTP/1.0 is answered 505', async (t) => {
  const { front, origin } = await openPair(t, 'uws');
  assert.match((await exchangeRaw(front.port, 'GET /a HTTP/1.0\r\n\r\n')).toString(), /^HTTP\/1\.1 505 /);
  assert.equal(origin.connections.length, 0);
});

test('node: the authority of an absolute-form target stands above Host', async (t) => {
  const { front, origin } = await openPair(t, 'node');
  await askOnce(front.port, `GET http://b.example/x?y HTTP/1.1\r\n${HOST}\r\n`);
  assert.equal(origin.text, `GET /x?y HTTP/1.1\r\nHost: b.example\r\n${added(front.port, 1, 'b.example')}\r\n`);
});

test('node: OPTIONS * passes, empty lines before a request are skipped', async (t) => {
  const { front, origin } = await openPair(t, 'node');
  assert.equal((await askOnce(front.port, `\r\n\r\nOPTIONS * HTTP/1.1\r\n${HOST}\r\n`).catch(() => undefined)) !== undefined, true);
  assert.equal(origin.requests[0]?.target, '*');
});

test('node: interim answers of the origin pass', async (t) => {
  const { front } = await openPair(
    t,
    'node',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  );
  const reply = await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}\r\n`);
  assert.equal(reply.interim.length, 1);
  assert.ok(reply.interim[0]?.head.includes('Link: </a>'));
});

test('uws: interim answers of the origin are kept back, the final one passes', async (t) => {
  const { front } = await openPair(
    t,
    'uws',
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  );
  const reply = await askOnce(front.port, `GET /a HTTP/1.1\r\n${HOST}\r\n`);
  assert.equal(reply.interim.length, 0);
  assert.equal(reply.text, 'ok');
});

test('uws: a value that is not UTF-8 is refused, since its bytes are lost', async (t) => {
  const { front, origin } = await openPair(t, 'uws');
  assert.equal((await askOnce(front.port, Buffer.from(`GET /a HTTP/1.1\r\n${HOST}X-A: u\xe4v\r\n\r\n`, 'latin1'))).status, 400);
  assert.equal(origin.connections.length, 0);
});
