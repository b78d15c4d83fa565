import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PREFIX_PURGE_EPOCH } from '../../src/exchange/purge-epoch.ts';
import { Barrier } from '../harness/barrier.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, hostCache, openCached } from './cached-front.ts';
import { openConfigured } from './configured-front.ts';

/** One client waits beside another's request, and hopes for an answer that was the other's alone. */

type Scene = { readonly front: CachedFront; readonly origin: RawOrigin; readonly ask: (path: string, lines?: string) => Promise<Reply> };

async function openScene(t: TestContext, answer: Answer, isCollapsing = true, cache: object = {}): Promise<Scene> {
  const origin = await RawOrigin.answering(answer);
  const front = await openCached(t, origin.url, { cache, host: hostCache(16 * 2 ** 20, isCollapsing), route: { collapse: isCollapsing } });
  t.after(() => origin.close());
  return { front, origin, ask: (path, lines = '') => askOnce(front.port, `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`, 8000) };
}

const CONTROLS = ['Cache-Control: no-cache\r\n', 'Cache-Control: max-age=0\r\n', ''];

for (const isCollapsing of [true, false]) {
  for (const control of CONTROLS) {
    // Not stored, so there is no validation to wait for.
    if (control === '' && !isCollapsing) continue;
    const said = control === '' ? 'a validator alone' : control.trim();
    test(`what comes with ${said} goes to nobody else with a cookie, ${isCollapsing ? 'collapsing' : 'waiting for a validation'}`, async (t) => {
      const gate = new Barrier('both are here');
      const answer: Answer = async (request) => {
        const user = request.field('Cookie') ?? 'nobody';
        const fields = `${control}ETag: "${user}"\r\n`;
        const isValidation = request.field('If-None-Match') !== undefined;
        if (isCollapsing || isValidation) await gate.wait();
        if (request.field('If-None-Match') === `"${user}"`) return `HTTP/1.1 304 Not Modified\r\n${fields}\r\n`;
        return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${user.length}\r\n\r\n${user}`;
      };
      const { front, ask } = await openScene(t, answer, isCollapsing);
      if (!isCollapsing) assert.equal((await ask('/me', 'Cookie: alice\r\n')).text, 'alice');
      const alice = ask('/me', 'Cookie: alice\r\n');
      await waitFor('alice is here', () => front.gateway.inFlight === 1);
      const others = [ask('/me', 'Cookie: bob\r\n'), ask('/me'), ask('/me', 'Cookie: carol\r\n')];
      await waitFor('all are here', () => front.gateway.inFlight === 4);
      gate.open();
      assert.equal((await alice).text, 'alice');
      assert.deepEqual(
        (await Promise.all(others)).map((reply) => reply.text),
        ['bob', 'nobody', 'carol'],
      );
    });
  }
}

test('a validation that says no-cache is for who asked alone, also without cookies', async (t) => {
  const gate = new Barrier('both are here');
  const answer: Answer = async (request) => {
    const user = request.field('X-Api-Key') ?? 'nobody';
    await gate.wait();
    return `HTTP/1.1 200 OK\r\nCache-Control: no-cache\r\nETag: "${user}"\r\nContent-Length: ${user.length}\r\n\r\n${user}`;
  };
  const { front, ask } = await openScene(t, answer);
  const alice = ask('/me', 'X-Api-Key: alice\r\n');
  const bob = ask('/me', 'X-Api-Key: bob\r\n');
  await waitFor('both are here', () => front.gateway.inFlight === 2);
  gate.open();
  assert.deepEqual([(await alice).text, (await bob).text], ['alice', 'bob']);
});

test('what a private answer to HEAD says is not kept for others', async (t) => {
  const { front, ask } = await openScene(t, (request) => {
    const fields = 'ETag: "a"\r\nContent-Length: 5\r\n';
    if (request.method === 'HEAD') return `HTTP/1.1 200 OK\r\nCache-Control: private\r\nX-User: alice\r\n${fields}\r\n`;
    if (request.field('If-None-Match') === '"a"') return 'HTTP/1.1 304 Not Modified\r\nCache-Control: max-age=60\r\nETag: "a"\r\n\r\n';
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${fields}\r\nhello`;
  });
  await ask('/a');
  await askOnce(front.port, 'HEAD /a HTTP/1.1\r\nHost: a.example\r\nCache-Control: no-cache\r\n\r\n');
  for (let i = 0; i < 2; i++) {
    const reply = await ask('/a');
    assert.equal(reply.text, 'hello');
    assert.equal(reply.field('X-User'), undefined);
  }
});

test('who comes after a purge by prefix does not join an answer that was asked for before it', async (t) => {
  const gate = new Barrier('the purge is done');
  const { front, origin, ask } = await openScene(t, async (_request, index, connection) => {
    await connection.send(`HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\n${index}`);
    if (index === 0) await gate.wait();
    return String(index);
  });
  const before = ask('/a');
  await waitFor('the origin is asked', () => origin.requests.length === 1);
  front.caching.epochs.bump(PREFIX_PURGE_EPOCH, false);
  const after = ask('/a');
  await waitFor('it asks the origin itself', () => origin.requests.length === 2);
  assert.equal((await after).text, '11');
  gate.open();
  assert.equal((await before).text, '00');
});

test('followers of an answer that holds for more than one query get it, and the worker lives', async (t) => {
  const gate = new Barrier('both are here');
  const { front, ask } = await openScene(t, async (request) => {
    await gate.wait();
    const fields = 'Cache-Control: max-age=60\r\nNo-Vary-Search: params=("utm")\r\n';
    return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${request.target.length}\r\n\r\n${request.target}`;
  });
  const asked = [ask('/a?utm=1'), ask('/a?utm=1'), ask('/a?id=2')];
  await waitFor('all are here', () => front.gateway.inFlight === 3);
  gate.open();
  assert.deepEqual(
    (await Promise.all(asked)).map((reply) => reply.text),
    ['/a?utm=1', '/a?utm=1', '/a?id=2'],
  );
});

test('a cookie that an earlier configuration let be stored is not given to others by one that does not', async (t) => {
  const origin = await RawOrigin.answering((request) => {
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nSet-Cookie: of=${request.field('X-User')}\r\nContent-Length: 1\r\n\r\nx`;
  });
  t.after(() => origin.close());
  const host = hostCache();
  const before = await openCached(t, origin.url, { host, self: 0, cache: { storeSetCookie: true } });
  const after = await openCached(t, origin.url, { host, self: 1, cache: {} });
  const cookieOf = async (port: number, user: string): Promise<string | undefined> =>
    (await askOnce(port, `GET /a HTTP/1.1\r\nHost: a.example\r\nX-User: ${user}\r\n\r\n`)).field('Set-Cookie');
  assert.equal(await cookieOf(before.port, 'alice'), 'of=alice');
  assert.equal(await cookieOf(before.port, 'bob'), 'of=alice');
  assert.equal(await cookieOf(after.port, 'bob'), 'of=bob');
});

test('a HEAD that is served stale has no other route refresh its entry', async (t) => {
  const answer =
    (name: string): Answer =>
    (request) => {
      const fields = `Cache-Control: max-age=0, stale-while-revalidate=60\r\nX-From: ${name}\r\nETag: "e"\r\n`;
      if (request.field('If-None-Match') !== undefined) return `HTTP/1.1 304 Not Modified\r\n${fields}\r\n`;
      return `HTTP/1.1 200 OK\r\n${fields}Content-Length: 1\r\n\r\n${request.method === 'HEAD' ? '' : 'x'}`;
    };
  const [heads, gets] = [await RawOrigin.answering(answer('heads')), await RawOrigin.answering(answer('gets'))];
  t.after(() => Promise.all([heads.close(), gets.close()]));
  const config = {
    upstreams: { heads: heads.url, gets: gets.url },
    routes: [
      { name: 'heads', match: { path: '/*', methods: ['HEAD'] }, upstream: 'heads', cache: true },
      { name: 'gets', match: '/*', upstream: 'gets', cache: true },
    ],
  };
  const front = await openConfigured(t, config, { caching: hostCache().open(0) });
  for (let i = 0; i < 3; i++) {
    const reply = await askOnce(front.port, 'HEAD /a HTTP/1.1\r\nHost: a.example\r\n\r\n');
    assert.equal(reply.field('X-From'), 'heads');
    await waitFor('nothing is under way', () => front.gateway.inFlight === 0);
  }
  assert.equal(gets.requests.length, 0);
});

/** By which a client shows who it is; the origin answers by it, and says nothing of caches but a validator. */
const PROOFS = ['Cookie', 'X-Api-Key', 'X-Session-Token'];

function ownPage(request: { readonly field: (name: string) => string | undefined }): string {
  const user = PROOFS.map((name) => request.field(name)).find((value) => value !== undefined) ?? 'nobody';
  return `HTTP/1.1 200 OK\r\nETag: "${user}"\r\nContent-Length: ${user.length}\r\n\r\n${user}`;
}

test('a page that was never fresh is given to who waits beside it only where nobody has shown who he is', async (t) => {
  for (const proof of PROOFS) {
    const gate = new Barrier('both are here');
    const { front, ask } = await openScene(t, async (request) => {
      await gate.wait();
      return ownPage(request);
    });
    const alice = ask('/me', `${proof}: alice\r\n`);
    await waitFor('alice is here', () => front.gateway.inFlight === 1);
    const others = [ask('/me', `${proof}: bob\r\n`), ask('/me')];
    await waitFor('all are here', () => front.gateway.inFlight === 3);
    gate.open();
    assert.deepEqual([(await alice).text, ...(await Promise.all(others)).map((reply) => reply.text)], ['alice', 'bob', 'nobody'], proof);
  }
});

test('nor is it served stale to others: not where they take what is stale, not while it is validated, not when the origin fails', async (t) => {
  for (const proof of PROOFS) {
    let isDown = false;
    const answer: Answer = (request) => (isDown ? 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\ndown' : ownPage(request));
    const { ask } = await openScene(t, answer, true, { staleWhileRevalidate: '60s', staleIfError: '60s' });
    assert.equal((await ask('/me', `${proof}: alice\r\n`)).text, 'alice');
    assert.equal((await ask('/me', 'Cache-Control: max-stale\r\n')).text, 'nobody', proof);
    assert.equal((await ask('/you', `${proof}: alice\r\n`)).text, 'alice');
    assert.equal((await ask('/you', `${proof}: bob\r\n`)).text, 'bob', proof);
    assert.equal((await ask('/they', `${proof}: alice\r\n`)).text, 'alice');
    isDown = true;
    assert.equal((await ask('/they', 'Cache-Control: stale-if-error=600\r\n')).text, 'down', proof);
  }
});

test('a cookie that does not reach the origin makes no page personal', async (t) => {
  const origin = await RawOrigin.answering((request) => {
    if (request.field('If-None-Match') !== undefined) return 'HTTP/1.1 304 Not Modified\r\nETag: "nobody"\r\n\r\n';
    return ownPage(request);
  });
  t.after(() => origin.close());
  const { port } = await openCached(t, origin.url, { upstream: { forwardCredentials: false } });
  for (const user of ['alice', 'bob'])
    assert.equal((await askOnce(port, `GET / HTTP/1.1\r\nHost: a.example\r\nCookie: ${user}\r\n\r\n`)).text, 'nobody');
  assert.deepEqual(
    origin.requests.map((request) => request.field('If-None-Match')),
    [undefined, '"nobody"'],
  );
});

test('what varies by what we ourselves tell of the client is given to nobody else', async (t) => {
  for (const name of ['X-Forwarded-For', 'X-Forwarded-Port']) {
    const { ask, origin } = await openScene(t, (request) => {
      const text = request.field(name) ?? 'none';
      return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nVary: Accept, ${name}\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    });
    await ask('/me');
    await ask('/me');
    assert.equal(origin.requests.length, 2, name);
  }
});
