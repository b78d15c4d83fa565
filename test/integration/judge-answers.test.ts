import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNKED, get, HOST, judge, ok, openCourt, OWN_VIA, type Row } from './judge.ts';

const CHUNKS = '3\r\nabc\r\n0\r\n\r\n';
const DATE = 'Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n';
const head = (target = '/a'): string => `HEAD ${target} HTTP/1.1\r\n${HOST}\r\n`;
const get10 = (lines = ''): string => `GET /a HTTP/1.0\r\n${HOST}${lines}\r\n`;
const CLOSE = 'Connection: close\r\n';
const ABC = ok('Content-Length: 3\r\n', 'abc');
/** The origin's answer is discarded, its connection closed, the client gets a 502 and may go on. */
const discarded = (rule: string, answer: string): Row => ({ rule, answer, refused: 502, reuses: false });
const same = (rule: string, answer: string): Row => ({ rule, answer, gets: answer, reuses: true });
const fields = (rule: string, lines: string, kept = lines): Row => ({
  rule,
  answer: ok(`${lines}Content-Length: 3\r\n`, 'abc'),
  gets: ok(`${kept}Content-Length: 3\r\n`, 'abc'),
});
const CODES = [
  200, 201, 202, 203, 206, 207, 226, 299, 300, 301, 302, 303, 305, 307, 308, 399, 400, 401, 402, 403, 404, 405, 407, 409, 410, 412, 416,
  418, 421, 426, 428, 451, 499, 500, 501, 503, 505, 511, 599,
];

