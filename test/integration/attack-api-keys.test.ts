import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Filter } from '../../src/exchange/filters.ts';
import type { Reply } from '../harness/http-reply.ts';
import type { ReceivedRequest } from '../harness/http-request.ts';
import { askOnce } from '../harness/raw-client.ts';
import { type Answer, OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { hostCache } from './cached-front.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';
import { held, numbered, openShared } from './shared-host.ts';

/** Keys stand in fields and parameters of whatever name: `consumers.from` tells which. An answer for one is for no other, and nobody is told one. */

type Scene = {
  readonly front: ConfiguredFront;
  readonly origin: RawOrigin;
  readonly ask: (target: string, lines?: string) => Promise<Reply>;
};

type SceneOptions = {
  readonly from?: readonly object[];
  readonly cache?: object | boolean;
  readonly upstream?: object;
  readonly route?: object;
  readonly listener?: object;
  readonly filters?: Readonly<Record<string, Filter>>;
};

const FROM = [{ apiKey: { header: 'X-Weird' } }];

async function openScene(t: TestContext, answer: Answer | string, options: SceneOptions = {}): Promise<Scene> {
  const { from = FROM, cache = true, upstream = {}, route = {}, listener = {}, filters = {} } = options;
  const origin = await RawOrigin.answering(answer);
  t.after(() => origin.close());
  const config = {
    consumers: { from },
    listeners: [{ name: 'web', listen: '127.0.0.1:0', ...listener }],
    upstreams: { o: { endpoints: [origin.url], forwardCredentials: true, ...upstream } },
    routes: [{ name: 'all', match: '/*', upstream: 'o', cache, ...route }],
  };
  const front = await openConfigured(t, config, { caching: hostCache().open(0), filters });
  return { front, origin, ask: (target, lines = '') => askOnce(front.port, `GET ${target} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`) };
}

/** An origin that tells whose key it was. */
const telling =
  (fields: string, read: (request: ReceivedRequest) => string | undefined): Answer =>
  (request) => {
    const body = read(request) ?? 'nobody';
    return `HTTP/1.1 200 OK\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
  };
const byWeird = (request: ReceivedRequest): string | undefined => request.field('X-Weird');

test('what was answered to one key is kept for no other, unless the answer says that it is for all', async (t) => {
  const rows: readonly [fields: string, isForAll: boolean][] = [
    ['Cache-Control: max-age=60\r\n', false],
    ['Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n', false],
    ['ETag: "a"\r\n', false],
    ['Cache-Control: max-age=60\r\nVary: X-Weird\r\n', false],
    ['Cache-Control: public, max-age=60\r\n', true],
    ['Cache-Control: s-maxage=60\r\n', true],
  ];
  for (const [fields, isForAll] of rows) {
    const { ask } = await openScene(t, telling(fields, byWeird));
    assert.equal((await ask('/a', 'X-Weird: alice\r\n')).text, 'alice');
    assert.equal((await ask('/a', 'X-Weird: bob\r\n')).text, isForAll ? 'alice' : 'bob', fields);
    assert.equal((await ask('/a')).text, isForAll ? 'alice' : 'nobody', fields);
  }
});

test('an answer that is told apart by its key is kept for that key', async (t) => {
  for (const [fields, cache] of [
    ['Vary: X-Weird\r\n', true],
    ['', { key: { headers: ['X-Weird'] } }],
  ] as const) {
    const { ask, origin } = await openScene(t, telling(`Cache-Control: max-age=60\r\n${fields}`, byWeird), { cache });
    for (const who of ['alice', 'bob', 'alice', 'bob']) assert.equal((await ask('/a', `X-Weird: ${who}\r\n`)).text, who);
    assert.equal(origin.requests.length, 2);
  }
});

test('a key that the origin does not get tells no answers apart', async (t) => {
  const { ask, origin } = await openScene(t, telling('Cache-Control: max-age=60\r\n', byWeird), {
    upstream: { forwardCredentials: false },
  });
  for (const who of ['alice', 'bob']) assert.equal((await ask('/a', `X-Weird: ${who}\r\n`)).text, 'nobody');
  assert.equal(origin.requests.length, 1);
});

test('a key of which a filter tells the origin in other words counts all the same', async (t) => {
  const filters: Record<string, Filter> = {
    './who.ts': {
      request({ headers, state }) {
        state.set('who', headers.get('X-Weird') ?? 'nobody');
      },
      upstreamRequest({ headers, state }) {
        headers.set('X-Colour', String(state.get('who')));
      },
    },
  };
  const { ask } = await openScene(
    t,
    telling('Cache-Control: max-age=60\r\n', (request) => request.field('X-Colour')),
    { upstream: { forwardCredentials: false }, route: { filters: ['./who.ts'] }, filters },
  );
  for (const who of ['alice', 'bob']) assert.equal((await ask('/a', `X-Weird: ${who}\r\n`)).text, who);
});

test('a key in the query counts where the key of the cache leaves it out', async (t) => {
  const read = ({ target }: ReceivedRequest): string | undefined => /k=(\w+)/.exec(target)?.[1];
  for (const query of [['page'], { ignore: ['k'] }, []]) {
    const { ask } = await openScene(t, telling('Cache-Control: max-age=60\r\n', read), {
      from: [{ apiKey: { query: 'k' } }],
      cache: { key: { query } },
    });
    for (const who of ['alice', 'bob']) assert.equal((await ask(`/a?k=${who}`)).text, who);
    assert.equal((await ask('/a?%6B=carol&k=carol')).text, 'carol');
  }
});

test('who is named by a trusted proxy is somebody, whatever the field is called', async (t) => {
  const options = { from: [{ header: 'X-Odd' }], listener: { trustedProxies: ['127.0.0.0/8'] } };
  const { ask } = await openScene(
    t,
    telling('Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n', (request) => request.field('X-Odd')),
    options,
  );
  for (const who of ['alice', 'bob']) assert.equal((await ask('/a', `X-Odd: ${who}\r\n`)).text, who);
});

test('identical requests with different keys are not one', async (t) => {
  const rows: readonly [from: object, one: { fields?: string; path?: string }, other: { fields?: string; path?: string }][] = [
    [{ apiKey: { header: 'X-Weird' } }, { fields: 'X-Weird: a\r\n' }, { fields: 'X-Weird: b\r\n' }],
    [{ apiKey: { header: 'X-Weird' } }, { fields: 'X_Weird: a\r\n' }, { fields: 'X_Weird: b\r\n' }],
    [{ apiKey: { query: 'k' } }, { path: '/a?k=a' }, { path: '/a?k=b' }],
  ];
  for (const [from, one, other] of rows) {
    const origin = held((index) => numbered(index));
    const host = await openShared(t, origin.answer, { dedupe: { key: ['method', 'body'] }, config: { consumers: { from: [from] } } });
    const first = host.ask(one);
    await waitFor('the first is with the origin', () => host.asked() === 1);
    const second = host.ask(other);
    await waitFor('it waits, or is with the origin', () => host.fronts[0].gateway.waits.size === 1 || host.asked() === 2);
    origin.open();
    assert.deepEqual(new Set([(await first).text, (await second).text]), new Set(['run 0', 'run 1']), JSON.stringify(one));
  }
});

test('nobody is told a key: not by TRACE, not in the log', async (t) => {
  const { front, ask } = await openScene(t, OK_REPLY, { from: [...FROM, { header: 'X-Odd' }, { apiKey: { query: 'k' } }], cache: false });
  const secrets = ['X-Weird: s3cret', 'X_Weird: s3cret', 'X-Odd: s3cret', 'X-Api-Key: s3cret', 'X_Auth_Token: s3cret', 'Cookie: a=s3cret'];
  const lines = ['Host: a.example', 'Max-Forwards: 0', 'X-Colour: red', ...secrets];
  const traced = await askOnce(front.port, `TRACE /a?k=s3cret&b=1 HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  assert.equal(traced.text, 'TRACE /a?b=1 HTTP/1.1\r\nHost: a.example\r\nMax-Forwards: 0\r\nX-Colour: red\r\n\r\n');
  await ask('/a?%6b=s3cret&b=1', 'Referer: http://a.example/page?k=s3cret&c=2\r\n');
  const record = await front.logged(1);
  assert.deepEqual([record['target'], record['referer']], ['/a?b=1', 'http://a.example/page?c=2']);
  assert.doesNotMatch(JSON.stringify(front.log), /s3cret/);
});

