import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOnce } from '../harness/raw-client.ts';
import type { Reply } from '../harness/http-reply.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { hostCache } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';
import { HostRecords } from './keyed-front.ts';
import { held, message, numbered, openShared, problemOf } from './shared-host.ts';

/** Every answer of a caching route says what the cache had to do with it (RFC 9211), whoever made it. */

const COLLAPSED = { GET: 'sluice; fwd=uri-miss; collapsed', POST: 'sluice; fwd=method; collapsed' };

/** In order of the text. */
async function told(replies: readonly Promise<Reply>[]): Promise<string[]> {
  return (await Promise.all(replies)).map((reply) => `${reply.status} ${reply.field('Cache-Status')}`).toSorted();
}

test('who shares an answer behind the cache is told that it was collapsed, and who asked for all that it was forwarded', async (t) => {
  const origin = held((index) => numbered(index, 'Cache-Control: no-store\r\n'));
  const host = await openShared(t, origin.answer, { route: { cache: true, collapse: false }, dedupe: { methods: ['GET', 'POST'] } });
  const gets = host.herd(3);
  const posts = host.herd(3, { method: 'POST', path: '/b', body: 'x' });
  await host.gathered(6, 4);
  origin.open();
  assert.deepEqual(await told(gets), ['200 sluice; fwd=uri-miss', `200 ${COLLAPSED.GET}`, `200 ${COLLAPSED.GET}`]);
  assert.deepEqual(await told(posts), ['200 sluice; fwd=method', `200 ${COLLAPSED.POST}`, `200 ${COLLAPSED.POST}`]);
});

test('a failure that is shared tells the same, and a duplicate that is refused that nobody was asked', async (t) => {
  const garbage = held(() => 'HTTP/1.1 200 OK\r\nno field\r\n\r\n');
  const personal = held((index) => numbered(index, 'Set-Cookie: a=1\r\n'));
  const answer: Answer = (request, ...rest) => (request.target === '/bad' ? garbage : personal).answer(request, ...rest);
  const host = await openShared(t, answer, { route: { cache: true, collapse: false }, dedupe: { methods: ['POST'] } });
  const lost = host.herd(3, { method: 'POST', path: '/bad', body: 'x' });
  const refused = host.herd(3, { method: 'POST', path: '/personal', body: 'x' });
  await host.gathered(6, 4);
  garbage.open();
  assert.deepEqual(await told(lost), ['502 sluice; fwd=method', `502 ${COLLAPSED.POST}`, `502 ${COLLAPSED.POST}`]);
  personal.open();
  assert.deepEqual(await told(refused), ['200 sluice; fwd=method', '409 sluice', '409 sluice']);
});

test('answers by idempotency key: the one that ran was forwarded, the one that is kept is a hit, and a refusal is neither', async (t) => {
  const origin = await RawOrigin.answering((_, index) => numbered(index));
  t.after(() => origin.close());
  const front = await openConfigured(
    t,
    {
      upstreams: { o: origin.url },
      routes: [{ match: '/*', upstream: 'o', cache: true, maxBody: '1KiB', dedupe: { idempotencyKey: { required: true } } }],
      store: '/nowhere',
    },
    { caching: hostCache(32 * 2 ** 20).open(0), records: new HostRecords(t).connect(t) },
  );
  const ask = (fields: string, body = 'x') => askOnce(front.port, message({ method: 'POST', fields, body }));
  const told: (string | undefined)[] = [];
  for (const [fields, body] of [
    ['Idempotency-Key: a\r\n'],
    ['Idempotency-Key: a\r\n'],
    ['Idempotency-Key: a\r\n', 'other'],
    [''],
    ['', 'y'.repeat(2000)],
  ] as const) {
    const reply = await ask(fields, body);
    told.push(`${reply.status < 300 ? reply.text : problemOf(reply)}: ${reply.field('Cache-Status')}`);
  }
  assert.deepEqual(told, [
    'run 0: sluice; fwd=method',
    'run 0: sluice; hit; detail=idempotency-key',
    '422 idempotency-key-reused: sluice',
    '400 idempotency-key-missing: sluice',
    '413 body-too-large: sluice',
  ]);
});
