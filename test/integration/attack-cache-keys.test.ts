import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import type { ReceivedRequest } from '../harness/http-request.ts';
import { openNodeListener } from '../../src/edge/node-listener.ts';
import { reservePort } from '../../src/edge/reserve-port.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { hostCache, openCached } from './cached-front.ts';
import { checkedConfig, openConfigured } from './configured-front.ts';

/** One client tries to have its own answer stored under the key of another's request: what the origin saw and the key did not. */

type Scene = { readonly origin: RawOrigin; readonly ask: (path: string, lines?: string) => Promise<Reply> };

/** An origin that tells what it took the request for. */
async function openScene(t: TestContext, read: (request: ReceivedRequest) => string, cache: object = {}, fields = ''): Promise<Scene> {
  const origin = await RawOrigin.answering((request) => {
    const body = read(request);
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
  });
  const front = await openCached(t, origin.url, { cache });
  t.after(() => origin.close());
  return { origin, ask: (path, lines = '') => askOnce(front.port, `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`) };
}

test('a field that Connection takes away does not select the answer to those who have it', async (t) => {
  const { ask } = await openScene(t, (request) => request.field('X-Tenant') ?? 'nobody', {}, 'Vary: X-Tenant\r\n');
  assert.equal((await ask('/a', 'X-Tenant: victim\r\nConnection: X-Tenant\r\n')).text, 'nobody');
  assert.equal((await ask('/a', 'X-Tenant: victim\r\n')).text, 'victim');
  assert.equal((await ask('/a')).text, 'nobody');
});

test('nor does it stand in a key', async (t) => {
  const read = (request: ReceivedRequest): string => request.field('X-Tenant') ?? request.field('Cookie') ?? 'nobody';
  const { ask } = await openScene(t, read, { key: { headers: ['X-Tenant'], cookies: ['tenant'] } });
  assert.equal((await ask('/a', 'X-Tenant: victim\r\nConnection: X-Tenant\r\n')).text, 'nobody');
  assert.equal((await ask('/a', 'X-Tenant: victim\r\n')).text, 'victim');
  assert.equal((await ask('/b', 'Cookie: tenant=victim\r\nConnection: Cookie\r\n')).text, 'nobody');
  assert.equal((await ask('/b', 'Cookie: tenant=victim\r\n')).text, 'tenant=victim');
});

