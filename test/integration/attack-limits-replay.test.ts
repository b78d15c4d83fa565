import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { openConfigured } from './configured-front.ts';
import { HostRecords } from './keyed-front.ts';
import { HostLimits } from './limited-front.ts';

const LIST = [
  { name: 'ann', keys: ['key-of-ann'] },
  { name: 'bob', keys: ['key-of-bob'] },
];

test('an idempotency key is its consumer’s, however he says who he is', async (t) => {
  const origin = await RawOrigin.answering((_, index) => `HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nrun ${index}`);
  t.after(() => origin.close());
  const front = await openConfigured(
    t,
    {
      listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.0/8'] }],
      upstreams: { o: { endpoints: [origin.url] } },
      routes: [{ name: 'pay', upstream: 'o', dedupe: { methods: [], idempotencyKey: true }, limits: ['100/1h'] }],
      consumers: { from: [{ apiKey: { header: 'X-API-Key' } }, { apiKey: { query: 'key' } }, { header: 'X-Consumer-ID' }], list: LIST },
      store: '/nowhere',
    },
    { records: new HostRecords(t).connect(t), limiting: new HostLimits().open(0) },
  );
  const pay = async (fields: string, target = '/pay'): Promise<string> => {
    const lines = `Host: a.example\r\nIdempotency-Key: order-1\r\n${fields}Content-Length: 2\r\n`;
    return (await askOnce(front.port, `POST ${target} HTTP/1.1\r\n${lines}\r\n10`)).text;
  };
  assert.equal(await pay('X-API-Key: key-of-ann\r\n'), 'run 0');
  assert.equal(await pay('X-API-Key: key-of-bob\r\n'), 'run 1');
  assert.equal(await pay('X-Consumer-ID: ann\r\n'), 'run 2');
  assert.equal(await pay('X-Consumer-ID: bob\r\n'), 'run 3');
  assert.equal(await pay('', '/pay?key=key-of-ann'), 'run 4');
  assert.equal(await pay('', '/pay?key=key-of-bob'), 'run 5');
  assert.equal(await pay(''), 'run 6');
  assert.equal(await pay('X-API-Key: key-of-ann\r\n'), 'run 0');
});
