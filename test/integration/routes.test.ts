import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import type { ReceivedRequest } from '../harness/http-request.ts';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { type Answer, RawOrigin } from '../harness/raw-origin.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

type Scene = {
  readonly front: ConfiguredFront;
  readonly origin: RawOrigin;
  /** `GET /a` with further field lines. */
  readonly ask: (line?: string, ...fields: readonly string[]) => Promise<Reply>;
};

/** The routes given, in front of one origin that is upstream `origin`. */
async function openScene(
  t: TestContext,
  input: { readonly routes: readonly object[]; readonly [key: string]: unknown },
  answer?: Answer,
): Promise<Scene> {
  const origin = await RawOrigin.answering(answer);
  const { upstream, ...top } = input;
  const upstreams = { origin: { endpoints: [origin.url], ...(upstream as object | undefined) } };
  const front = await openConfigured(t, { upstreams, ...top });
  t.after(() => origin.close());
  const ask = (line = 'GET /a', ...fields: readonly string[]): Promise<Reply> => {
    const host = fields.some((field) => /^host:/i.test(field)) ? [] : ['Host: a.example'];
    return askOnce(front.port, [`${line} HTTP/1.1`, ...host, ...fields, '', ''].join('\r\n'));
  };
  return { front, origin, ask };
}

const says = (name: string, match: unknown, more: object = {}): object => ({ name, match, respond: { status: 200, body: name }, ...more });
const toOrigin = (more: object = {}): object => ({ name: 'all', match: '/*', upstream: 'origin', ...more });
const last = ({ requests }: RawOrigin): ReceivedRequest => requests.at(-1) ?? assert.fail('the origin got nothing');

// ---- which route -----------------------------------------------------------------------------------------------------------

const CHOOSING = [
  says('host', { host: 'a.example' }),
  says('wildcard', { host: '*.example' }),
  says('deeper', { host: '*.b.example' }),
  says('exact', { path: '/exact' }),
  says('prefix', { path: '/pre/*' }),
  says('longer', { path: '/pre/fix/*' }),
  says('segment', { path: '/pre/{one}/end' }),
  says('header', { path: '/h', headers: { 'X-Version': '2' } }),
  says('header-prefix', { path: '/h', headers: { 'X-Version': { prefix: '3.' } } }),
  says('header-regex', { path: '/h', headers: { 'X-Version': { regex: '^v[0-9]+$' } } }),
  says('header-absent', { path: '/h', headers: { 'X-Version': { present: false } } }),
  says('query', { path: '/q', query: { page: '1', flag: { present: true } } }),
  says('low', { path: '/prio/exact' }),
  says('high', { path: '/prio/*' }, { priority: 5 }),
  says('rest', '/*'),
];

for (const [line, fields, expected] of [
  ['GET /x', ['Host: a.example'], 'host'],
  ['GET /x', ['Host: A.EXAMPLE:8080'], 'host'],
  ['GET /x', ['Host: c.example'], 'wildcard'],
  ['GET /x', ['Host: x.y.example'], 'wildcard'],
  ['GET /x', ['Host: x.b.example'], 'deeper'],
  ['GET /x', ['Host: example'], 'rest'],
  ['GET http://c.example/x', ['Host: other'], 'wildcard'],
  ['GET /exact', ['Host: o'], 'exact'],
  ['GET /%65xact', ['Host: o'], 'exact'],
  ['GET /x/../exact', ['Host: o'], 'exact'],
  ['GET /exact/', ['Host: o'], 'rest'],
  ['GET /pre', ['Host: o'], 'prefix'],
  ['GET /pre/a/b', ['Host: o'], 'prefix'],
  ['GET /pre/fix/a', ['Host: o'], 'longer'],
  ['GET /pre/any/end', ['Host: o'], 'segment'],
  ['GET /prefix', ['Host: o'], 'rest'],
  ['GET /h', ['Host: o', 'x-version: 2'], 'header'],
  ['GET /h', ['Host: o', 'X-Version: 3.7'], 'header-prefix'],
  ['GET /h', ['Host: o', 'X-Version: v12'], 'header-regex'],
  ['GET /h', ['Host: o'], 'header-absent'],
  ['GET /h', ['Host: o', 'X-Version: nine'], 'rest'],
  ['GET /q?flag&page=1', ['Host: o'], 'query'],
  ['GET /q?page=1', ['Host: o'], 'rest'],
  ['GET /q?page=2&flag=', ['Host: o'], 'rest'],
  ['GET /prio/exact', ['Host: o'], 'high'],
] as const) {
  test(`${line} with ${fields.join(', ')} meets route ${expected}`, async (t) => {
    const { ask } = await openScene(t, { routes: CHOOSING });
    assert.equal((await ask(line, ...fields)).text, expected);
  });
}