test('what Connection takes away from a QUERY is no part of its key', async (t) => {
  const origin = await RawOrigin.answering((request) => {
    const body = request.field('Content-Type') ?? 'untyped';
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  const front = await openCached(t, origin.url, { cache: { methods: ['GET', 'HEAD', 'QUERY'] } });
  t.after(() => origin.close());
  const query = (lines: string): Promise<Reply> =>
    askOnce(front.port, `QUERY /q HTTP/1.1\r\nHost: a.example\r\nContent-Type: text/x\r\nContent-Length: 1\r\n${lines}\r\nq`);
  assert.equal((await query('Connection: Content-Type\r\n')).text, 'untyped');
  assert.equal((await query('')).text, 'text/x');
});

test('a field that gateways of the CGI kind take for the selecting one selects too', async (t) => {
  const read = (request: ReceivedRequest): string => request.field('X-Tenant') ?? request.field('X_Tenant') ?? 'nobody';
  const { ask } = await openScene(t, read, {}, 'Vary: X-Tenant\r\n');
  assert.equal((await ask('/a', 'X_Tenant: evil\r\n')).text, 'evil');
  assert.equal((await ask('/a')).text, 'nobody');
});

/** As the usual readers of cookies do: repeated lines are one list, names are trimmed, later ones may count. */
function cookie(request: ReceivedRequest, name: string): string {
  const pairs = request.fields.filter(([field]) => field.toLowerCase() === 'cookie').flatMap(([, value]) => value.split(';'));
  const found = pairs.map((pair) => pair.split('=')).filter(([key = '']) => key.trim() === name);
  return found.map(([, value = '']) => value.trim()).join('+') || 'nobody';
}

test('a cookie in the key is found wherever the origin may find it', async (t) => {
  const { ask } = await openScene(t, (request) => cookie(request, 'tenant'), { key: { cookies: ['tenant'] } });
  assert.equal((await ask('/two-lines', 'Cookie: x=1\r\nCookie: tenant=evil\r\n')).text, 'evil');
  assert.equal((await ask('/two-lines', 'Cookie: x=1\r\n')).text, 'nobody');
  assert.equal((await ask('/blank', 'Cookie: tenant =evil\r\n')).text, 'evil');
  assert.equal((await ask('/blank')).text, 'nobody');
  assert.equal((await ask('/twice', 'Cookie: tenant=a; tenant=evil\r\n')).text, 'a+evil');
  assert.equal((await ask('/twice', 'Cookie: tenant=a\r\n')).text, 'a');
  assert.equal((await ask('/twice', 'Cookie: subtenant=b; tenant=a\r\n')).text, 'a');
});

test('an ignored parameter hides no other behind a semicolon', async (t) => {
  const { ask } = await openScene(t, (request) => request.target, { key: { query: { ignore: ['utm_source'] } } });
  assert.equal((await ask('/a?utm_source=x;id=evil')).text, '/a?utm_source=x;id=evil');
  assert.equal((await ask('/a?utm_source=x')).text, '/a?utm_source=x');
  assert.equal((await ask('/a')).text, '/a?utm_source=x');
});

test('what the origin may read as a parameter that counts, counts, however it is spelt', async (t) => {
  const { ask } = await openScene(t, (request) => request.target, { key: { query: ['page', 'ids%5B%5D'] } });
  for (const query of [
    '',
    '?page[]=evil',
    '?page%5B%5D=evil',
    '?page%5Bx%5D=evil',
    '?%20page=evil',
    '?PAGE=evil',
    '?page%00=evil',
    '?ids[]=1',
  ])
    assert.equal((await ask(`/a${query}`)).text, `/a${query}`);
  assert.equal((await ask('/a?utm_source=x')).text, '/a');
  assert.equal((await ask('/a?utm[page]=x')).text, '/a');
});

test('only what is named exactly is ignored', async (t) => {
  const { ask } = await openScene(t, (request) => request.target, { key: { query: { ignore: ['utm', 'x%5B%5D'] } } });
  for (const query of ['', '?utm[]=evil', '?UTM=evil']) assert.equal((await ask(`/a${query}`)).text, `/a${query}`);
  for (const query of ['?utm=1', '?%75tm=1', '?x[]=1', '?x%5B%5D=1']) assert.equal((await ask(`/a${query}`)).text, '/a');
});

test('parameters that an origin may read as one name keep their order', async (t) => {
  const { ask } = await openScene(t, (request) => request.target, { key: { sortQuery: true } });
  for (const query of ['?a=1&a[]=2', '?a[]=2&a=1', '?a_b=1&a.b=2', '?a.b=2&a_b=1'])
    assert.equal((await ask(`/a${query}`)).text, `/a${query}`);
  assert.equal((await ask('/a?c=1&b=2')).text, '/a?c=1&b=2');
  assert.equal((await ask('/a?b=2&c=1')).text, '/a?c=1&b=2');
});

test('parameters of one name keep their order however the name is spelt', async (t) => {
  const { ask } = await openScene(t, (request) => request.target, { key: { sortQuery: true } });
  assert.equal((await ask('/a?id=1&%69d=2')).text, '/a?id=1&%69d=2');
  assert.equal((await ask('/a?%69d=2&id=1')).text, '/a?%69d=2&id=1');
});

test('a target that a filter chose is part of the key', async (t) => {
  const origin = await RawOrigin.answering((request) => {
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`;
  });
  t.after(() => origin.close());
  const front = await openConfigured(
    t,
    {
      upstreams: { origin: { endpoints: [origin.url], forwardCredentials: true } },
      routes: [{ name: 'all', match: '/*', upstream: 'origin', cache: true, filters: [{ module: './own.ts' }] }],
    },
    {
      caching: hostCache().open(0),
      filters: {
        './own.ts': {
          request: (request) => {
            request.target = `/of/${request.headers.get('X-User') ?? 'nobody'}`;
          },
        },
      },
    },
  );
  const ask = (user: string): Promise<Reply> => askOnce(front.port, `GET /me HTTP/1.1\r\nHost: a.example\r\nX-User: ${user}\r\n\r\n`);
  assert.equal((await ask('alice')).text, '/of/alice');
  assert.equal((await ask('bob')).text, '/of/bob');
  assert.equal((await ask('alice')).text, '/of/alice');
  assert.equal(origin.requests.length, 2);
});

test('what a trusted proxy reports of scheme and host is part of the key, since the origin may answer by it', async (t) => {
  const origin = await RawOrigin.answering((request) => {
    const body = `${request.field('X-Forwarded-Proto')}://${request.field('X-Forwarded-Host')}${request.field('X-Forwarded-Prefix') ?? ''}`;
    return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  t.after(() => origin.close());
  for (const trustedProxies of [['127.0.0.0/8'], []]) {
    const front = await openConfigured(
      t,
      {
        listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies }],
        upstreams: { origin: origin.url },
        routes: [{ name: 'all', match: '/*', upstream: 'origin', cache: true }],
      },
      { caching: hostCache().open(0) },
    );
    const ask = async (lines: string): Promise<string> =>
      (await askOnce(front.port, `GET / HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`)).text;
    const isTrusted = trustedProxies.length > 0;
    assert.equal(await ask('X-Forwarded-Host: evil.example\r\n'), isTrusted ? 'http://evil.example' : 'http://a.example');
    assert.equal(await ask(''), 'http://a.example');
    assert.equal(await ask('X-Forwarded-Proto: https\r\n'), isTrusted ? 'https://a.example' : 'http://a.example');
    assert.equal(await ask('X-Forwarded-Prefix: /evil\r\n'), isTrusted ? 'http://a.example/evil' : 'http://a.example');
    assert.equal(await ask(''), 'http://a.example');
  }
});

test('host and target are one key only where they are one thing to the origin', async (t) => {
  const { ask, origin } = await openScene(t, (request) => `${request.field('Host')} ${request.target}`, { key: { sortQuery: false } });
  const seen = new Map<string, string>();
  for (const target of [
    '/a/b',
    '/a//b',
    '/a/./b',
    '/a/c/../b',
    '/a/%62',
    '/A/b',
    '/a/b?',
    '/a/b?x=1&y=2',
    '/a/b?y=2&x=1',
    '/a/b/',
    '/a/b;v=1',
  ]) {
    const reply = await ask(target);
    const before = seen.get(reply.text);
    assert.equal(reply.text, `a.example ${target}`, before);
    seen.set(reply.text, target);
  }
  const count = origin.requests.length;
  assert.equal((await ask('http://b.example/a/b')).text, 'b.example /a/b');
  assert.equal((await ask('http://A.EXAMPLE:80/a/b')).status, 200);
  assert.ok(origin.requests.length <= count + 2);
  assert.notEqual((await ask('/a#b')).status, 200);
});

/** Two listeners, the first at a port that the configuration names, so that they are known to be apart. */
async function openPorts(t: TestContext, parts: { listener?: object; route?: object } = {}): Promise<{ ask: AskAt; origin: RawOrigin }> {
  const origin = await RawOrigin.answering((request) => {
    const body = `https://${request.field('Host')}/ at ${request.field('X-Forwarded-Port') ?? 'no port'}`;
    return `HTTP/1.1 301 Moved\r\nCache-Control: max-age=60\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  });
  t.after(() => origin.close());
  const taken = await reservePort({ host: '127.0.0.1', port: 0 });
  const config = {
    listeners: [
      { name: 'web', listen: `127.0.0.1:${taken}`, ...parts.listener },
      { name: 'house', listen: '127.0.0.1:0', ...parts.listener },
    ],
    upstreams: { o: origin.url },
    routes: [{ name: 'all', match: '/*', upstream: 'o', cache: true, ...parts.route }],
  };
  const front = await openConfigured(t, config, { caching: hostCache().open(0) });
  const [, second] = checkedConfig(config).listeners;
  assert.ok(second);
  const house = await openNodeListener(second, front.gateway, { reusePort: false });
  t.after(() => house.destroy());
  const ports = { web: front.port, house: house.port };
  const ask: AskAt = async (listener, host, lines = '') => {
    const { text } = await askOnce(ports[listener], `GET / HTTP/1.1\r\nHost: ${host}\r\n${lines}\r\n`);
    return text.replace(`${ports.web}`, 'WEB').replace(`${ports.house}`, 'HOUSE');
  };
  return { ask, origin };
}

type AskAt = (listener: 'web' | 'house', host: string, lines?: string) => Promise<string>;

test('a redirect made for one port or one spelling of the host is for nobody who asks with another', async (t) => {
  const { ask, origin } = await openPorts(t);
  for (const [listener, host, text] of [
    ['house', 'a.example:80', 'https://a.example:80/ at HOUSE'],
    ['house', 'a.example', 'https://a.example/ at HOUSE'],
    ['web', 'a.example', 'https://a.example/ at WEB'],
    ['web', 'a.example:80', 'https://a.example:80/ at WEB'],
  ] as const) {
    for (let i = 0; i < 2; i++) assert.equal(await ask(listener, host), text);
  }
  assert.equal(origin.requests.length, 4);
});

test('ports share answers where the origin is not told of them', async (t) => {
  const removed = await openPorts(t, { route: { headers: { request: { remove: ['X-Forwarded-Port'] } } } });
  const reported = await openPorts(t, { listener: { trustedProxies: ['127.0.0.0/8'] } });
  for (const listener of ['web', 'house'] as const) {
    assert.equal(await removed.ask(listener, 'a.example'), 'https://a.example/ at no port');
    assert.equal(await reported.ask(listener, 'a.example', 'X-Forwarded-Port: 443\r\n'), 'https://a.example/ at 443');
  }
  assert.equal(removed.origin.requests.length + reported.origin.requests.length, 2);
});

/** Of these two peers the listener trusts the second one alone. */
const STRANGER = '127.0.0.3';
const PROXY = '127.0.0.2';

async function askFrom(port: number, address: string, lines: string): Promise<string> {
  const client = await connectRaw(port, '127.0.0.1', address);
  await client.send(`GET /me HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`);
  const reply = await client.readReply('GET');
  client.close();
  return reply.text;
}

for (const name of ['X-Forwarded-For', 'X-Real-IP', 'Forwarded']) {
  test(`what varies by ${name}, which we write ourselves, is for nobody at another address`, async (t) => {
    const origin = await RawOrigin.answering((request) => {
      const body = /127\.0\.0\.\d/.exec(request.field(name) ?? '')?.[0] ?? 'nobody';
      return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nVary: ${name}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    });
    t.after(() => origin.close());
    const config = { forwarded: true, upstreams: { o: origin.url }, routes: [{ name: 'all', match: '/*', upstream: 'o', cache: true }] };
    const front = await openConfigured(t, config, { caching: hostCache().open(0) });
    for (const address of [STRANGER, PROXY, STRANGER]) assert.equal(await askFrom(front.port, address, ''), address);
  });
}

for (const [how, vary, cache] of [
  ['the answer varies by it', 'Vary: X-Consumer\r\n', true],
  ['it is part of the key', '', { key: { headers: ['X-Consumer'] } }],
] as const) {
  test(`who claims to be somebody, and is not believed, gets nothing of his and leaves nothing for him (${how})`, async (t) => {
    const origin = await RawOrigin.answering((request) => {
      const body = request.field('X-Consumer') ?? 'nobody';
      return `HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n${vary}Content-Length: ${body.length}\r\n\r\n${body}`;
    });
    t.after(() => origin.close());
    const config = {
      listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: [PROXY] }],
      consumers: { from: [{ header: 'X-Consumer' }] },
      upstreams: { o: { endpoints: [origin.url], forwardCredentials: true } },
      routes: [{ name: 'all', match: '/*', upstream: 'o', cache }],
    };
    const front = await openConfigured(t, config, { caching: hostCache().open(0) });
    assert.equal(await askFrom(front.port, PROXY, 'X-Consumer: alice\r\n'), 'alice');
    assert.equal(await askFrom(front.port, STRANGER, 'X-Consumer: alice\r\n'), 'nobody');
    assert.equal(await askFrom(front.port, STRANGER, 'X-Consumer: bob\r\n'), 'nobody');
    assert.equal(await askFrom(front.port, PROXY, 'X-Consumer: bob\r\n'), 'bob');
    assert.equal(await askFrom(front.port, PROXY, 'X-Consumer: alice\r\n'), 'alice');
  });
}

test('what an origin may take in place of the target or the method goes past the cache, both ways', async (t) => {
  const names = ['X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'x-oRIGINAL-uRL'];
  for (const name of names) {
    const { origin, ask } = await openScene(t, (request) => request.field(name) ?? request.target);
    assert.equal((await ask('/a', `${name}: /evil\r\n`)).text, '/evil', name);
    assert.equal((await ask('/a')).text, '/a', name);
    const passed = await ask('/a', `${name}: /evil\r\n`);
    assert.equal(passed.text, '/evil', name);
    assert.match(passed.field('Cache-Status') ?? '', /fwd=bypass/);
    assert.equal((await ask('/a', `${name}: /b\r\nRange: bytes=0-0\r\nIf-None-Match: "x"\r\n`)).text, '/b');
    assert.match((await ask('/a')).field('Cache-Status') ?? '', /hit/);
    assert.equal(origin.requests.length, 4);
  }
});

test('a name that resembles one of those with `_` does not reach the origin', async (t) => {
  const { origin, ask } = await openScene(
    t,
    (request) => request.field('X_Original_URL') ?? request.field('X-Original_URL') ?? request.target,
  );
  assert.equal((await ask('/a', 'X_Original_URL: /evil\r\nX-Original_URL: /evil\r\n')).text, '/a');
  assert.equal((await ask('/a')).text, '/a');
  assert.equal(origin.requests.length, 1);
});
