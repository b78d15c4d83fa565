import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import type { Filter } from '../../src/exchange/filters.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { Reply } from '../harness/http-reply.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

const ENGINES: readonly Engine[] = ['node', 'uws'];
const PHASES = ['request', 'upstreamRequest', 'response'] as const;
const LABELS = { request: 'request', upstreamRequest: 'upstream-request', response: 'response' } as const;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\nX-Client: c\r\n\r\n`;
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Scene = { readonly front: ConfiguredFront; readonly origin: RawOrigin; readonly ask: (path?: string) => Promise<Reply> };
type SceneOptions = { readonly engine?: Engine; readonly onError?: 'fail' | 'open'; readonly path?: string };

/** A route with the filters given, and `/plain` without any. */
async function openScene(t: TestContext, filters: readonly Filter[], options: SceneOptions = {}): Promise<Scene> {
  const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Origin: o\r\nX-Gone: g\r\n\r\nok');
  const modules = filters.map((_, i) => ({ module: `./${i}.ts`, timeout: '100ms', onError: options.onError ?? 'fail' }));
  const front = await openConfigured(
    t,
    {
      listeners: [{ name: 'web', listen: '127.0.0.1:0', engine: options.engine ?? 'node' }],
      upstreams: { origin: origin.url },
      routes: [
        { name: 'filtered', match: options.path ?? '/*', upstream: 'origin', filters: modules },
        { name: 'plain', match: '/plain', upstream: 'origin' },
      ],
    },
    { filters: Object.fromEntries(filters.map((filter, i) => [`./${i}.ts`, filter])) },
  );
  t.after(() => origin.close());
  return { front, origin, ask: (path = '/a') => askOnce(front.port, get(path)) };
}

for (const engine of ENGINES) {
  for (const isAsync of [false, true]) {
    test(`${engine}: all phases run in order and edit both ways, ${isAsync ? 'asynchronously' : 'synchronously'}`, async (t) => {
      const seen: string[] = [];
      const wait = async (): Promise<void> => (isAsync ? later() : undefined);
      const filter: Filter = {
        request: (request) => {
          seen.push(`request ${request.method} ${request.target} ${request.host} ${request.route} ${request.clientAddress}`);
          request.headers.set('X-Client', 'changed');
          request.headers.append('X-Added', 'one');
          request.headers.append('X-Added', 'two');
          request.target = '/rewritten?x';
          request.state.set('id', request.requestId);
          return isAsync ? wait().then(() => undefined) : undefined;
        },
        upstreamRequest: (request) => {
          seen.push(`upstreamRequest ${request.upstream} ${request.attempt} ${request.headers.get('x-client')}`);
          request.headers.set('X-Secret', 's3');
          request.headers.delete('Via');
          return isAsync ? wait() : undefined;
        },
        response: (response) => {
          seen.push(`response ${response.status} ${response.headers.get('x-origin')} ${response.state.get('id') === response.requestId}`);
          response.status = 418;
          response.headers.delete('X-Gone');
          response.headers.set('X-Origin', 'edited');
          return isAsync ? wait() : undefined;
        },
        finish: (summary) => {
          seen.push(`finish ${summary.status} ${summary.outcome} ${summary.totalMs >= 0}`);
        },
      };
      const { front, origin, ask } = await openScene(t, [filter], { engine });
      const reply = await ask('/a?q');
      await front.logged(0);
      assert.deepEqual(seen, [
        'request GET /a?q a.example filtered 127.0.0.1',
        'upstreamRequest origin 1 changed',
        'response 200 o true',
        'finish 418 complete true',
      ]);
      assert.equal(reply.status, 418);
      assert.equal(reply.field('x-origin'), 'edited');
      assert.equal(reply.field('x-gone'), undefined);
      assert.equal(reply.text, 'ok');
      const [request] = origin.requests;
      assert.equal(request?.target, '/rewritten?x');
      assert.equal(request?.field('x-client'), 'changed');
      assert.deepEqual(request?.fieldAll('x-added'), ['one', 'two']);
      assert.equal(request?.field('x-secret'), 's3');
      assert.equal(request?.field('via'), undefined);
    });
  }

  test(`${engine}: a filter answers in place of the upstream, text and bytes, and the connection goes on`, async (t) => {
    const { origin, front } = await openScene(
      t,
      [
        {
          request: ({ target, method }) => {
            if (target === '/text') return { status: 403, headers: { 'X-Why': 'no', 'Content-Type': 'text/plain' }, body: 'grüß' };
            if (target === '/bytes') return Promise.resolve({ status: 200, body: new Uint8Array([0, 255, 13, 10]) });
            return target === '/none' ? { status: 204 } : { status: 200, body: method };
          },
        },
      ],
      { engine },
    );
    const client = await connectRaw(front.port);
    t.after(() => client.close());
    const askOn = async (line: string): Promise<Reply> => {
      await client.send(`${line} HTTP/1.1\r\nHost: a\r\n\r\n`);
      return client.readReply(line.split(' ')[0]);
    };
    const text = await askOn('GET /text');
    assert.deepEqual([text.status, text.field('x-why'), text.text, text.field('content-length')], [403, 'no', 'grüß', '6']);
    assert.deepEqual([...(await askOn('GET /bytes')).body], [0, 255, 13, 10]);
    const none = await askOn('GET /none');
    assert.deepEqual([none.status, none.field('content-length'), none.body.length], [204, undefined, 0]);
    const head = await askOn('HEAD /x');
    assert.deepEqual([head.status, head.field('content-length'), head.body.length], [200, '4', 0]);
    assert.equal((await askOn('GET /x')).text, 'GET');
    assert.equal(origin.connections.length, 0);
  });

  for (const onError of ['fail', 'open'] as const) {
    for (const phase of PHASES) {
      test(`${engine}: a filter that throws, rejects or hangs in ${phase} costs its own request ${onError === 'fail' ? 'a 500' : 'nothing'}`, async (t) => {
        const act = (request: { state: Map<string, unknown> }): Promise<void> | undefined => {
          const how = request.state.get('how');
          if (how === '/throw') throw new Error('thrown by the test');
          if (how === '/reject') return Promise.reject(new Error('rejected by the test'));
          return how === '/hang' ? new Promise(() => {}) : undefined;
        };
        const note: Filter = { request: ({ state, target }) => void state.set('how', target) };
        const { front, ask } = await openScene(t, [note, { [phase]: act }], { engine, onError });
        const asked = ['/throw', '/reject', '/hang', '/plain', '/other'] as const;
        const replies = await Promise.all(asked.map((path) => ask(path)));
        const broken = onError === 'fail' ? 500 : 200;
        assert.deepEqual(
          replies.map(({ status }) => status),
          [broken, broken, broken, 200, 200],
        );
        for (const reply of replies) assert.doesNotMatch(reply.text, /by the test|\.ts|no result/);
        assert.equal(front.counted('sluice_filter_errors_total', 'filtered', LABELS[phase]), 3);
        assert.equal(front.counted('sluice_filter_errors_total'), 3);
        assert.equal(front.counted('sluice_timeouts_total', 'filter'), 1);
        assert.deepEqual(
          front.errors.map(({ message }) => message).sort(),
          Array(3).fill(`filter ./1.ts, phase ${LABELS[phase]}, route filtered`),
        );
        front.errors.length = 0;
        assert.equal(front.gateway.inFlight, 0);
      });
    }
  }

  test(`${engine}: a finish filter that fails costs nobody anything`, async (t) => {
    let finished = 0;
    const { front, ask } = await openScene(
      t,
      [
        {
          finish: () => {
            finished++;
            throw new Error('late');
          },
        },
      ],
      { engine },
    );
    for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 200);
    await front.logged(2);
    await later();
    assert.equal(finished, 3);
    assert.equal(front.counted('sluice_filter_errors_total', 'finish'), 3);
    assert.equal(front.errors.length, 3);
    front.errors.length = 0;
  });

  test(`${engine}: an upload through asynchronous filters arrives whole`, async (t) => {
    const { front, origin } = await openScene(t, [{ request: later, upstreamRequest: later, response: later }], { engine });
    const body = 'x'.repeat(300_000);
    const reply = await askOnce(front.port, `POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    assert.equal(reply.text, 'ok');
    assert.equal(origin.requests[0]?.body.toString(), body);
  });

  test(`${engine}: an answer that is long or has no known length passes whole through a filter that thinks`, async (t) => {
    const parts = ['a'.repeat(100_000), 'b'.repeat(70_000)];
    const origin = await RawOrigin.answering(({ target }) =>
      target === '/chunked'
        ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`
        : `HTTP/1.1 200 OK\r\nContent-Length: 170000\r\n\r\n${parts.join('')}`,
    );
    const front = await openConfigured(
      t,
      {
        listeners: [{ name: 'web', listen: '127.0.0.1:0', engine }],
        upstreams: { origin: origin.url },
        routes: [{ match: '/*', upstream: 'origin', filters: ['./f.ts'] }],
      },
      { filters: { './f.ts': { response: () => new Promise((resolve) => setTimeout(resolve, 20)) } } },
    );
    t.after(() => origin.close());
    for (const path of ['/chunked', '/length']) assert.equal((await askOnce(front.port, get(path))).text, parts.join(''));
  });
}

test('captures of the path reach the filter, decoded by nobody', async (t) => {
  const seen: unknown[] = [];
  const { ask } = await openScene(t, [{ request: ({ captures }) => void seen.push({ ...captures }) }], { path: '/users/{id}/{kind}/*' });
  assert.equal((await ask('/users/7/a%20b/c/d?e')).status, 200);
  assert.deepEqual(seen, [{ id: '7', kind: 'a%20b', rest: 'c/d' }]);
});

test('fields of the framing and the connection are refused, to set, append or delete, and in answers', async (t) => {
  const names = ['Content-Length', 'Transfer-Encoding', 'Connection', 'Host', 'TE', 'Upgrade', 'Expect', 'Trailer', 'Keep-Alive'];
  const refused: string[] = [];
  const { ask, front } = await openScene(t, [
    {
      request: ({ headers, target }) => {
        if (target === '/answer') return { status: 200, headers: { 'Transfer-Encoding': 'chunked' } };
        for (const name of names) {
          for (const act of [() => headers.set(name, 'x'), () => headers.append(name, 'x'), () => headers.delete(name)]) {
            try {
              act();
            } catch {
              refused.push(name);
            }
          }
        }
        return undefined;
      },
    },
  ]);
  assert.equal((await ask()).status, 200);
  assert.deepEqual(
    refused,
    names.flatMap((name) => [name, name, name]),
  );
  assert.equal((await ask('/answer')).status, 500);
  assert.equal(front.errors.length, 1);
  front.errors.length = 0;
});

test('a value with a line break never becomes a field of its own', async (t) => {
  const { ask, front, origin } = await openScene(t, [
    { request: ({ headers, target }) => headers.set('X-A', target === '/bad' ? 'a\r\nX-Smuggled: 1' : 'fine') },
  ]);
  assert.equal((await ask('/bad')).status, 500);
  assert.equal((await ask('/good')).status, 200);
  assert.equal(origin.requests.length, 1);
  assert.doesNotMatch(origin.text, /Smuggled/);
  assert.equal(front.errors.length, 1);
  front.errors.length = 0;
});

test('bytes of UTF-8 in fields pass a filter as they are', async (t) => {
  const { front, origin } = await openScene(t, [{ request: ({ headers }) => headers.set('X-Other', '1') }]);
  await askOnce(front.port, Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX-Name: voilà\r\n\r\n', 'utf8'));
  assert.equal(Buffer.from(origin.requests[0]?.field('x-name') ?? '', 'latin1').toString('utf8'), 'voilà');
});

test('pipelined requests each have their own filters, state and answer', async (t) => {
  const { front, origin } = await openScene(t, [
    {
      request: async ({ state, target }) => {
        await later();
        state.set('target', target);
        return target.endsWith('3') ? { status: 200, body: 'early 3' } : undefined;
      },
      response: async ({ headers, state }) => {
        await later();
        headers.set('X-Target', String(state.get('target')));
      },
    },
  ]);
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send([1, 2, 3, 4].map((i) => get(`/${i}`)).join(''));
  for (const i of [1, 2, 3, 4]) {
    const reply = await client.readReply();
    if (i === 3) assert.equal(reply.text, 'early 3');
    else assert.equal(reply.field('x-target'), `/${i}`);
  }
  assert.equal(origin.requests.length, 3);
});

test('a filter sees each attempt of a retry', async (t) => {
  const attempts: number[] = [];
  const origin = await RawOrigin.start(async (connection, index) => {
    for (let count = 0; (await connection.readRequest(60_000)) !== undefined; count++) {
      if (index === 0 && count === 1) return connection.close();
      await connection.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    }
  });
  const front = await openConfigured(
    t,
    { upstreams: { origin: origin.url }, routes: [{ match: '/*', upstream: 'origin', filters: ['./f.ts'] }] },
    {
      filters: {
        './f.ts': {
          upstreamRequest: ({ attempt, headers }) => {
            attempts.push(attempt);
            headers.set('X-Attempt', String(attempt));
          },
        },
      },
    },
  );
  t.after(() => origin.close());
  assert.equal((await askOnce(front.port, get('/1'))).text, 'ok');
  assert.equal((await askOnce(front.port, get('/2'))).text, 'ok');
  assert.deepEqual(attempts, [1, 1, 2]);
  assert.match(origin.connections[1]?.text ?? '', /X-Attempt: 2\r\n/);
});
