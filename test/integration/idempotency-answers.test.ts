import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import { HostRecords } from './keyed-front.ts';
import { held, numbered, openScene, problemOf } from './keyed-scene.ts';

for (const isLengthKnown of [true, false]) {
  test(`an answer that is too long passes, ${isLengthKnown ? 'length told' : 'chunked'}, and its key is used up`, async (t) => {
    const body = 'y'.repeat(3000);
    const framing = isLengthKnown
      ? `Content-Length: ${body.length}\r\n\r\n${body}`
      : `Transfer-Encoding: chunked\r\n\r\nbb8\r\n${body}\r\n0\r\n\r\n`;
    const { ask, origin } = await openScene(t, () => `HTTP/1.1 200 OK\r\n${framing}`, { keyed: { maxAnswer: '1KiB' } });
    assert.equal((await ask({ key: 'k' })).text, body);
    assert.equal(problemOf(await ask({ key: 'k' })), '409 idempotency-answer-not-kept');
    assert.equal(origin.requests.length, 1);
  });
}

test('errors are answers like others: what may have been carried out is not sent again', async (t) => {
  for (const status of [400, 403, 404, 409, 500, 502, 503, 504]) {
    const { ask, origin } = await openScene(t, () => `HTTP/1.1 ${status} X\r\nContent-Length: 1\r\n\r\nx`);
    await ask({ key: 'k' });
    const again = await ask({ key: 'k' });
    assert.deepEqual([again.status, again.field('idempotent-replayed'), origin.requests.length], [status, 'true', 1]);
  }
});

test('an answer that asks for the request again is not kept', async (t) => {
  for (const line of ['429 Too Many Requests', '425 Too Early', '421 Misdirected Request', '401 Unauthorized', '503 X\r\nRetry-After: 1']) {
    const { ask, origin } = await openScene(t, () => `HTTP/1.1 ${line}\r\nContent-Length: 0\r\n\r\n`);
    await ask({ key: 'k' });
    const again = await ask({ key: 'k' });
    assert.deepEqual([again.field('idempotent-replayed'), origin.requests.length], [undefined, 2], line);
  }
});

test('an answer without a body, and one with fields twice, come again as they were', async (t) => {
  const answers = ['204 No Content\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: \xe4\r\n\r\n', '200 OK\r\nContent-Length: 0\r\n\r\n'];
  for (const answer of answers) {
    const { ask } = await openScene(t, () => `HTTP/1.1 ${answer}`);
    const [first, second] = [await ask({ key: 'k' }), await ask({ key: 'k' })];
    const fieldsOf = (reply: Reply): string =>
      reply.fields
        .filter(([name]) => name.toLowerCase() !== 'idempotent-replayed')
        .map(([name, value]) => `${name}: ${value}`)
        .join('\n');
    assert.equal(second.status, first.status);
    assert.equal(fieldsOf(second), fieldsOf(first));
    assert.equal(second.text, '');
  }
});

test('an upstream that was never reached leaves the key free; one that broke off leaves it unknown', async (t) => {
  let isBroken = true;
  const { ask, origin, counted } = await openScene(t, (request, index, connection) => {
    if (isBroken) connection.reset();
    return isBroken ? undefined : numbered(request, index, connection);
  });
  assert.equal((await ask({ key: 'broken' })).status, 502);
  isBroken = false;
  assert.equal(problemOf(await ask({ key: 'broken' })), '409 idempotency-outcome-unknown');
  assert.equal(counted('unknown'), 1);
  assert.equal(origin.requests.length, 1);
  const refused = await openScene(t, numbered, { upstream: { endpoints: ['http://127.0.0.1:1'] }, records: new HostRecords(t) });
  assert.equal((await refused.ask({ key: 'k' })).status, 502);
  assert.equal((await refused.ask({ key: 'k' })).status, 502, 'it was tried again');
  assert.equal(refused.counted('ran'), 2);
});

test('an answer that breaks off in its body is none', async (t) => {
  const { ask, origin } = await openScene(t, (_, __, connection) => {
    void connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf').then(() => connection.close());
    return undefined;
  });
  assert.equal((await ask({ key: 'k' })).status, 502);
  assert.equal(problemOf(await ask({ key: 'k' })), '409 idempotency-outcome-unknown');
  assert.equal(origin.requests.length, 1);
});

test('a PUT that met a closing connection is not sent twice, where its key says so', async (t) => {
  let requests = 0;
  const { ask, origin } = await openScene(
    t,
    (request, index, connection) => {
      requests += 1;
      if (request.method !== 'PUT') return numbered(request, index, connection);
      connection.close();
      return undefined;
    },
    { keyed: { methods: ['PUT', 'POST'] } },
  );
  // Leaves a connection that has served before.
  await ask({ key: 'first' });
  assert.equal((await ask({ key: 'k', method: 'PUT' })).status, 502);
  assert.equal(requests, 2);
  assert.equal(origin.requests.length, 2);
});

test('the deadline of the route makes the outcome unknown', async (t) => {
  const { answer, release } = held();
  const { ask } = await openScene(t, answer, { route: { timeout: '100ms' } });
  assert.equal((await ask({ key: 'k' })).status, 504);
  assert.equal(problemOf(await ask({ key: 'k' })), '409 idempotency-outcome-unknown');
  release();
});
