import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, HOST, judge, openCourt, OPTIONS, OWN_VIA, post, type Row } from './judge.ts';

const refused = (rule: string, send: string, status: number | readonly number[]): Row => ({
  rule,
  send,
  refused: status,
  sees: null,
  closes: true,
});
const loop = (rule: string, send: string): Row => ({ rule, send, refused: [400, 502, 508], sees: null });
const passes = (rule: string, lines: string): Row => ({ rule, send: get(lines), sees: get(lines) });
const drops = (rule: string, lines: string, kept = ''): Row => ({ rule, send: get(lines), sees: get(kept) });
const options = (lines: string): string => `OPTIONS /a HTTP/1.1\r\n${HOST}${lines}\r\n`;

judge([
  // ---- RFC 9112 5, RFC 9110 5: syntax of field lines
  refused('9112 5.1: white space between name and colon: 400', get('X-A : 1\r\n'), 400),
  refused('9112 5.1: a tab between name and colon: 400', get('X-A\t: 1\r\n'), 400),
  refused('9112 5.1: white space before the colon of Host: 400', 'GET /a HTTP/1.1\r\nHost : a.example\r\n\r\n', 400),
  refused('9112 5.1: white space before the colon of Transfer-Encoding: 400', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'), 400),
  refused('9112 5.2: a folded line: 400', get('X-A: 1\r\n 2\r\n'), 400),
  refused('9112 5.2: a line folded by a tab: 400', get('X-A: 1\r\n\t2\r\n'), 400),
  refused('9112 5.2: a folded Host: 400', 'GET /a HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n', 400),
  refused('9112 5.2: a fold of nothing but white space: 400', get('X-A: 1\r\n \r\n'), 400),
  refused('9112 5: a line without colon', get('X-A\r\n'), 400),
  refused('9110 5.1: an empty name', get(': 1\r\n'), 400),
  ...['(', ')', ',', '/', ';', '<', '=', '>', '?', '@', '[', '\\', ']', '{', '}', '"', '\x00', '\x7f', '\x80'].map((c) =>
    refused(`9110 5.1: ${JSON.stringify(c)} is no tchar`, get(`X${c}A: 1\r\n`), 400),
  ),
  refused('9110 5.5: NUL in a value', get('X-A: a\0b\r\n'), 400),
  refused('9110 5.5: bare LF in a value', get('X-A: a\nX-B: b\r\n'), 400),
  ...['\x01', '\x08', '\x0b', '\x0c', '\x1f', '\x7f'].map((c) => ({
    rule: `9110 5.5: a control (${JSON.stringify(c)}) in a value is invalid`,
    send: get(`X-A: a${c}b\r\n`),
    refused: 400,
    sees: null,
    closes: true as const,
  })),
  passes('9110 5.5: bytes above 0x7f are opaque', 'X-A: \x80\xe4\xff\r\n'),
  passes('9110 5.5: a tab within a value stays', 'X-A: a\tb\r\n'),
  { rule: '9110 5.5: white space around a value is not part of it', send: get('X-A: \t 1 \t\r\n'), sees: get('X-A: 1\r\n') },
  { rule: '9110 5.5: a value without space before it', send: get('X-A:1\r\n'), sees: get('X-A: 1\r\n') },
  passes('9110 5.5: an empty value stays', 'X-A:\r\n'),
  passes('9110 5.1: every tchar in a name', "a!#$%&'*+-.^_`|~9Z: 1\r\n"),
  passes('9110 5.1: unrecognized fields are forwarded', 'X-Unknown: 1\r\nFoo: bar\r\nsec-anything: a;b="c,d"\r\n'),
  passes('9110 5.3: the order of lines of one name stays', 'X-A: 1\r\nX-B: 2\r\nX-A: 3\r\nx-a: 4\r\n'),
  passes('9110 5.6.4: quoted strings are opaque', 'X-A: "a, \\"b\\" : c"\r\n'),
  passes('9110 5.6.1: empty list members pass', 'Accept: , text/html ,, text/plain ,\r\n'),

  // ---- fields that an intermediary must leave alone
  passes('9110 11.6.2: Authorization is not modified', 'Authorization: Basic  YTpi==\r\n'),
  passes('6265 5.4: Cookie is not modified', 'Cookie: a=b; c="d, e"\r\n'),
  passes('9111 5.2: cache directives pass', 'Cache-Control: no-cache, no-transform, foo="bar", max-age=0\r\nPragma: no-cache\r\n'),
  passes('9110 13: conditions pass', 'If-Match: "a"\r\nIf-None-Match: W/"b", "c"\r\nIf-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n'),
  passes('9110 14: ranges pass', 'Range: bytes=0-1, -5\r\nIf-Range: "a"\r\n'),
  passes('9110 12.5: negotiation passes', 'Accept-Encoding: gzip;q=0.5, *;q=0\r\nAccept-Language: de\r\nAccept: */*\r\n'),
  passes('9110 8.4: content fields pass', 'Content-Type: text/plain\r\nContent-Encoding: x\r\nContent-Language: de\r\n'),
  passes('9110 10.1: From, Referer and User-Agent pass', 'From: a@b\r\nReferer: http://x/#\r\nUser-Agent: a (b) c/1\r\n'),
  passes('9110 6.6.1: a Date of the client passes', 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n'),

  // ---- RFC 9110 7.6.1: Connection
  drops('9110 7.6.1: Connection is removed', 'Connection: keep-alive\r\n'),
  drops('9110 7.6.1: a nominated field is removed', 'Connection: x-a\r\nX-A: 1\r\nX-B: 2\r\n', 'X-B: 2\r\n'),
  drops('9110 7.6.1: nomination in another case', 'Connection: X-SECRET\r\nx-secret: 1\r\n'),
  drops('9110 7.6.1: the field before Connection', 'X-A: 1\r\nConnection: x-a\r\n'),
  drops('9110 7.6.1: every line of a nominated name', 'X-A: 1\r\nConnection: x-a\r\nX-B: 2\r\nX-A: 3\r\n', 'X-B: 2\r\n'),
  drops('9110 7.6.1: nominations in several lines', 'Connection: x-a\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 2\r\n'),
  drops('9110 7.6.1, 5.6.1: empty members are ignored', 'Connection: , ,x-a,,\tx-b ,\r\nX-A: 1\r\nX-B: 2\r\n'),
  drops('9110 7.6.1: a nominated field that is not there', 'Connection: x-a\r\n'),
  drops('9110 7.6.1: a nomination is a whole name', 'Connection: x-a\r\nX-AB: 1\r\nX: 2\r\n', 'X-AB: 1\r\nX: 2\r\n'),
  drops(
    '9110 7.6.1: an end-to-end field, once nominated, is removed',
    'Connection: cookie, cache-control\r\nCookie: a=b\r\nCache-Control: no-cache\r\n',
  ),
  drops('9110 7.6.1: Authorization, once nominated', 'Connection: authorization\r\nAuthorization: x\r\n'),
  drops('9110 7.6.1: names with the bytes of tokens', "Connection: x!#$%&'*+.^_`|~\r\nX!#$%&'*+.^_`|~: 1\r\n"),
  { rule: '9110 7.6.1: Host cannot be taken away by nomination', send: get('Connection: host\r\n'), sees: get() },
  {
    rule: '9110 7.6.1: Content-Length cannot be taken away by nomination',
    send: post('Connection: content-length\r\nContent-Length: 3\r\n', 'abc'),
    sees: post('Content-Length: 3\r\n', 'abc'),
  },
  {
    rule: '9110 7.6.1: Transfer-Encoding cannot be taken away by nomination',
    send: post('Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
    sees: post('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n'),
  },
  {
    rule: '9110 7.6.1: close beside a nomination',
    send: get('Connection: x-a, close\r\nX-A: 1\r\n'),
    sees: get(),
    closes: true,
  },
  drops('9110 7.6.1: Keep-Alive is removed', 'Keep-Alive: timeout=5, max=9\r\n'),
  drops('9110 7.6.1: Proxy-Connection is removed', 'Proxy-Connection: keep-alive\r\n'),
  drops('9110 7.6.1: TE is removed', 'TE: trailers, gzip;q=0.5\r\n'),
  drops('9110 7.6.1: TE with its nomination is removed', 'Connection: TE\r\nTE: trailers\r\n'),
  drops('9110 7.6.1: Upgrade is removed', 'Connection: upgrade\r\nUpgrade: foo/2\r\n'),
  drops('9110 7.8: Upgrade without its nomination is removed', 'Upgrade: foo/2\r\n'),
  drops('9110 11.7.2: Proxy-Authorization ends here', 'Proxy-Authorization: Basic eA==\r\n'),
  drops(
    '9113 3.1: HTTP2-Settings ends here',
    'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n',
  ),

  // ---- RFC 9110 7.6.2: Max-Forwards
  { rule: '9110 7.6.2: OPTIONS, 5 becomes 4', send: options('Max-Forwards: 5\r\n'), sees: options('Max-Forwards: 4\r\n') },
  { rule: '9110 7.6.2: OPTIONS, 1 becomes 0', send: options('Max-Forwards: 1\r\n'), sees: options('Max-Forwards: 0\r\n') },
  { rule: '9110 7.6.2: 10 becomes 9', send: options('max-forwards: 10\r\n'), sees: options('Max-Forwards: 9\r\n') },
  { rule: '9110 7.6.2: leading zeros', send: options('Max-Forwards: 0010\r\n'), sees: options('Max-Forwards: 9\r\n') },
  {
    rule: '9110 7.6.2: a value beyond the own maximum becomes the maximum',
    send: options('Max-Forwards: 99999999999999999999\r\n'),
    sees: options('Max-Forwards: 9007199254740991\r\n'),
  },
  {
    rule: '9110 7.6.2: the largest own value is counted down',
    send: options('Max-Forwards: 9007199254740991\r\n'),
    sees: options('Max-Forwards: 9007199254740990\r\n'),
  },
  {
    rule: '9110 7.6.2: TRACE',
    send: `TRACE /a HTTP/1.1\r\n${HOST}Max-Forwards: 3\r\n\r\n`,
    sees: `TRACE /a HTTP/1.1\r\n${HOST}Max-Forwards: 2\r\n\r\n`,
  },
  { rule: '9110 7.6.2: other methods: left alone', send: get('Max-Forwards: 0\r\n'), sees: get('Max-Forwards: 0\r\n') },
  { rule: '9110 7.6.2: OPTIONS with 0 is not forwarded', send: options('Max-Forwards: 0\r\n'), sees: null },
  { rule: '9110 7.6.2: OPTIONS * with 0 is not forwarded', send: `OPTIONS * HTTP/1.1\r\n${HOST}Max-Forwards: 0\r\n\r\n`, sees: null },
  { rule: '9110 7.6.2: TRACE with 0 is not forwarded', send: `TRACE /a HTTP/1.1\r\n${HOST}Max-Forwards: 0\r\n\r\n`, sees: null },
  { rule: '9110 7.6.2: 0 cannot be nominated away', send: options('Connection: max-forwards\r\nMax-Forwards: 0\r\n'), sees: null },

  // ---- RFC 9110 7.6.3, RFC 8586: loops
  loop('9110 7.6.3: a request that has passed here', get(`Via: 1.1 ${OWN_VIA}\r\n`)),
  loop('9110 7.6.3: among others', get(`Via: 1.0 fred, HTTP/1.1 ${OWN_VIA} (a, (b)), 1.1 p\r\n`)),
  loop('8586 2: a request that has passed here', get(`CDN-Loop: a; x="1,2", ${OWN_VIA}; v=1\r\n`)),
]);

test('9110 7.6.3: Via is appended to what earlier gateways wrote, with the version received', async (t) => {
  for (const [version, minor] of [
    ['HTTP/1.1', 1],
    ['HTTP/1.0', 0],
    ['HTTP/1.2', 2],
  ] as const) {
    const { client, requests } = await openCourt(t);
    await client.send(`GET /a ${version}\r\n${HOST}Via: 1.0 fred (x), 1.1 p.example:80\r\nVia: HTTP/2 q\r\n\r\n`);
    await client.readReply();
    assert.equal(requests[0]?.fieldAll('via').join(', '), `1.0 fred (x), 1.1 p.example:80, HTTP/2 q, 1.${minor} ${OWN_VIA}`);
  }
});

test('9110 7.6.3: the answer has a Via, too, with the version that the origin spoke', async (t) => {
  for (const [version, minor] of [
    ['HTTP/1.1', 1],
    ['HTTP/1.0', 0],
    ['HTTP/1.2', 2],
  ] as const) {
    const { client } = await openCourt(t, () => `${version} 200 OK\r\nVia: 1.1 x\r\nContent-Length: 0\r\n\r\n`);
    await client.send(get());
    assert.equal((await client.readReply()).fieldAll('via').join(', '), `1.1 x, 1.${minor} ${OWN_VIA}`);
  }
});

test('9110 7.6.3: a nominated Via goes, the own one is written', async (t) => {
  const { client, requests } = await openCourt(t);
  await client.send(get('Connection: via, cdn-loop\r\nVia: 1.1 x\r\n'));
  await client.readReply();
  assert.deepEqual(requests[0]?.fieldAll('via'), [`1.1 ${OWN_VIA}`]);
});

test('8586 2: CDN-Loop of others stays, the own one is added after it', async (t) => {
  const { client, requests } = await openCourt(t);
  await client.send(get('CDN-Loop: foo123.foocdn.example, barcdn.example; trace="abcdef"\r\nCDN-Loop: x\r\n'));
  await client.readReply();
  assert.equal(requests[0]?.fieldAll('cdn-loop').join(', '), `foo123.foocdn.example, barcdn.example; trace="abcdef", x, ${OWN_VIA}`);
});

test('9110 9.3.8: TRACE that ends here reflects the request as received, without what is secret', async (t) => {
  const { client, origin } = await openCourt(t);
  const kept = `TRACE /a?b HTTP/1.1\r\n${HOST}Max-Forwards: 0\r\nX-A:  1\r\nX-A: 2\r\n`;
  await client.send(`${kept}Cookie: s=1\r\nAuthorization: Basic eA==\r\nProxy-Authorization: Basic eA==\r\n\r\n`);
  const reply = await client.readReply('TRACE');
  assert.equal(reply.status, 200);
  assert.equal(reply.field('content-type'), 'message/http');
  assert.equal(reply.text, `${kept}\r\n`);
  assert.equal(origin.text, '');
});

test('9110 9.3.7 (SHOULD): OPTIONS that ends here is answered 200 or 204 with Allow', async (t) => {
  const { client } = await openCourt(t);
  await client.send(options('Max-Forwards: 0\r\n'));
  const reply = await client.readReply('OPTIONS');
  assert.ok([200, 204].includes(reply.status));
  assert.equal(reply.body.length, 0);
  if (reply.status === 200) assert.equal(reply.field('content-length'), '0');
  assert.match(reply.field('allow') ?? '', /OPTIONS/);
});

test('7239 4: Forwarded of a client that is not trusted does not pass, one of a trusted proxy is kept in front', async (t) => {
  const lines = 'Forwarded: for=192.0.2.43, for="[2001:db8:cafe::17]:47011"\r\nForwarded: for=_x;by=y\r\n';
  const closed = await openCourt(t);
  await closed.client.send(get(lines));
  await closed.client.readReply();
  assert.equal(closed.requests[0]?.field('forwarded'), undefined);
  const open = await openCourt(t, undefined, { ...OPTIONS, listener: { trustedProxies: ['127.0.0.1/32'] } });
  await open.client.send(get(lines));
  await open.client.readReply();
  assert.match(
    open.requests[0]?.fieldAll('forwarded').join(', ') ?? '',
    /^for=192\.0\.2\.43, for="\[2001:db8:cafe::17\]:47011", for=_x;by=y/,
  );
});

test('9209 2: an answer made here because of the upstream says so, after what the form asks', async (t) => {
  const { client } = await openCourt(t, () => 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n');
  await client.send(get());
  assert.match((await client.readReply()).field('proxy-status') ?? '', /^[a-z]+; error=http_protocol_error$/);
});

test('9209 2: Proxy-Status of an intermediary before passes as it stands', async (t) => {
  const { client } = await openCourt(t, () => 'HTTP/1.1 502 x\r\nProxy-Status: p; error=dns_error\r\nContent-Length: 0\r\n\r\n');
  await client.send(get());
  assert.equal((await client.readReply()).field('proxy-status'), 'p; error=dns_error');
});
