import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { hostCache } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';

const SECRET = 'a secret of the tests';

type Scene = {
  readonly origins: readonly RawOrigin[];
  readonly ask: (path?: string, ...fields: readonly string[]) => Promise<Reply>;
};

type SceneOptions = {
  readonly sticky?: object;
  readonly upstream?: object;
  readonly route?: object;
  readonly fields?: string;
  readonly status?: string;
};

/** Three endpoints, whose answers have their number for a body. */
async function openSticky(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const { sticky = {}, upstream = {}, route = {}, fields = '', status = '200 OK' } = options;
  const answerOf = (i: number): string => `HTTP/1.1 ${status}\r\nContent-Length: 1\r\n${fields}\r\n${i}`;
  const origins = await Promise.all([0, 1, 2].map((i) => RawOrigin.answering(answerOf(i))));
  t.after(() => Promise.all(origins.map((origin) => origin.close())));
  const config = {
    upstreams: { o: { endpoints: origins.map(({ url }) => url), sticky: { secret: SECRET, ...sticky }, ...upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'o', ...route }],
  };
  const front = await openConfigured(t, config, { caching: hostCache(undefined, true).open(0) });
  const ask = (path = '/a', ...lines: readonly string[]): Promise<Reply> =>
    askOnce(front.port, [`GET ${path} HTTP/1.1`, 'Host: a.example', ...lines, '', ''].join('\r\n'));
  return { origins, ask };
}

const setCookie = (reply: Reply): string | undefined => reply.field('set-cookie');
const cookieOf = (reply: Reply): string => /^[^;]+/.exec(setCookie(reply) ?? '')?.[0] ?? assert.fail('no cookie was set');

test('a client with the cookie comes to the endpoint that gave it, and gets no other one', async (t) => {
  const { ask, origins } = await openSticky(t);
  for (const expected of ['0', '1', '2']) {
    const first = await ask();
    assert.equal(first.body.toString(), expected);
    assert.match(setCookie(first) ?? '', /^sluice_endpoint=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/);
    assert.equal(first.field('cache-control'), 'private');
    for (let i = 0; i < 4; i++) {
      const next = await ask('/b', `Cookie: a=b; ${cookieOf(first)}; c=d`);
      assert.equal(next.body.toString(), expected);
      assert.equal(setCookie(next), undefined);
      assert.equal(next.field('cache-control'), undefined);
    }
  }
  assert.ok(
    origins.every(({ requests }) => requests.every((request) => request.field('cookie') === undefined)),
    'a cookie is a credential, and is kept from the upstream as others are',
  );
});

test('the value tells no address, is the same on every host, and not that of another secret or upstream', async (t) => {
  const one = await openSticky(t);
  const value = cookieOf(await one.ask());
  for (const { port } of one.origins)
    assert.ok(
      !Buffer.from(value.split('=')[1] ?? '', 'base64url')
        .toString('latin1')
        .includes(String(port)),
    );
  const other = await openSticky(t, { upstream: { endpoints: one.origins.map(({ url }) => url) } });
  assert.equal((await other.ask('/a', `Cookie: ${value}`)).field('set-cookie'), undefined);
  const secret = await openSticky(t, {
    sticky: { secret: 'another secret of tests' },
    upstream: { endpoints: one.origins.map(({ url }) => url) },
  });
  assert.notEqual(cookieOf(await secret.ask('/a', `Cookie: ${value}`)), value);
});

test('a cookie that nobody has signed, or whose endpoint is gone, is replaced', async (t) => {
  const { ask } = await openSticky(t);
  for (const value of ['', '0', 'A'.repeat(22), 'x'.repeat(4000), '__proto__']) {
    const reply = await ask('/a', `Cookie: sluice_endpoint=${value}`);
    assert.match(cookieOf(reply), /^sluice_endpoint=[\w-]{22}$/, value);
  }
});

test('when the endpoint of a client cannot be reached, another one answers and has it from then on', async (t) => {
  const { ask, origins } = await openSticky(t);
  const first = cookieOf(await ask());
  await origins[0]?.close();
  const reply = await ask('/a', `Cookie: ${first}`);
  assert.equal(reply.status, 200);
  const second = cookieOf(reply);
  assert.notEqual(second, first);
  assert.equal((await ask('/a', `Cookie: ${second}`)).body.toString(), reply.body.toString());
});

test('name, path and age are those of the configuration', async (t) => {
  const { ask } = await openSticky(t, { sticky: { cookie: 'at', ttl: '1h', path: '/shop' } });
  assert.match(setCookie(await ask()) ?? '', /^at=[\w-]{22}; Path=\/shop; Max-Age=3600; HttpOnly; SameSite=Lax$/);
});

test('an answer that may be stored behind us is told to be this client’s alone', async (t) => {
  const { ask } = await openSticky(t, { fields: 'Cache-Control: public, max-age=60\r\n' });
  assert.deepEqual((await ask()).fieldAll('cache-control'), ['public, max-age=60', 'private']);
  const strict = await openSticky(t, { fields: 'Cache-Control: no-store\r\n' });
  assert.equal((await strict.ask()).field('cache-control'), 'no-store');
});

test('no stored or shared answer has a cookie: neither who fills the store nor who is served from it gets one', async (t) => {
  const cached = await openSticky(t, { route: { cache: true }, fields: 'Cache-Control: max-age=60\r\n' });
  for (let i = 0; i < 3; i++) assert.equal(setCookie(await cached.ask()), undefined, `request ${i} of what is stored`);
  const uncached = await openSticky(t, { route: { cache: true }, fields: 'Cache-Control: no-store\r\n' });
  assert.match(setCookie(await uncached.ask()) ?? '', /^sluice_endpoint=/, 'what is not stored is the client’s alone');
  const shared = await openSticky(t, { route: { dedupe: true } });
  const replies = await Promise.all(Array.from({ length: 6 }, () => shared.ask()));
  const asked = shared.origins.reduce((sum, { requests }) => sum + requests.length, 0);
  assert.ok(asked < 6, `${asked} requests for six`);
  for (const reply of replies) assert.equal(setCookie(reply), undefined);
});

test('an answer that tells of an error binds nobody to who gave it', async (t) => {
  const { ask } = await openSticky(t, { status: '503 Service Unavailable' });
  assert.equal(setCookie(await ask()), undefined);
});

test('what a fallback answers holds nobody: the client keeps the cookie of its own upstream', async (t) => {
  const other = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother');
  t.after(() => other.close());
  const broken = await RawOrigin.answering('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
  t.after(() => broken.close());
  const sticky = { secret: SECRET };
  const front = await openConfigured(t, {
    upstreams: { o: { endpoints: [broken.url], sticky }, f: { endpoints: [other.url], sticky } },
    routes: [{ match: '/*', upstream: 'o', fallback: { on: [503], upstream: 'f' } }],
  });
  const reply = await askOnce(front.port, 'GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n');
  assert.equal(reply.body.toString(), 'other');
  assert.equal(setCookie(reply), undefined);
});
