import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { openConfigured } from './configured-front.ts';

test('node: the total time of a route covers its request filters', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const front = await openConfigured(
    t,
    {
      upstreams: { origin: origin.url },
      routes: [{ match: '/*', upstream: 'origin', timeout: '100ms', filters: ['slow'] }],
    },
    { filters: { slow: { request: () => new Promise((resolve) => setTimeout(resolve, 1500).unref()) } } },
  );
  const reply = await askOnce(front.port, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n', 1400);
  assert.equal(reply.status, 504);
  assert.equal(front.counted('sluice_timeouts_total', 'total'), 1);
  assert.equal(origin.requests.length, 0);
});
