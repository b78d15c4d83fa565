import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce, connectRaw, exchangeRaw } from '../harness/raw-client.ts';
import { OK_REPLY, type OriginScript, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { deadUrl } from '../harness/dead-address.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const HOST = 'Host: a.example\r\n';
const get = (path = '/a', method = 'GET'): string => `${method} ${path} HTTP/1.1\r\n${HOST}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const OK_HEAD = 'HTTP/1.1 200 OK\r\n';

async function openFront(t: TestContext, engine: Engine, endpoints: readonly unknown[], upstream: object = {}): Promise<ConfiguredFront> {
  return openConfigured(t, {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', engine }],
    upstreams: { origin: { endpoints, ...upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'origin' }],
  });
}

async function openScene(t: TestContext, engine: Engine, script: OriginScript): Promise<{ front: ConfiguredFront; origin: RawOrigin }> {
  const origin = await RawOrigin.start(script);
  const front = await openFront(t, engine, [origin.url]);
  t.after(() => origin.close());
  return { front, origin };
}

async function open(t: TestContext, front: ConfiguredFront): Promise<RawPeer> {
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  return client;
}

/** Answers the first request of the first connection well, and does the given thing at the second; later connections are good. */
function onReuse(act: (connection: RawPeer) => void): OriginScript {
  return async (connection, index) => {
    for (let count = 0; (await connection.readRequest(60_000).catch(() => undefined)) !== undefined; count++) {
      if (index === 0 && count === 1) return act(connection);
      await connection.send(OK_REPLY);
    }
  };
}

for (const engine of ENGINES) {
  // ---- before an answer ------------------------------------------------------------------------------------------------

  test(`${engine}: an origin that refuses is a 502, tried twice, and the client's connection goes on`, async (t) => {
    const front = await openFront(t, engine, [await deadUrl()]);
    const client = await open(t, front);
    for (let i = 0; i < 2; i++) {
      await client.send(get());
      const reply = await client.readReply();
      assert.deepEqual([reply.status, reply.field('proxy-status')], [502, 'sluice; error=connection_refused']);
    }
    assert.equal(front.counted('sluice_upstream_retries_total', 'unsent'), 2);
    assert.equal(front.counted('sluice_upstream_failures_total', 'connect-refused'), 4);
  });

  for (const [what, bytes] of [
    ['nothing', ''],
    ['part of a status line', 'HTTP/1.1 2'],
    ['part of a head', `${OK_HEAD}Content-Length: 5\r\nX: `],
    ['an interim answer', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ] as const) {
    for (const end of ['close', 'reset'] as const) {
      test(`${engine}: an origin that gives ${what} and then a ${end} is a 502 to GET and to POST, asked once`, async (t) => {
        const { front, origin } = await openScene(t, engine, async (connection) => {
          await connection.readRequest();
          await connection.send(bytes);
          if (end === 'close') connection.close();
          else connection.reset();
        });
        for (const request of [get(), `POST /p HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`]) {
          const reply = await askOnce(front.port, request);
          assert.equal(reply.status, 502);
          assert.match(reply.field('proxy-status') ?? '', /^sluice; error=[a-z_]+$/);
        }
        assert.equal(origin.connections.length, 2);
        await waitFor('nothing is left', () => front.gateway.inFlight === 0);
      });
    }
  }

  for (const [what, bytes] of [
    ['no HTTP', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['a folded field', `${OK_HEAD}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n'],
    ['a bare CR in a value', `${OK_HEAD}X: a\rb\r\nContent-Length: 0\r\n\r\n`],
    ['NUL in a value', `${OK_HEAD}X: a\0b\r\nContent-Length: 0\r\n\r\n`],
    ['two lengths', `${OK_HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['a length and a coding', `${OK_HEAD}Content-Length: 5\r\n${CHUNKED}\r\n0\r\n\r\n`],
    ['a length that is none', `${OK_HEAD}Content-Length: -1\r\n\r\n`],
    ['another coding', `${OK_HEAD}Transfer-Encoding: gzip\r\n\r\nx`],
    ['a head over 64 KiB', `${OK_HEAD}X: ${'x'.repeat(70_000)}\r\n\r\n`],
    ['101 that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ] as const) {
    test(`${engine}: an origin that sends ${what} is a 502, and its connection is not used again`, async (t) => {
      const { front, origin } = await openScene(t, engine, async (connection, index) => {
        for (let count = 0; (await connection.readRequest(60_000).catch(() => undefined)) !== undefined; count++) {
          await connection.send(index === 0 && count === 0 ? bytes : OK_REPLY);
        }
      });
      const client = await open(t, front);
      await client.send(get());
      const reply = await client.readReply();
      assert.equal(reply.status, 502);
      assert.doesNotMatch(reply.text, /SSH|xxxx|127\.0\.0\.1/);
      await client.send(get('/next'));
      assert.equal((await client.readReply()).text, 'ok');
      assert.equal(origin.connections.length, 2);
      await origin.connections[0]?.untilEnd();
    });
  }

  // ---- within an answer ------------------------------------------------------------------------------------------------

  for (const [what, head, body, then] of [
    ['by length', 'Content-Length: 10\r\n', 'abc', ''],
    ['in chunks, within one', CHUNKED, '5\r\nabc', ''],
    ['in chunks, between two', CHUNKED, '3\r\nabc\r\n', ''],
    ['in chunks, before the last line', CHUNKED, '3\r\nabc\r\n', '0\r\n'],
    ['in chunks that are malformed', CHUNKED, '3\r\nabc\r\n', 'xyz\r\n'],
  ] as const) {
    for (const end of ['close', 'reset'] as const) {
      test(`${engine}: an answer ${what} that ends by a ${end} is never whole for the client`, async (t) => {
        const { front } = await openScene(t, engine, async (connection) => {
          await connection.readRequest();
          await connection.send(`${OK_HEAD}${head}\r\n${body}`);
          // The head is out, so that it can be no 502 any more.
          await client.untilText('abc');
          await connection.send(then);
          if (end === 'close') connection.close();
          else connection.reset();
        });
        const client = await open(t, front);
        await client.send(get());
        const text = (await client.untilEnd()).toString('latin1');
        assert.match(text, /^HTTP\/1\.1 200 /);
        assert.ok(!/\r\n0\r\n/.test(text), 'no last chunk');
        await assert.rejects(client.readReply());
        await waitFor('nothing is left', () => front.gateway.inFlight === 0);
        assert.equal(front.counted('sluice_body_cuts_total', 'all'), 1);
      });
    }
  }

  test(`${engine}: an answer that ends with its connection is whole when that closes, and cut when it is reset`, async (t) => {
    const { front } = await openScene(t, engine, async (connection, index) => {
      await connection.readRequest();
      await connection.send(`${OK_HEAD}\r\nabc`);
      await clients[index]?.untilText('abc');
      if (index === 0) connection.close();
      else connection.reset();
    });
    const clients = [await open(t, front), await open(t, front)] as const;
    await clients[0].send(get());
    assert.equal((await clients[0].readReply()).text, 'abc');
    await clients[1].send(get());
    await clients[1].untilEnd();
    await assert.rejects(clients[1].readReply());
  });

  // ---- reuse -------------------------------------------------------------------------------------------------------------

  for (const [method, isRetried] of [
    ['GET', true],
    ['HEAD', true],
    ['PUT', true],
    ['DELETE', true],
    ['OPTIONS', true],
    ['POST', false],
    ['PATCH', false],
  ] as const) {
    for (const [how, act] of [
      ['closes', (connection: RawPeer) => connection.close()],
      ['resets', (connection: RawPeer) => connection.reset()],
    ] as const) {
      test(`${engine}: ${method} that meets a connection which the origin ${how} is ${isRetried ? 'sent once more' : 'not sent again'}`, async (t) => {
        const { front, origin } = await openScene(t, engine, onReuse(act));
        assert.equal((await askOnce(front.port, get('/first'))).status, 200);
        const reply = await askOnce(front.port, get('/second', method));
        assert.equal(reply.status, isRetried ? 200 : 502);
        assert.equal(origin.connections.length, isRetried ? 2 : 1);
        const seen = origin.text.split('/second').length - 1;
        assert.equal(seen, isRetried ? 2 : 1, 'how often the origin saw it');
        assert.equal(front.counted('sluice_upstream_retries_total', 'stale'), isRetried ? 1 : 0);
      });
    }
  }

  test(`${engine}: a body that was sent is not sent again, whatever the method`, async (t) => {
    const { front, origin } = await openScene(
      t,
      engine,
      onReuse((connection) => connection.close()),
    );
    assert.equal((await askOnce(front.port, get('/first'))).status, 200);
    const reply = await askOnce(front.port, `PUT /second HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`);
    assert.equal(reply.status, 502);
    assert.equal(origin.text.split('/second').length - 1, 1);
  });

  test(`${engine}: a retry that meets the same again is not retried`, async (t) => {
    const { front, origin } = await openScene(t, engine, async (connection, index) => {
      await connection.readRequest(60_000);
      if (index > 0) return connection.close();
      await connection.send(OK_REPLY);
      await connection.readRequest(60_000);
      connection.close();
    });
    assert.equal((await askOnce(front.port, get('/first'))).status, 200);
    assert.equal((await askOnce(front.port, get('/second'))).status, 502);
    assert.equal(origin.connections.length, 2);
  });

  for (const [what, method, first] of [
    ['a body longer than its length', 'GET', `${OK_HEAD}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong`],
    ['a body to HEAD', 'HEAD', `${OK_HEAD}Content-Length: 5\r\n\r\nwrong`],
    ['a body with 204', 'GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nwrong'],
    ['a body with 304', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nwrong'],
    ['two answers to one request', 'GET', `${OK_REPLY}${OK_REPLY.replace('ok', 'no')}`],
    [
      'something after the last chunk',
      'GET',
      `${OK_HEAD}${CHUNKED}\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong`,
    ],
  ] as const) {
    test(`${engine}: ${what}: the surplus reaches no request, neither this nor the next`, async (t) => {
      const { front, origin } = await openScene(t, engine, async (connection, index) => {
        for (let count = 0; (await connection.readRequest(60_000).catch(() => undefined)) !== undefined; count++) {
          await connection.send(index === 0 && count === 0 ? first : OK_REPLY);
        }
      });
      const client = await open(t, front);
      await client.send(get('/a', method));
      const reply = await client.readReply(method);
      assert.ok(reply.text === 'ok' || reply.text === '');
      await origin.connections[0]?.untilEnd();
      for (let i = 0; i < 3; i++) {
        await client.send(get('/next'));
        assert.equal((await client.readReply()).text, 'ok');
      }
      assert.doesNotMatch(client.text, /wrong|no$/);
      assert.equal(origin.connections.length, 2);
    });
  }

  // ---- several endpoints ---------------------------------------------------------------------------------------------------

  for (const weight of [1, 3]) {
    test(`${engine}: what one endpoint (weight ${weight}) refuses goes to another, also while many ask at once`, async (t) => {
      const origin = await RawOrigin.answering();
      t.after(() => origin.close());
      const front = await openFront(t, engine, [{ url: await deadUrl(), weight }, origin.url]);
      const post = `POST /p HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`;
      const ask = (i: number): Promise<Reply> => askOnce(front.port, i % 2 === 0 ? get() : post);
      for (let i = 0; i < 6; i++) assert.equal((await ask(i)).status, 200);
      const replies = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)));
      assert.deepEqual([...new Set(replies.map(({ status }) => status))], [200]);
      assert.equal(origin.requests.length, 26);
      for (const { body, method } of origin.requests) assert.equal(body.toString(), method === 'POST' ? 'abc' : '');
    });
  }
}

// ---- only where an engine can ------------------------------------------------------------------------------------------------

test('node: an HTTP/1.0 client is reset when its answer breaks off, since a close would end it', async (t) => {
  for (const [head, body] of [
    ['Content-Length: 10\r\n', 'abc'],
    [CHUNKED, '3\r\nabc\r\n'],
  ] as const) {
    const { front } = await openScene(t, 'node', async (connection) => {
      await connection.readRequest();
      await connection.send(`${OK_HEAD}${head}\r\n${body}`);
      await client.untilText('abc');
      connection.close();
    });
    const client = await open(t, front);
    await client.send('GET /a HTTP/1.0\r\n\r\n');
    await client.untilEnd();
    if (head === CHUNKED) await waitFor('a reset', () => client.error?.code === 'ECONNRESET');
    else assert.match(client.text, /Content-Length: 10\r\n/);
  }
});

test('node: an HTTP/1.0 client gets an answer of unknown length until the close', async (t) => {
  const { front } = await openScene(t, 'node', async (connection) => {
    await connection.readRequest();
    await connection.send(`${OK_HEAD}${CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n`);
  });
  const text = (await exchangeRaw(front.port, 'GET /a HTTP/1.0\r\n\r\n')).toString();
  assert.ok(text.endsWith('\r\n\r\nabc'));
  assert.doesNotMatch(text, /chunked/i);
});

test('node: interim answers pass in their order, before the final one and before it is there', async (t) => {
  const { front } = await openScene(t, 'node', async (connection) => {
    await connection.readRequest();
    await connection.send('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n');
    await client.untilText(' 102 ');
    await connection.send(OK_REPLY);
  });
  const client = await open(t, front);
  await client.send(get());
  const reply = await client.readReply();
  assert.deepEqual(
    reply.interim.map(({ startLine }) => startLine.split(' ')[1]),
    ['103', '102'],
  );
  assert.equal(reply.text, 'ok');
});
