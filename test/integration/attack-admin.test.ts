import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openPlainServer } from '../../src/edge/plain-server.ts';
import { adminHandler } from '../../src/runtime/admin.ts';
import { askOnce, exchangeRaw } from '../harness/raw-client.ts';

const TOKEN = 'a-token-of-the-tests';

type Admin = { readonly port: number; readonly done: readonly string[] };

async function openAdmin(t: TestContext, token: string | undefined): Promise<Admin> {
  const done: string[] = [];
  const handler = adminHandler({
    token,
    isReady: () => true,
    metrics: () => ({ text: 'secret_metric 1\n', contentType: 'text/plain' }),
    reload: async () => {
      done.push('reload');
      return { kind: 'ok', notes: [] };
    },
    drain: () => void done.push('drain'),
    config: () => ({ secret: 'configuration' }),
    upstreams: () => ({ upstreams: [] }),
    mirrors: () => ({ secret: 'mirrors' }),
    resetMirror: (name) => done.push(`reset ${name}`) > 0,
    purge: async (order) => {
      done.push(`purge ${JSON.stringify(order)}`);
      return { kind: 'ok', purged: 3 };
    },
    limits: async ({ kind }) => {
      done.push(`limits ${kind}`);
      return { kind: 'ok', value: { secret: 'limits' } };
    },
    cache: () => ({ secret: 'cache' }),
    onRefused: () => {},
  });
  const server = await openPlainServer({ host: '127.0.0.1', port: 0 }, { sharesPort: false, maxConnections: 10 }, handler);
  t.after(() => server.close(0));
  return { port: server.port, done };
}

test('without the exact token nothing but health is told or done, whatever the path looks like', async (t) => {
  const { port, done } = await openAdmin(t, TOKEN);
  const paths = [
    '/metrics',
    '/config?x',
    '/cache',
    '/purge',
    '/limits',
    '/limits/key?limit=a&key=b',
    '/limits/consumer?name=a',
    '//metrics',
    '/./metrics',
    '/healthz/../metrics',
    '/%6detrics',
    '/metrics/',
    '/metrics#',
    'http://a/metrics',
    '/__proto__',
    '/constructor',
    '*',
  ];
  for (const path of paths) {
    for (const line of [
      '',
      `Authorization: Bearer ${TOKEN}x`,
      `Authorization: Bearer ${TOKEN.slice(1)}`,
      `Authorization: Basic ${TOKEN}`,
      'Authorization: Bearer',
      `X-Authorization: Bearer ${TOKEN}`,
    ]) {
      const text = (
        await exchangeRaw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${line}${line === '' ? '' : '\r\n'}\r\n`)
      ).toString('latin1');
      assert.match(text, /^HTTP\/1\.1 (?:400|401|404) /, `${path} ${line}`);
      assert.doesNotMatch(text, /secret/);
    }
  }
  for (const line of [
    'POST /drain',
    'POST /reload',
    'POST /purge',
    'PUT /limits/consumer',
    'DELETE /limits/consumer',
    'DELETE /limits/key',
  ])
    assert.equal((await askOnce(port, `${line} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)).status, 401, line);
  assert.deepEqual(done, []);
});

test('without a token a page whose name was bound to loopback is refused: its origin is its host', async (t) => {
  const { port, done } = await openAdmin(t, undefined);
  const evil = `Host: evil.example:${port}\r\nOrigin: http://evil.example:${port}\r\n`;
  for (const line of ['POST /drain', 'POST /reload', 'POST /purge', 'PUT /limits/consumer', 'DELETE /limits/key'])
    assert.equal((await askOnce(port, `${line} HTTP/1.1\r\n${evil}Content-Length: 0\r\n\r\n`)).status, 403, line);
  const foreign = `Host: 127.0.0.1:${port}\r\nOrigin: http://evil.example\r\n`;
  for (const line of ['PUT /limits/consumer', 'DELETE /limits/consumer', 'DELETE /limits/key'])
    assert.equal((await askOnce(port, `${line} HTTP/1.1\r\n${foreign}Content-Length: 0\r\n\r\n`)).status, 403, line);
  for (const path of ['/config', '/metrics', '/cache', '/limits'])
    assert.equal((await askOnce(port, `GET ${path} HTTP/1.1\r\n${evil}\r\n`)).status, 403);
  assert.deepEqual(done, []);
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
    assert.equal((await askOnce(port, `GET /metrics HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status, 200, host);
  }
});

test('the body of a purge is read to a limit, and handed on only when it is JSON', async (t) => {
  const { port, done } = await openAdmin(t, undefined);
  const post = async (body: string): Promise<[status: number, body: string]> => {
    const answer = await fetch(`http://127.0.0.1:${port}/purge`, { method: 'POST', body });
    return [answer.status, await answer.text()];
  };
  assert.deepEqual(await post('{"tag":"a"}'), [200, '{"purged":3}\n']);
  for (const bad of ['', '{', 'url=a', `"${'x'.repeat(70_000)}"`]) {
    const [status, text] = await post(bad);
    assert.equal(status, 400, bad.slice(0, 20));
    assert.match(text, /^\{"problems":\["the body must /);
  }
  assert.deepEqual(done, ['purge {"tag":"a"}']);
});