test('a filter that puts other words in the place of a credential before anything is decided tells the origin who asks', async (t) => {
  const filters: Record<string, Filter> = {
    './who.ts': {
      request({ headers }) {
        const who = headers.get('Authorization') ?? headers.get('X-Weird') ?? headers.get('Cookie');
        for (const name of ['Authorization', 'X-Weird', 'Cookie']) headers.delete(name);
        if (who !== undefined) headers.set('X-Colour', who);
      },
    },
    './off.ts': {
      request({ headers }) {
        for (const name of ['Authorization', 'X-Weird', 'Cookie']) headers.delete(name);
      },
    },
  };
  const answer = telling('Cache-Control: max-age=60\r\n', (request) => request.field('X-Colour'));
  const silent = telling('Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n', (request) => request.field('X-Colour'));
  for (const name of ['Authorization', 'X-Weird', 'Cookie']) {
    const told = await openScene(t, name === 'Cookie' ? silent : answer, { route: { filters: ['./who.ts'] }, filters });
    for (const who of ['alice', 'bob']) assert.equal((await told.ask('/a', `${name}: ${who}\r\n`)).text, who, name);
    // One that takes it away and says nothing makes the answer one for all.
    const untold = await openScene(t, answer, { route: { filters: ['./off.ts'] }, filters });
    for (const who of ['alice', 'bob']) assert.equal((await untold.ask('/a', `${name}: ${who}\r\n`)).text, 'nobody', name);
    assert.equal(untold.origin.requests.length, 1);
  }
});