judge([
  // ---- RFC 9112 4: status line
  ...CODES.map((code) => same(`9110 15: ${code} is handed on`, `HTTP/1.1 ${code} Some Words\r\nContent-Length: 3\r\n\r\nabc`)),
  ...[600, 799, 999].map((code) => ({
    rule: `9110 15: ${code} is no valid code: handed on, or treated as 5xx`,
    answer: `HTTP/1.1 ${code} x\r\nContent-Length: 3\r\n\r\nabc`,
  })),
  same('9112 4: no reason phrase', 'HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc'),
  {
    rule: '9112 4: the space before an absent phrase is sent',
    answer: 'HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc',
    gets: 'HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc',
  },
  same('9112 4: any words', 'HTTP/1.1 200 \xc3\xa4 a\tb  c!\r\nContent-Length: 3\r\n\r\nabc'),
  { rule: '9112 2.3: a higher minor version', answer: ABC.replace('HTTP/1.1', 'HTTP/1.2'), gets: ABC, reuses: true },
  {
    rule: '9112 2.3: the own version is sent, not the 1.0 of the origin',
    answer: ABC.replace('HTTP/1.1', 'HTTP/1.0'),
    gets: ABC,
    reuses: false,
  },
  ...[
    'HTTP/2.0 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 000 OK',
    'HTTP/1.1 abc OK',
    'HTTP/1.1 -20 OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1\t200 OK',
    'http/1.1 200 OK',
    'HTTP/11 200 OK',
    'HTTP/1.x 200 OK',
    'ICY 200 OK',
    '200 OK',
    '',
    ' HTTP/1.1 200 OK',
    'HTTP/1.1 200 O\0K',
    'HTTP/1.1 200 O\rK',
    'HTTP/1.1',
    'HTTP/1.1 ',
  ].map((line) => discarded(`9112 4: ${JSON.stringify(line)} is no status line`, `${line}\r\nContent-Length: 3\r\n\r\nabc`)),

  // ---- RFC 9112 5: field lines
  fields('9112 5.1: white space before a colon is removed', 'X-A : 1\r\nX-B\t: 2\r\n', 'X-A: 1\r\nX-B: 2\r\n'),
  { rule: '9112 5.1: white space before the colon of Content-Length', answer: ok('Content-Length : 3\r\n', 'abc'), gets: ABC },
  discarded('9112 5.2: a folded line: 502', ok('X-A: 1\r\n 2\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9112 5.2: a folded Content-Length: 502', ok('Content-Length:\r\n 3\r\n', 'abc')),
  discarded('9112 2.2: white space before the first field', ok(' X-A: 1\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9112 5: a line without colon', ok('X-A\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.1: an empty name', ok(': 1\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.1: a name that is no token', ok('X(A: 1\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.1: a name with a byte above 0x7f', ok('X\xe4: 1\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.5: NUL in a value', ok('X-A: a\0b\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.5: bare CR in a value', ok('X-A: a\rX-B: b\r\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.5: bare LF in a value', ok('X-A: a\nContent-Length: 3\r\n', 'abc')),
  discarded('9110 5.4: a head beyond the limit', ok(`X-A: ${'a'.repeat(200_000)}\r\nContent-Length: 3\r\n`, 'abc')),
  fields('9110 5.4: a field of 16000 octets', `X-A: ${'a'.repeat(16_000)}\r\n`),
  fields('9110 5.5: bytes above 0x7f and tabs', 'X-A: \x80\xe4\t\xff\r\n'),
  fields('9110 5.5: white space around a value', 'X-A: \t 1 \t\r\nX-B:2\r\nX-C:\r\n', 'X-A: 1\r\nX-B: 2\r\nX-C:\r\n'),
  fields('9110 5.3: the order of lines of one name', 'X-A: 1\r\nX-B: 2\r\nx-a: 3\r\nX-A: 4\r\n'),
  fields('9110 5.3: Set-Cookie lines are not combined', 'Set-Cookie: a=b\r\nX: 1\r\nSet-Cookie: c=d, e\r\nSet-Cookie: f\r\n'),
  fields('9110 5.1: unrecognized fields', "Foo: 1\r\na!#$%&'*+-.^_`|~: 2\r\n"),

  // ---- fields that an intermediary must leave alone
  fields('9110 10.2.1: Allow', 'Allow: GET, foo\r\n'),
  fields('9110 10.2.2: Location', 'Location: http://b.example/x?y#z\r\n'),
  fields('9110 11.6.1: WWW-Authenticate', 'WWW-Authenticate: Basic realm="a, b", Foo x=y\r\nWWW-Authenticate: Bar\r\n'),
  fields('9110 11.6.3: Authentication-Info', 'Authentication-Info: a=b\r\n'),
  fields(
    '9110 7.7: Content-Encoding, -Range, -Location, -Type',
    'Content-Encoding: gzip\r\nContent-Range: bytes 0-2/9\r\nContent-Location: /x\r\nContent-Type: a/b; c=d\r\n',
  ),
  fields('9110 8.8: validators', 'ETag: W/"a"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n'),
  fields('9110 12.5.5: Vary', 'Vary: *\r\n'),
  fields(
    '9111 5: fields of caches',
    'Cache-Control: no-transform, private="x", foo\r\nAge: 7\r\nExpires: 0\r\nWarning: 199 - "x"\r\nPragma: x\r\n',
  ),
  fields('9110 10.2.4: Server', 'Server: x/1 (y)\r\n'),
  fields('9110 10.2.3: Retry-After', 'Retry-After: 120\r\n'),
  fields('9110 6.6.1: Date of the origin', DATE),

  // ---- RFC 9110 7.6.1: Connection
  fields('9110 7.6.1: a nominated field', 'Connection: x-a\r\nX-A: 1\r\nX-B: 2\r\n', 'X-B: 2\r\n'),
  fields(
    '9110 7.6.1: in several lines, other cases, before and after',
    'X-A: 1\r\nConnection: , X-a,\r\nconnection: x-b\r\nX-B: 2\r\nx-A: 3\r\n',
    '',
  ),
  fields('9110 7.6.1: a nominated end-to-end field', 'Connection: etag, set-cookie\r\nETag: "a"\r\nSet-Cookie: a=b\r\n', ''),
  fields('9110 7.6.1: a nominated Date goes, one of now is written', `Connection: date\r\n${DATE}`, ''),
  fields('9110 7.6.1: nominated framing stays', 'Connection: content-length\r\n', ''),
  fields('9110 7.6.1: Keep-Alive', 'Keep-Alive: timeout=5\r\n', ''),
  fields('9110 7.6.1: Proxy-Connection', 'Proxy-Connection: keep-alive\r\n', ''),
  fields('9110 7.6.1: TE and Trailer', 'TE: x\r\nTrailer: X\r\n', ''),
  fields('9110 7.8: Upgrade that is only offered', 'Upgrade: foo/2, h2c\r\nConnection: upgrade\r\n', ''),

  // ---- RFC 9112 6.3, RFC 9110 8.6: framing
  same('9112 6.3: by length', ABC),
  same('9110 8.6: a length of zero', ok('Content-Length: 0\r\n')),
  same('9112 6.3: by chunks', ok(CHUNKED, CHUNKS)),
  { rule: '9112 6.3: until close', answer: ok('', 'abc'), ends: 'fin', gets: ok(CHUNKED, CHUNKS), reuses: false },
  { rule: '9112 6.3: until close, nothing', answer: ok(''), ends: 'fin', gets: ok(CHUNKED, '0\r\n\r\n'), reuses: false },
  {
    rule: '9112 6.3: until close of HTTP/1.0',
    answer: 'HTTP/1.0 200 OK\r\n\r\nabc',
    ends: 'fin',
    gets: ok(CHUNKED, CHUNKS),
    reuses: false,
  },
  {
    rule: '9112 6.1: the coding has no case',
    answer: ok('transfer-ENCODING: Chunked\r\n', CHUNKS),
    gets: ok(CHUNKED, CHUNKS),
    reuses: true,
  },
  { rule: '9110 8.6: a list of equal lengths becomes one', answer: ok('Content-Length: 3, 3\r\n', 'abc'), gets: ABC },
  { rule: '9110 8.6: equal lines become one', answer: ok('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc'), gets: ABC },
  { rule: '9110 8.6: leading zeros', answer: ok('Content-Length: 0000000000000000000000003\r\n', 'abc'), gets: ABC },
  ...['4, 3', '+3', '-3', '3.0', '0x3', '3 3', 'abc', '', '9223372036854775811', '18446744073709551619', '3;', '"3"'].map((value) =>
    discarded(`9112 6.3: Content-Length: ${value}: 502`, ok(`Content-Length: ${value}\r\n`, 'abc')),
  ),
  discarded('9112 6.3: lengths that differ: 502', ok('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd')),
  discarded('9112 6.3: chunks and a length: 502', ok(`Content-Length: 3\r\n${CHUNKED}`, CHUNKS)),
  discarded('9112 6.1: a coding in HTTP/1.0: faulty framing', `HTTP/1.0 200 OK\r\n${CHUNKED}\r\n${CHUNKS}`),
  discarded('9112 6.1: a coding nobody asked for', ok('Transfer-Encoding: gzip, chunked\r\n', CHUNKS)),
  discarded('9112 6.1: chunked twice', ok('Transfer-Encoding: chunked, chunked\r\n', CHUNKS)),
  {
    rule: '9110 8.6: no length with 204',
    answer: 'HTTP/1.1 204 N\r\nContent-Length: 0\r\n\r\n',
    gets: 'HTTP/1.1 204 N\r\n\r\n',
    reuses: true,
  },
  {
    rule: '9112 6.1: no coding with 204',
    answer: `HTTP/1.1 204 N\r\n${CHUNKED}\r\n0\r\n\r\n`,
    gets: 'HTTP/1.1 204 N\r\n\r\n',
    reuses: false,
  },
  {
    rule: '9112 6.3: 204 has no body',
    answer: 'HTTP/1.1 204 N\r\nContent-Length: 3\r\n\r\nabc',
    gets: 'HTTP/1.1 204 N\r\n\r\n',
    reuses: false,
  },
  same(
    '9110 15.4.5: 304 keeps its fields',
    `HTTP/1.1 304 N\r\nETag: "a"\r\n${DATE}Vary: x\r\nCache-Control: no-cache\r\nExpires: 0\r\nContent-Location: /x\r\nContent-Length: 3\r\n\r\n`,
  ),
  same('9112 6.3: 304 without a length', 'HTTP/1.1 304 N\r\nETag: "a"\r\n\r\n'),
  {
    rule: '9112 6.3: 304 has no body',
    answer: 'HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\nabc',
    gets: 'HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\n',
    reuses: false,
  },
  {
    rule: '9112 6.3: 304 with a coding has no body',
    answer: `HTTP/1.1 304 N\r\n${CHUNKED}\r\n`,
    gets: 'HTTP/1.1 304 N\r\n\r\n',
    reuses: true,
  },
  { ...same('9110 9.3.2: HEAD keeps the length', ok('Content-Length: 3\r\n')), send: head() },
  { ...same('9110 9.3.2: HEAD with a length of zero', ok('Content-Length: 0\r\n')), send: head() },
  { ...same('9112 6.3: HEAD without a length', ok('')), send: head() },
  { rule: '9112 6.3: HEAD with a coding', send: head(), answer: ok(CHUNKED), gets: ok(''), reuses: true },
  { rule: '9112 6.3: HEAD has no body', send: head(), answer: ABC, gets: ok('Content-Length: 3\r\n'), reuses: false },
  {
    rule: '9112 6.3: HEAD, 404',
    send: head(),
    answer: 'HTTP/1.1 404 N\r\nContent-Length: 3\r\n\r\n',
    gets: 'HTTP/1.1 404 N\r\nContent-Length: 3\r\n\r\n',
    reuses: true,
  },
  same('9110 15.3.6: 205', 'HTTP/1.1 205 R\r\nContent-Length: 0\r\n\r\n'),
  same(
    '9110 15.3.7: 206 in parts',
    'HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 7\r\n\r\n--x--\r\n',
  ),

  // ---- HTTP/1.0 clients
  {
    rule: '9112 6.1: no coding to HTTP/1.0, by length',
    send: get10(),
    answer: ABC,
    gets: ok(`Content-Length: 3\r\n${CLOSE}`, 'abc'),
    closes: true,
  },
  { rule: '9112 6.1: no coding to HTTP/1.0, by chunks', send: get10(), answer: ok(CHUNKED, CHUNKS), gets: ok(CLOSE, 'abc'), closes: true },
  {
    rule: '9112 6.1: no coding to HTTP/1.0, until close',
    send: get10(),
    answer: ok('', 'abc'),
    ends: 'fin',
    gets: ok(CLOSE, 'abc'),
    closes: true,
  },
  {
    rule: '9112 6.1: no coding to HTTP/1.0 that would keep the connection',
    send: get10('Connection: keep-alive\r\n'),
    answer: ok(CHUNKED, CHUNKS),
    gets: ok(CLOSE, 'abc'),
    closes: true,
  },

  // ---- RFC 9112 7.1: chunks from the origin
  ...[
    ['extensions', '3;a=b;c="d"\r\nabc\r\n0;x\r\n\r\n'],
    ['white space before an extension', '3 ;a\r\nabc\r\n0\r\n\r\n'],
    ['leading zeros', '0003\r\nabc\r\n000\r\n\r\n'],
    ['many leading zeros', `${'0'.repeat(40)}3\r\nabc\r\n${'0'.repeat(40)}\r\n\r\n`],
    ['trailers are no fields', '3\r\nabc\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\n\r\n'],
    ['several', '1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n'],
  ].map(([what, body]) => ({ rule: `9112 7.1: chunks: ${what}`, answer: ok(CHUNKED, body), gets: ok(CHUNKED, CHUNKS), reuses: true })),
  {
    rule: '9112 7.1: chunks: hex in both cases',
    answer: ok(CHUNKED, 'A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n'),
    gets: ok(CHUNKED, '14\r\n01234567890123456789\r\n0\r\n\r\n'),
  },

  // ---- RFC 9112 8: broken off, never presented as complete
  ...(
    [
      ['by length', ok('Content-Length: 9\r\n', 'abc')],
      ['by chunks, between them', ok(CHUNKED, '3\r\nabc\r\n')],
      ['by chunks, within one', ok(CHUNKED, '9\r\nabc')],
      ['by chunks, before the last CRLF', ok(CHUNKED, '3\r\nabc\r\n0\r\n')],
      ['by chunks, within a size', ok(CHUNKED, '3\r\nabc\r\n1')],
    ] as const
  ).flatMap(([what, answer]) =>
    (['fin', 'reset'] as const).map((ends): Row => ({ rule: `9112 8: broken off ${what} (${ends})`, answer, ends, cut: true })),
  ),
  { rule: '9112 8: broken off by length, to HTTP/1.0', send: get10(), answer: ok('Content-Length: 9\r\n', 'abc'), ends: 'fin', cut: true },
  { rule: '9112 8: broken off by chunks, to HTTP/1.0', send: get10(), answer: ok(CHUNKED, '3\r\nabc\r\n'), ends: 'fin', cut: true },
  ...[
    'g\r\nabc\r\n0\r\n\r\n',
    '-3\r\nabc\r\n',
    '10000000000000003\r\nabc\r\n0\r\n\r\n',
    'ffffffffffffffff\r\nabc\r\n',
    '3\r\nabcd\r\n0\r\n\r\n',
    '3\rabc\r\n',
    '\r\n\r\n',
    '3\r\nabc\r\n0\r\nX T: 1\r\n\r\n',
    '3\r\nabc\r\n0\r\nX: 1\r\n 2\r\n\r\n',
  ].map((body): Row => ({ rule: `9112 7.1: a malformed chunk (${JSON.stringify(body)})`, answer: ok(CHUNKED, body), cut: true })),
  { rule: '9112 8: broken off before the head: 502', answer: 'HTTP/1.1 200 OK\r\nContent-', ends: 'fin', refused: 502 },
  { rule: '9112 8: broken off before the head, by a reset: 502', answer: 'HTTP/1.1 200 OK\r\nContent-', ends: 'reset', refused: 502 },
  { rule: '9112 9: closed without an answer: 502', answer: '', ends: 'fin', refused: 502 },
]);

test('9110 6.6.1: an answer without Date gets one of now', async (t) => {
  for (const answer of [
    ABC,
    ok(`Connection: date\r\n${DATE}Content-Length: 0\r\n`),
    'HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 304 x\r\n\r\n',
  ]) {
    const { client } = await openCourt(t, () => answer);
    await client.send(get());
    const date = (await client.readReply()).field('date') ?? '';
    assert.match(date, /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
    assert.ok(Math.abs(Date.parse(date) - Date.now()) < 5000);
  }
});

test('9110 6.6.1: own answers have a Date, a length and say what is wrong, also to HEAD', async (t) => {
  const { client } = await openCourt(t, undefined, { route: { match: { path: '/only' } } });
  for (const method of ['GET', 'HEAD']) {
    await client.send(`${method} /x HTTP/1.1\r\n${HOST}\r\n`);
    const reply = await client.readReply(method);
    assert.equal(reply.status, 404);
    assert.ok(reply.field('date') !== undefined);
    assert.ok(Number(reply.field('content-length')) > 0);
    assert.equal(reply.body.length > 0, method === 'GET');
  }
});

test('9110 15.5.6: an own 405 has Allow', async (t) => {
  const { client, origin } = await openCourt(t, undefined, { route: { match: { path: '/*', methods: ['GET', 'PUT'] } } });
  await client.send(`DELETE /x HTTP/1.1\r\n${HOST}\r\n`);
  const reply = await client.readReply();
  assert.equal(reply.status, 405);
  assert.match(reply.field('allow') ?? '', /GET.*PUT/);
  assert.equal(origin.text, '');
});

test('9110 7.6.3: no Via but the own one is added', async (t) => {
  const { client } = await openCourt(t, () => ABC);
  await client.send(get());
  assert.deepEqual((await client.readReply()).fieldAll('via'), [`1.1 ${OWN_VIA}`]);
});
