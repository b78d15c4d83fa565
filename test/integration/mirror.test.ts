import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { DifferenceBook } from '../../src/exchange/mirror/difference-book.ts';
import { judge } from '../../src/exchange/mirror/verdict.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type Answer, OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const GET = 'GET /a?token=t&q=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Basic eDp5\r\n\r\n';

async function originOf(t: TestContext, answer: Answer | string = OK_REPLY): Promise<RawOrigin> {
  const origin = await RawOrigin.answering(answer);
  t.after(() => origin.close());
  return origin;
}

type Setting = { readonly mirror?: object; readonly live?: object; readonly shadow?: object; readonly route?: object };

function open(t: TestContext, live: RawOrigin, shadow: RawOrigin, setting: Setting = {}): Promise<ConfiguredFront> {
  return openConfigured(t, {
    upstreams: { live: { endpoints: [live.url], ...setting.live }, shadow: { endpoints: [shadow.url], ...setting.shadow } },
    routes: [{ name: 'r', match: '/*', upstream: 'live', mirror: { upstream: 'shadow', ...setting.mirror }, ...setting.route }],
  });
}

const json = (body: object, more = ''): string => {
  const text = JSON.stringify(body);
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n${more}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};

function bookOf(front: ConfiguredFront): DifferenceBook {
  const book = front.gateway.mirrors.bookOf('r');
  assert.ok(book);
  return book;
}

const answered = (front: ConfiguredFront): number => front.counted('sluice_mirror_requests_total', 'answered');

test('a shadow gets the same request, marked as a copy, without the credentials that are not for it, and its answer is nobody’s', async (t) => {
  const [live, shadow] = [await originOf(t), await originOf(t, 'HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad')];
  const front = await open(t, live, shadow, { live: { forwardCredentials: true } });
  const reply = await askOnce(front.port, GET);
  assert.equal(reply.status, 200);
  await waitFor('the copy', () => answered(front) === 1);
  const [request] = shadow.requests;
  assert.equal(request?.target, '/a?token=t&q=1');
  assert.equal(request?.field('sluice-mirror'), '1');
  assert.equal(request?.field('host'), 'a');
  assert.equal(request?.field('authorization'), undefined);
  assert.equal(live.requests[0]?.field('authorization'), 'Basic eDp5');
  assert.equal(live.requests[0]?.field('sluice-mirror'), undefined);
});

test('a shadow gets credentials and its own name where that is configured', async (t) => {
  const [live, shadow] = [await originOf(t), await originOf(t)];
  const front = await open(t, live, shadow, { shadow: { forwardCredentials: true, host: 'upstream' } });
  await askOnce(front.port, GET);
  await waitFor('the copy', () => answered(front) === 1);
  assert.equal(shadow.requests[0]?.field('authorization'), 'Basic eDp5');
  assert.equal(shadow.requests[0]?.field('host'), `127.0.0.1:${shadow.port}`);
  assert.equal(live.requests[0]?.field('host'), 'a');
});

