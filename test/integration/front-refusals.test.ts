import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldValue } from '../harness/http-message.ts';
import { parseReply } from '../harness/http-reply.ts';
import { connectRaw, exchangeRaw } from '../harness/raw-client.ts';
import { openPair } from './front.ts';

/**
 * What a front must not pass on, as bytes. Both engines get the same; where `uws` differs, the row says how: a status that
 * the addon answers by itself before Sluice sees anything, `closed` (without an answer), or `silent` (nothing until its idle
 * timer of 10 s, then closed). Whatever the answer: nothing reaches the origin and the connection ends.
 */
type Row = readonly [what: string, bytes: string, status: number, uws?: number | 'closed' | 'silent'];

const HOST = 'Host: a.example\r\n';
const get = (lines: string): string => `GET /p HTTP/1.1\r\n${HOST}${lines}\r\n`;
const post = (lines: string, body = 'abcde'): string => `POST /p HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
const CHUNKS = '5\r\nabcde\r\n0\r\n\r\n';

const ROWS: readonly Row[] = [
  // Request line, RFC 9112 section 3
  ['a method that is no token', `G(T /p HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a method with a byte above 0x7f', `G\xe4T /p HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['two spaces before the target', `GET  /p HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['two spaces before the version', `GET /p  HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['a tab in the target', `GET /a\tb HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['a control byte in the target', `GET /a\x01b HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['NUL in the target', `GET /a\0b HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['DEL in the target', `GET /a\x7fb HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a byte above 0x7f in the target', `GET /\xe4 HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['UTF-8 in the target', `GET /\xc3\xa4 HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a byte above 0x7f in the query', `GET /p?\xe4 HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a fragment in the target', `GET /p#f HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a target without slash', `GET p HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['asterisk-form with GET', `GET * HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['CONNECT', `CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n`, 501, 505],
  ['user information in absolute-form', `GET http://me@a.example/p HTTP/1.1\r\n${HOST}\r\n`, 400, 505],
  ['no version', `GET /p\r\n${HOST}\r\n`, 400, 'silent'],
  ['a malformed version', `GET /p HTTP/1.1x\r\n${HOST}\r\n`, 400, 505],
  ['a lower-case version', `GET /p http/1.1\r\n${HOST}\r\n`, 400, 505],
  ['major version 2', `GET /p HTTP/2.0\r\n${HOST}\r\n`, 505, 505],
  ['major version 0', `GET /p HTTP/0.9\r\n${HOST}\r\n`, 505, 505],
  ['bare LF after the request line', `GET /p HTTP/1.1\n${HOST}\r\n`, 400, 505],
  ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x5b\xe1\x73\r\n\r\n', 400, 505],
  // Field lines, RFC 9112 section 5
  ['a space before the colon', get('X-A : 1\r\n'), 400, 'silent'],
  ['a space before the colon of Content-Length', post('Content-Length : 5\r\n'), 400, 'silent'],
  ['a space before the first field name', `GET /p HTTP/1.1\r\n X: 1\r\n${HOST}\r\n`, 400, 'silent'],
  ['a folded line', get('X-A: 1\r\n 2\r\n'), 400, 'silent'],
  ['a line without colon', get('X-A\r\n'), 400, 'silent'],
  ['a name that is no token', get('X(A: 1\r\n'), 400, 'silent'],
  ['a name with a byte above 0x7f', get('X\xe4: 1\r\n'), 400, 'silent'],
  ['NUL in a value', get('X-A: 1\x002\r\n'), 400, 'silent'],
  ['bare CR in a value', get('X-A: 1\r2\r\n'), 400, 'silent'],
  ['bare LF in a value', get('X-A: 1\nX-B: 2\r\n'), 400, 'silent'],
  ['a control byte in a value', get('X-A: 1\x012\r\n'), 400, 'silent'],
  ['DEL in a value', get('X-A: 1\x7f2\r\n'), 400],
  ['bare LF between field lines', `GET /p HTTP/1.1\r\nHost: a.example\nX-A: 1\r\n\r\n`, 400, 'silent'],
  // Host, RFC 9112 section 3.2
  ['no Host', 'GET /p HTTP/1.1\r\nX-A: 1\r\n\r\n', 400, 400],
  ['two Host fields', get('Host: b.example\r\n'), 400],
  ['two equal Host fields', get('Host: a.example\r\n'), 400],
  ['an empty Host', 'GET /p HTTP/1.1\r\nHost: \r\n\r\n', 400],
  ['a Host with a path', 'GET /p HTTP/1.1\r\nHost: a.example/b\r\n\r\n', 400],
  ['a Host with user information', 'GET /p HTTP/1.1\r\nHost: me@a.example\r\n\r\n', 400],
  ['a Host with two names', 'GET /p HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n', 400],
  // Framing, RFC 9112 section 6
  ['differing Content-Length fields', post('Content-Length: 5\r\nContent-Length: 6\r\n'), 400],
  ['repeated Content-Length fields', post('Content-Length: 5\r\nContent-Length: 5\r\n'), 400],
  ['a list in Content-Length', post('Content-Length: 5, 5\r\n'), 400, 400],
  ['a plus in Content-Length', post('Content-Length: +5\r\n'), 400, 400],
  ['a minus in Content-Length', post('Content-Length: -5\r\n'), 400, 400],
  ['hex in Content-Length', post('Content-Length: 0x5\r\n'), 400, 400],
  ['a letter after Content-Length', post('Content-Length: 5a\r\n'), 400, 400],
  ['a blank within Content-Length', post('Content-Length: 5 5\r\n'), 400, 400],
  ['an empty Content-Length', post('Content-Length: \r\n', ''), 400],
  ['a Content-Length beyond 2^53', post('Content-Length: 9007199254740993\r\n'), 400],
  ['a Content-Length beyond 2^64', post('Content-Length: 18446744073709551621\r\n'), 400, 400],
  ['both Content-Length and Transfer-Encoding', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', CHUNKS), 400, 400],
  ['Transfer-Encoding before Content-Length', post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', CHUNKS), 400, 400],
  ['a coding that only ends in chunked', post('Transfer-Encoding: xchunked\r\n', CHUNKS), 400],
  ['a coding that only begins with chunked', post('Transfer-Encoding: chunkedx\r\n', CHUNKS), 400],
  ['identity as coding', post('Transfer-Encoding: identity\r\n', ''), 400],
  ['an empty Transfer-Encoding', post('Transfer-Encoding: \r\n', ''), 400],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', CHUNKS), 400],
  ['two Transfer-Encoding fields', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', CHUNKS), 400],
  ['chunked before another coding', post('Transfer-Encoding: chunked, gzip\r\n', CHUNKS), 400],
  ['another coding before chunked', post('Transfer-Encoding: gzip, chunked\r\n', CHUNKS), 501],
  ['a quoted coding', post('Transfer-Encoding: "chunked"\r\n', CHUNKS), 400],
  ['a parameter of chunked', post('Transfer-Encoding: chunked;q=1\r\n', CHUNKS), 400],
  ['a vertical tab before chunked', post('Transfer-Encoding: \x0bchunked\r\n', CHUNKS), 400, 'silent'],
  ['a coding in HTTP/1.0', `POST /p HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${CHUNKS}`, 400, 505],
  // Others
  ['an unknown expectation', post('Content-Length: 5\r\nExpect: 200-maybe\r\n', ''), 417],
  ['a head over the limit', get(`X-A: ${'a'.repeat(3000)}\r\n`), 431],
  ['a target over the limit', `GET /${'a'.repeat(600)} HTTP/1.1\r\n${HOST}\r\n`, 414],
  ['more fields than allowed', get('X-A: 1\r\n'.repeat(20)), 431],
  ['a declared body over the limit', post('Content-Length: 2000\r\n', 'a'.repeat(2000)), 413],
];

const OPTIONS = { limits: { maxHeadBytes: 2048, maxTargetBytes: 512, maxFields: 16 }, route: { maxBody: '1000B' } };

/** What the addon answers by itself is told apart by its body. */
function isOwnAnswer(reply: { readonly fields: Parameters<typeof fieldValue>[0] }): boolean {
  return fieldValue(reply.fields, 'content-type') === 'application/problem+json';
}

for (const [what, bytes, status, uws] of ROWS) {
  test(`node: ${what} is answered ${status}, the connection closed, the origin not troubled`, async (t) => {
    const { front, origin } = await openPair(t, 'node', undefined, OPTIONS);
    const received = await exchangeRaw(front.port, bytes);
    assertRefused(received, status, true);
    assert.equal(origin.connections.length, 0);
  });

  if (uws === 'silent') continue;
  const isByAddon = uws !== undefined;
  test(`uws: ${what} is answered ${uws ?? status}, the connection closed, the origin not troubled`, async (t) => {
    const { front, origin } = await openPair(t, 'uws', undefined, OPTIONS);
    const received = await exchangeRaw(front.port, bytes);
    if (uws === 'closed') assert.equal(received.length, 0);
    else assertRefused(received, uws ?? status, !isByAddon);
    assert.equal(origin.connections.length, 0);
  });
}

function assertRefused(received: Buffer, status: number, isOwn: boolean): void {
  const parsed = parseReply(received, 'POST', true);
  assert.equal(parsed.kind, 'message', received.toString('latin1'));
  if (parsed.kind !== 'message') return;
  assert.equal(parsed.message.status, status, parsed.message.text);
  assert.equal(parsed.length, received.length, 'nothing follows the answer');
  assert.equal(parsed.message.field('connection'), 'close');
  assert.equal(isOwnAnswer(parsed.message), isOwn, parsed.message.head);
}

test('uws: what its parser cannot read stays without an answer, and is closed by its idle timer', async (t) => {
  const { front, origin } = await openPair(t, 'uws', undefined, OPTIONS);
  const silent = ROWS.filter(([, , , uws]) => uws === 'silent');
  assert.ok(silent.length > 0);
  const all = await Promise.all(silent.map(([, bytes]) => exchangeRaw(front.port, bytes, 30_000)));
  for (const [i, received] of all.entries()) assert.equal(received.length, 0, silent[i]?.[0]);
  assert.equal(origin.connections.length, 0);
});

test('node: a head that does not end in time is answered 408 and closed', async (t) => {
  const { front, origin } = await openPair(t, 'node', undefined, { timeouts: { headMs: 150 } });
  const received = await exchangeRaw(front.port, `GET /p HTTP/1.1\r\n${HOST}X-A`);
  assertRefused(received, 408, true);
  assert.equal(front.counted('sluice_timeouts_total', 'client-head'), 1);
  assert.equal(origin.connections.length, 0);
});

test('node: a head that trickles in is not saved by its trickle', async (t) => {
  const { front } = await openPair(t, 'node', undefined, { timeouts: { headMs: 200 } });
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  const timer = setInterval(() => client.send('a'), 20);
  t.after(() => clearInterval(timer));
  await client.send(`GET /p HTTP/1.1\r\n${HOST}X-A: `);
  assert.equal((await client.readReply('GET', 5000)).status, 408);
});

test('node: an idle connection is closed without a word when its time is over', async (t) => {
  const { front } = await openPair(t, 'node', undefined, { timeouts: { keepAliveMs: 100 } });
  assert.equal((await exchangeRaw(front.port, '')).length, 0);
});

for (const engine of ['node', 'uws'] as const) {
  test(`${engine}: a refused request is counted with its reason`, async (t) => {
    const { front } = await openPair(t, engine);
    await exchangeRaw(front.port, get('Host: b.example\r\n'));
    assert.equal(front.counted('sluice_refused_requests_total', 'bad-host'), 1);
  });

  test(`${engine}: connections over the limit are closed and counted, and others stay`, async (t) => {
    const { front } = await openPair(t, engine, undefined, { limits: { maxConnections: 2 } });
    const clients = [await connectRaw(front.port), await connectRaw(front.port)];
    t.after(() => {
      for (const client of clients) client.close();
    });
    for (const client of clients) {
      await client.send(get(''));
      assert.equal((await client.readReply()).status, 200);
    }
    assert.equal((await exchangeRaw(front.port, get('')).catch(() => Buffer.alloc(0))).length, 0);
    assert.equal(front.counted('sluice_refused_requests_total', 'connection-limit'), 1);
    await clients[0]?.send(get(''));
    assert.equal((await clients[0]?.readReply())?.status, 200);
  });
}