test('nor is it one with the identical request of another then', async (t) => {
  const filters: Record<string, Filter> = {
    './who.ts': {
      request({ headers }) {
        headers.set('X-Colour', headers.get('Authorization') ?? '');
        headers.delete('Authorization');
      },
    },
  };
  const origin = held((index) => numbered(index));
  const host = await openShared(t, origin.answer, { dedupe: { key: ['method', 'url'] }, route: { filters: ['./who.ts'] }, filters });
  const first = host.ask({ fields: 'Authorization: a\r\n' });
  await waitFor('the first is with the origin', () => host.asked() === 1);
  const second = host.ask({ fields: 'Authorization: b\r\n' });
  await waitFor('it waits, or is with the origin', () => host.fronts[0].gateway.waits.size === 1 || host.asked() === 2);
  origin.open();
  assert.deepEqual(new Set([(await first).text, (await second).text]), new Set(['run 0', 'run 1']));
});

test('a key in the query that the origin does not get is no part of what is stored, and a write or a purge is one for all keys', async (t) => {
  const { ask, origin, front } = await openScene(
    t,
    telling('Cache-Control: max-age=60\r\n', ({ target }) => target),
    {
      from: [{ apiKey: { query: 'k' } }],
      upstream: { forwardCredentials: false },
      cache: { debug: true },
    },
  );
  for (const target of ['/a?k=s3cret&b=1', '/a?b=1&k=other', '/a?b=1', '/a?%6b=x&b=1']) {
    const reply = await ask(target);
    assert.equal(reply.text, '/a?b=1', target);
    assert.doesNotMatch(reply.field('Cache-Status') ?? '', /s3cret|other/);
  }
  assert.equal(origin.requests.length, 1);
  await askOnce(front.port, 'POST /a?k=s3cret&b=1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n');
  await ask('/a?b=1&k=other');
  assert.equal(origin.requests.length, 3);
});