test('only methods that are named are copied, and no copy again', async (t) => {
  const [live, shadow] = [await originOf(t), await originOf(t)];
  const front = await open(t, live, shadow);
  const post = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi';
  await askOnce(front.port, post);
  await askOnce(front.port, 'GET /copy HTTP/1.1\r\nHost: a\r\nSluice-Mirror: 1\r\n\r\n');
  await askOnce(front.port, 'GET /last HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor('the copy', () => answered(front) === 1);
  assert.deepEqual(
    shadow.requests.map(({ target }) => target),
    ['/last'],
  );
});

test('a body is copied while it streams by, framed as it came; one that is too long is not', async (t) => {
  const [live, shadow] = [await originOf(t), await originOf(t)];
  const front = await open(t, live, shadow, { mirror: { methods: ['POST'], maxBody: '1KiB' } });
  const client = await connectRaw(front.port);
  client.send('POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  await waitFor('the live request', () => live.connections[0]?.text.includes('abc'));
  client.send('2\r\nde\r\n0\r\n\r\n');
  await waitFor('the copy', () => answered(front) === 1);
  assert.equal(shadow.requests[0]?.body.toString(), 'abcde');
  await askOnce(front.port, `POST /long HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(2000)}`);
  assert.equal(front.counted('sluice_mirror_requests_total', 'body-too-long'), 1);
  await askOnce(front.port, 'POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
  await waitFor('the next copy', () => answered(front) === 2);
  assert.deepEqual(
    shadow.requests.map(({ body }) => body.toString()),
    ['abcde', 'hi'],
  );
  assert.equal(front.gateway.heldBytes, 0);
});

test('a shadow that never answers costs no client anything, and no more copies than may be under way', async (t) => {
  const [live, shadow] = [await originOf(t), await originOf(t, () => undefined)];
  const front = await open(t, live, shadow, { mirror: { maxPending: 3 } });
  for (let i = 0; i < 10; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  await waitFor('copies', () => shadow.requests.length === 3);
  assert.equal(front.counted('sluice_mirror_requests_total', 'no-room'), 7);
});

test('a shadow that cannot be reached, breaks off or sends rubbish costs no client anything', async (t) => {
  const live = await originOf(t);
  const answers = ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort', '\0\0\0', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ntoo long'];
  const shadow = await originOf(t, async (_request, index, connection) => {
    await connection.send(answers[index % answers.length]!);
    connection.close();
    return undefined;
  });
  const front = await open(t, live, shadow);
  for (let i = 0; i < 6; i++) assert.equal((await askOnce(front.port, GET)).status, 200);
  await waitFor('all copies to end', () => answered(front) + front.counted('sluice_mirror_requests_total', 'failed') === 6);
  assert.ok(front.counted('sluice_mirror_requests_total', 'failed') >= 4);
});

test('a planted difference in one field is found, a time that always differs is not reported', async (t) => {
  let clock = 0;
  const body = (price: number): object => ({ items: [{ price, id: 7 }], at: clock++ });
  const live = await originOf(t, () => json(body(100)));
  const shadow = await originOf(t, (_request, index) => json(body(index % 5 === 0 ? 101 : 100)));
  const front = await open(t, live, shadow, { mirror: { compare: { minRequests: 50 } }, live: { extraLoad: '100%' } });
  const book = bookOf(front);
  // As many as the allowance of the live upstream lets through.
  let clients = 0;
  for (; book.compared < 50 && clients < 1000; clients += 1) await askOnce(front.port, GET);
  await waitFor('the last copies', () => answered(front) === clients);
  const { verdict, fields } = judge(book.read(), 50);
  assert.equal(verdict, 'differs');
  assert.deepEqual(
    fields.map(({ field, isDifferent }) => [field, isDifferent]),
    [
      ['body.items[].price', true],
      ['body.at', false],
    ],
  );
  const [example] = fields[0]!.examples;
  assert.deepEqual(example, { request: 'GET /a?token=(redacted)&q=1', live: '100', shadow: '101' });
  // A second live call for each comparison, and no client got one.
  const seconds = live.requests.filter((request) => request.field('sluice-mirror') === '1').length;
  assert.equal(live.requests.length - seconds, clients);
  assert.ok(seconds >= book.compared && seconds <= 0.6 * clients + 3, `${seconds} beside ${clients}`);
});

test('the second live call draws on the allowance of the live upstream: without any nothing is compared', async (t) => {
  const [live, shadow] = [await originOf(t, json({ a: 1 })), await originOf(t, json({ a: 2 }))];
  const front = await open(t, live, shadow, { mirror: { compare: true }, live: { extraLoad: '0%' } });
  for (let i = 0; i < 10; i++) await askOnce(front.port, GET);
  await waitFor('copies', () => answered(front) === 10);
  assert.equal(live.requests.length, 10);
  assert.equal(bookOf(front).compared, 0);
});

test('answers that are coded are compared by what is in them, and unsafe requests are not asked twice', async (t) => {
  const coded = (body: object): Buffer => {
    const bytes = gzipSync(JSON.stringify(body));
    const head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), bytes]);
  };
  const [live, shadow] = [await originOf(t, () => coded({ a: 1, b: 1 })), await originOf(t, () => coded({ b: 1, a: 2 }))];
  const mirror = { compare: true, methods: ['GET', 'POST'] };
  const front = await open(t, live, shadow, { mirror, live: { extraLoad: '100%' } });
  await askOnce(front.port, 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi');
  await askOnce(front.port, GET);
  await waitFor('one comparison', () => bookOf(front).compared === 1);
  assert.deepEqual(Object.keys(bookOf(front).read().fields), ['body.a']);
  assert.equal(live.requests.filter(({ method }) => method === 'POST').length, 1);
});

test('a live request that fails or whose client leaves is not compared with anything', async (t) => {
  const live = await originOf(t, (request) => (request.target === '/hang' ? undefined : json({ a: 1 })));
  const shadow = await originOf(t, json({ a: 2 }));
  const front = await open(t, live, shadow, { mirror: { compare: true }, live: { extraLoad: '100%' } });
  const client = await connectRaw(front.port);
  client.send('GET /hang HTTP/1.1\r\nHost: a\r\n\r\n');
  await waitFor('the copy', () => answered(front) === 1);
  client.close();
  await front.logged(0);
  const book = bookOf(front);
  for (let i = 0; i < 300 && book.compared === 0; i += 1) await askOnce(front.port, GET);
  const { compared, fields } = book.read();
  assert.ok(compared > 0);
  assert.equal(fields['body.a']?.raw, compared);
  assert.equal(fields['outcome'], undefined);
});