test('a method that no route takes is 405 with all methods that one does; no route at all is 404', async (t) => {
  const { ask, origin } = await openScene(t, {
    routes: [
      toOrigin({ name: 'one', match: { path: '/a', methods: ['GET', 'POST'] } }),
      toOrigin({ name: 'two', match: { path: '/a', methods: ['PUT'], headers: { x: '1' } } }),
    ],
  });
  const refused = await ask('DELETE /a');
  assert.equal(refused.status, 405);
  assert.deepEqual([...(refused.field('allow') ?? '').split(', ')].sort(), ['GET', 'HEAD', 'POST']);
  assert.deepEqual(JSON.parse(refused.text).type, 'urn:sluice:problem:method-not-allowed');
  assert.equal((await ask('GET /b')).status, 404);
  assert.equal((await ask('HEAD /a')).status, 200);
  assert.equal(origin.requests.length, 1);
});

// ---- what the origin sees --------------------------------------------------------------------------------------------------

for (const [route, line, expected] of [
  [{ match: '/api/*', stripPrefix: true }, 'GET /api/orders/7?x=1', '/orders/7?x=1'],
  [{ match: '/api/*', stripPrefix: true }, 'GET /api', '/'],
  [{ match: '/api/*', stripPrefix: true }, 'GET /api?x', '/?x'],
  [{ match: '/api/{kind}/*', rewrite: '/v1/{rest}/{kind}' }, 'GET /api/users/1/2?q', '/v1/1/2/users?q'],
  [{ match: '/a/{x}', rewrite: '/b/{x}' }, 'GET /a/%2e%2e%41', '/b/..A'],
  [{ match: '/*' }, 'GET /%61/./b?c', '/%61/./b?c'],
] as const) {
  test(`${JSON.stringify(route)} sends ${line} as ${expected}`, async (t) => {
    const { ask, origin } = await openScene(t, { routes: [toOrigin(route)] });
    assert.equal((await ask(line)).status, 200);
    assert.equal(last(origin).target, expected);
  });
}

test('fields of the request are set, removed, and let through by name', async (t) => {
  const { ask, origin } = await openScene(t, {
    routes: [
      toOrigin({
        name: 'edit',
        match: '/edit',
        headers: { request: { set: { 'X-Set': 'new', 'X-Add': 'added' }, remove: ['x-remove', 'Via'] } },
      }),
      toOrigin({ name: 'allow', match: '/allow', headers: { request: { allow: ['X-Keep'] } } }),
    ],
  });
  await ask('GET /edit', 'X-Set: old', 'x-set: older', 'X-Remove: r', 'X-Other: o');
  const edited = last(origin);
  assert.deepEqual(edited.fieldAll('x-set'), ['new']);
  assert.equal(edited.field('x-add'), 'added');
  assert.deepEqual([edited.field('x-remove'), edited.field('via'), edited.field('x-other')], [undefined, undefined, 'o']);
  await ask('GET /allow', 'X-Keep: k', 'X-Other: o', 'User-Agent: u');
  const allowed = last(origin);
  assert.deepEqual([allowed.field('x-keep'), allowed.field('x-other'), allowed.field('user-agent')], ['k', undefined, undefined]);
  assert.equal(allowed.field('host'), 'a.example');
});

test('fields of the response are set and removed, on answers of the upstream', async (t) => {
  const reply = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: origin\r\nX-Set: 1\r\nX-Set: 2\r\nX-Other: o\r\n\r\n';
  const { ask } = await openScene(
    t,
    { routes: [toOrigin({ headers: { response: { set: { 'X-Set': 'new' }, remove: ['Server'] } } })] },
    () => reply,
  );
  const found = await ask();
  assert.deepEqual([found.fieldAll('x-set'), found.field('server'), found.field('x-other')], [['new'], undefined, 'o']);
});

for (const [redirects, location, expected] of [
  ['keep', 'http://ORIGIN/x?y', 'http://ORIGIN/x?y'],
  ['rewrite', 'http://ORIGIN/x?y#z', 'http://a.example/x?y#z'],
  ['rewrite', '//ORIGIN/x', 'http://a.example/x'],
  ['rewrite', '/relative', '/relative'],
  ['rewrite', 'https://elsewhere.example/x', 'https://elsewhere.example/x'],
] as const) {
  test(`with redirects: ${redirects} the location ${location} becomes ${expected}`, async (t) => {
    const own = { authority: '' };
    const { ask, origin } = await openScene(
      t,
      { routes: [toOrigin({ redirects })] },
      () => `HTTP/1.1 302 Found\r\nLocation: ${location.replace('ORIGIN', own.authority)}\r\nContent-Length: 0\r\n\r\n`,
    );
    own.authority = `127.0.0.1:${origin.port}`;
    assert.equal((await ask()).field('location'), expected.replace('ORIGIN', own.authority));
  });
}

