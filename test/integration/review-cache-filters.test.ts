import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { defineFilter } from '../../src/exchange/filters.ts';
import { hostCache } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`;

test('a filter makes a bodiless answer of a stored one: nothing of the body follows, and its pin goes', async (t) => {
  const body = 'a'.repeat(100_000);
  const text = `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const origin = await RawOrigin.answering(async () => text);
  t.after(() => origin.close());
  const caching = hostCache(16 * 2 ** 20, true).open(0);
  const bare = defineFilter({
    async response(response) {
      response.status = 204;
    },
  });
  const config = {
    listeners: [{ name: 'web', listen: '127.0.0.1:0' }],
    upstreams: { origin: origin.url },
    routes: [{ name: 'all', match: '/*', upstream: 'origin', cache: true, filters: ['./bare.ts'] }],
  };
  const front = await openConfigured(t, config, { caching, filters: { './bare.ts': bare } });
  const client = await connectRaw(front.port);
  for (let i = 0; i < 4; i++) {
    await client.send(get('/a'));
    const reply = await client.readReply();
    assert.equal(reply.status, 204);
    assert.equal(reply.text, '');
  }
  await waitFor('nothing is left under way', () => front.gateway.inFlight === 0);
  assert.equal(client.isEnded, false);
  client.close();
  await askOnce(front.port, get('/a'));
  assert.equal(front.log.at(-1)?.['bytesSent'], 0);
  assert.deepEqual(caching.store.verify(), []);
});
