import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../harness/wait-for.ts';
import { held, numbered, openShared } from './shared-host.ts';

const HERD = 20;

test('requests with different credentials, bodies, methods, ranges, conditions or wishes are different requests', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['GET', 'HEAD', 'POST'], key: ['url', 'body'] } });
  const fields = [
    'Authorization: Bearer a\r\n',
    'Authorization: Bearer b\r\n',
    'Cookie: sid=1\r\n',
    'Cookie: sid=2\r\n',
    'X-Api-Key: one\r\n',
    'X-Session-Token: one\r\n',
    'Range: bytes=0-1\r\n',
    'If-None-Match: "a"\r\n',
    'Accept: text/html\r\n',
    'Accept-Encoding: gzip\r\n',
    'Cache-Control: no-cache\r\n',
    'Origin: http://b.example\r\n',
    'X-HTTP-Method-Override: DELETE\r\n',
    'Idempotency-Key: 1\r\n',
    '',
  ];
  const replies = [
    ...fields.map((line) => host.ask({ fields: line })),
    host.ask({ method: 'HEAD' }),
    host.ask({ method: 'POST', body: 'amount=10' }),
    host.ask({ method: 'POST', body: 'amount=11' }),
    host.ask({ path: '/a?b' }),
    host.ask({ path: '/A' }),
    host.ask({ fields: 'Host: b.example\r\n' }).catch(() => undefined),
  ];
  const count = replies.length - 1;
  await waitFor('all are at the origin', () => host.asked() === count);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.counted('sluice_dedupe_total'), 0);
});

test('what only tells of the way of a request does not tell requests apart; with names alone, no other field does', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer);
  const ways = ['X-Forwarded-For: 192.0.2.1\r\n', 'traceparent: 00-1\r\n', 'X-Request-ID: 4\r\n', 'Via: 1.1 a\r\n', ''];
  const replies = ways.map((fields, i) => host.ask({ fields, on: i % 2 === 0 ? 0 : 1 }));
  const other = host.ask({ fields: 'X-Version: 2\r\n' });
  await host.gathered(ways.length + 1, ways.length - 1);
  origin.open();
  await Promise.all([...replies, other]);
  assert.equal(host.asked(), 2);

  const second = held((index) => numbered(index));
  const named = await openShared(t, second.answer, { dedupe: { key: ['url', 'X-Tenant-Name'] } });
  const versions = ['X-Version: 1\r\n', 'X-Version: 2\r\nUser-Agent: b\r\n', 'X-Tenant-Name: a\r\n'].map((fields) => named.ask({ fields }));
  await named.gathered(3, 1);
  second.open();
  await Promise.all(versions);
  assert.equal(named.asked(), 2);
});

test('credentials that the upstream does not get make no difference, those that the client’s address is do if named', async (t) => {
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { upstream: { forwardCredentials: false } });
  const replies = ['a', 'b'].map((token) => host.ask({ fields: `Authorization: Bearer ${token}\r\nCookie: sid=${token}\r\n` }));
  await host.gathered(2, 1);
  origin.open();
  await Promise.all(replies);
  assert.equal(host.asked(), 1);

  const second = held((index) => numbered(index));
  const listeners = [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.1/32'] }];
  const byAddress = await openShared(t, second.answer, { dedupe: { key: ['url', 'ip'] }, listeners });
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.1'].map((ip) => byAddress.ask({ fields: `X-Forwarded-For: ${ip}\r\n` }));
  await byAddress.gathered(3, 1);
  second.open();
  await Promise.all(addresses);
  assert.equal(byAddress.asked(), 2);
});

test('an answer with Set-Cookie, without a bound, or that varies by what is not compared is for its own client', async (t) => {
  const rows = [
    ['Set-Cookie: sid=1\r\n', ['url']],
    ['Vary: *\r\n', ['url', 'headers']],
    ['Vary: X-Forwarded-For\r\n', ['url', 'headers']],
  ] as const;
  for (const [fields, key] of rows) {
    const origin = held((index) => numbered(index, fields));
    const host = await openShared(t, origin.answer, { dedupe: { key } });
    const replies = host.herd(HERD);
    await host.gathered(HERD, HERD - 1);
    origin.open();
    const texts = (await Promise.all(replies)).map(({ text }) => text);
    assert.equal(new Set(texts).size, HERD, fields);
    assert.equal(host.counted('sluice_uncacheable_releases_total'), HERD - 1);
    // Remembered: nobody waits for it now.
    await Promise.all(host.herd(HERD));
    assert.equal(host.asked(), 2 * HERD);
    assert.equal(host.counted('sluice_dedupe_total'), 0);
  }
});

test('an answer that varies by a field is for those who sent the same in it', async (t) => {
  const origin = held((index) => numbered(index, 'Vary: User-Agent\r\n'));
  const host = await openShared(t, origin.answer, { dedupe: { key: ['url'] } });
  const replies = ['a', 'a', 'b'].map((agent) => host.ask({ fields: `User-Agent: ${agent}\r\n` }));
  await host.gathered(3, 2);
  origin.open();
  const [first, second, third] = await Promise.all(replies);
  assert.equal(first?.text, second?.text);
  assert.notEqual(first?.text, third?.text);
  assert.equal(host.asked(), 2);
});

test('an answer with Set-Cookie is for all where the route says so', async (t) => {
  const origin = held((index) => numbered(index, 'Set-Cookie: sid=1\r\n'));
  const host = await openShared(t, origin.answer, { dedupe: { methods: ['POST'], shareSetCookie: true } });
  const replies = host.herd(4, { method: 'POST', body: 'x' });
  await host.gathered(4, 3);
  origin.open();
  for (const reply of await Promise.all(replies)) assert.deepEqual([reply.text, reply.field('Set-Cookie')], ['run 0', 'sid=1']);
});