for (const forwardCredentials of [false, true]) {
  test(`credentials ${forwardCredentials ? 'reach the upstream where it may see them' : 'stop at the proxy'}`, async (t) => {
    const { ask, origin } = await openScene(t, { routes: [toOrigin()], upstream: { forwardCredentials } });
    await ask('GET /a', 'Authorization: Basic x', 'Cookie: a=b', 'Proxy-Authorization: Basic y');
    const { field } = last(origin);
    assert.deepEqual([field('authorization'), field('cookie')], forwardCredentials ? ['Basic x', 'a=b'] : [undefined, undefined]);
    assert.equal(field('proxy-authorization'), undefined);
  });
}

for (const host of ['client', 'upstream'] as const) {
  test(`with host: ${host} the origin sees that one's authority`, async (t) => {
    const { ask, origin } = await openScene(t, { routes: [toOrigin()], upstream: { host } });
    await ask('GET /a', 'Host: shop.example:8000');
    assert.equal(last(origin).field('host'), host === 'client' ? 'shop.example:8000' : `127.0.0.1:${origin.port}`);
    assert.equal(last(origin).field('x-forwarded-host'), 'shop.example:8000');
  });
}

for (const isTrusted of [false, true]) {
  test(`identity that a peer claims is ${isTrusted ? 'kept and extended where it is trusted' : 'dropped'}, Forwarded too`, async (t) => {
    const trustedProxies = isTrusted ? ['127.0.0.0/8'] : [];
    const { ask, origin, front } = await openScene(t, {
      routes: [toOrigin()],
      listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies }],
      forwarded: true,
    });
    await ask(
      'GET /a',
      'X-Forwarded-For: 192.0.2.1, 127.0.0.9',
      'X-Forwarded-Proto: https',
      'Forwarded: for=192.0.2.1',
      'X-Real-IP: 192.0.2.5',
    );
    const { field, fieldAll } = last(origin);
    assert.equal(field('x-forwarded-for'), isTrusted ? '192.0.2.1, 127.0.0.9, 127.0.0.1' : '127.0.0.1');
    assert.equal(field('x-forwarded-proto'), isTrusted ? 'https' : 'http');
    assert.equal(field('x-real-ip'), isTrusted ? '192.0.2.1' : '127.0.0.1');
    const own = 'for=127.0.0.1;host=a.example;proto=http';
    assert.equal(fieldAll('forwarded').join(', '), isTrusted ? `for=192.0.2.1, ${own}` : own);
    assert.equal((await front.logged(0))['client'], isTrusted ? '192.0.2.1' : '127.0.0.1');
  });
}

// ---- what the client sees --------------------------------------------------------------------------------------------------

test('a route answers by itself with status, fields and body, whatever the method, and leaves the connection in step', async (t) => {
  const { front, origin } = await openScene(t, {
    routes: [{ name: 'own', match: '/*', respond: { status: 299, headers: { 'X-Own': '1', 'Content-Type': 'text/plain' }, body: 'grüß' } }],
  });
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  for (const method of ['GET', 'POST', 'HEAD', 'GET']) {
    const body = method === 'POST' ? 'Content-Length: 5\r\n\r\nhello' : '\r\n';
    await client.send(`${method} /x HTTP/1.1\r\nHost: a\r\n${body}`);
    const reply = await client.readReply(method);
    assert.deepEqual([reply.status, reply.field('x-own'), reply.field('content-length')], [299, '1', '6']);
    assert.equal(reply.text, method === 'HEAD' ? '' : 'grüß');
  }
  assert.equal(origin.connections.length, 0);
});

test('Server-Timing tells the wait for the connection and for the answer, where it is on', async (t) => {
  const on = await openScene(t, { routes: [toOrigin()], serverTiming: true });
  for (let i = 0; i < 2; i++) assert.match((await on.ask()).field('server-timing') ?? '', /^connect;dur=\d+\.\d, upstream;dur=\d+\.\d$/);
  const off = await openScene(t, { routes: [toOrigin()] });
  assert.equal((await off.ask()).field('server-timing'), undefined);
});

test('problems come as JSON, HTML or text, as the client asks', async (t) => {
  const { ask } = await openScene(t, { routes: [toOrigin({ match: '/only' })] });
  const json = await ask('GET /none');
  assert.equal(json.field('content-type'), 'application/problem+json');
  const { type, status, requestId } = JSON.parse(json.text) as Record<string, unknown>;
  assert.deepEqual([type, status, requestId], ['urn:sluice:problem:no-route', 404, json.field('x-request-id')]);
  const html = await ask('GET /none', 'Accept: text/html,*/*;q=0.1');
  assert.match(html.text, /^<!doctype html>[\s\S]*404 Not Found/);
  assert.match((await ask('GET /none', 'Accept: text/plain')).text, /^404 Not Found\n/);
  assert.equal((await ask('HEAD /none')).body.length, 0);
});
