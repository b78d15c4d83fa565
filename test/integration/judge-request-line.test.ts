import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHUNKED, get, HOST, judge, openCourt, post, type Row } from './judge.ts';

const line = (text: string, lines = HOST): string => `${text}\r\n${lines}\r\n`;
/** Nothing reaches the origin, the connection ends. */
const refused = (rule: string, send: string, status: number | readonly number[]): Row => ({
  rule,
  send,
  refused: status,
  sees: null,
  closes: true,
});
const relayed = (rule: string, send: string, sees: string): Row => ({ rule, send, sees, gets: OK });
/** The same for a request after which the connection ends. */
const last = (rule: string, send: string, sees: string): Row => ({
  rule,
  send,
  sees,
  gets: OK.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
  closes: true,
});
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const long = (bytes: number): string => `/${'x'.repeat(bytes - 1)}`;

judge([
  // ---- RFC 9112 2: messages
  relayed('9112 2.2: empty lines before a request are ignored', `\r\n\r\n\r\n${get()}`, get()),
  refused('9112 2.2: white space before the first field: rejected', line('GET /a HTTP/1.1', ` X: 1\r\n${HOST}`), 400),
  refused('9112 2.2: a tab before the first field: rejected', line('GET /a HTTP/1.1', `\tX: 1\r\n${HOST}`), 400),
  refused('9112 2.2: a bare CR in the request line is invalid', line('GET /a\r HTTP/1.1'), 400),
  refused('9112 2.2: a bare CR before the CRLF of the request line is invalid', line('GET /a HTTP/1.1\r'), 400),
  refused('9112 2.2: a bare CR in a field name is invalid', get('X\rA: 1\r\n'), 400),
  refused('9112 2.2: a bare CR in a field value is invalid', get('X-A: 1\r2\r\n'), 400),
  refused('9112 2.2: a bare CR at the end of a field value is invalid', get('X-A: 1\r\r\n'), 400),
  refused('9112 2.2: what is no HTTP is answered 400 and closed', 'EHLO a.example\r\n\r\n', 400),
  refused('9112 2.2: JSON is no HTTP', '{"a": 1}\r\n\r\n', 400),
  refused('9112 2.3: the name of the protocol is case-sensitive', line('GET /a Http/1.1'), 400),
  refused('9112 2.3: another protocol', line('GET /a ICY/1.1'), [400, 505]),
  refused('9112 2.3: no minor version', line('GET /a HTTP/1'), [400, 505]),
  refused('9112 2.3: two digits', line('GET /a HTTP/1.10'), [400, 505]),
  refused('9112 2.3: letters for digits', line('GET /a HTTP/a.b'), 400),
  refused('9112 2.3: a sign', line('GET /a HTTP/+1.1'), 400),
  refused('9110 15.6.6: HTTP/2.0 is answered 505', line('GET /a HTTP/2.0'), 505),
  refused('9110 15.6.6: HTTP/3.1 is answered 505', line('GET /a HTTP/3.1'), 505),
  refused('9113 3.4: the HTTP/2 preface is no HTTP/1', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]),
  last('9112 2.3: an intermediary sends its own version, not the 1.0 received', line('GET /a HTTP/1.0'), get()),
  relayed('9110 2.5: a higher minor version is taken as the highest known', line('GET /a HTTP/1.2'), get()),
  relayed('9110 2.5: HTTP/1.9 too', line('GET /a HTTP/1.9'), get()),

  // ---- RFC 9112 3: request line
  refused('9112 3: two spaces', line('GET  /a HTTP/1.1'), 400),
  refused('9112 3: a tab for a space', line('GET\t/a\tHTTP/1.1'), 400),
  refused('9112 3: a space at the end', line('GET /a HTTP/1.1 '), 400),
  refused('9112 3: a space at the beginning', line(' GET /a HTTP/1.1'), 400),
  refused('9112 3: no version', line('GET /a'), 400),
  refused('9112 3: no target', line('GET HTTP/1.1'), 400),
  refused('9112 3: nothing but a method', line('GET'), 400),
  refused('9112 3: a space in the target is not repaired', line('GET /a b HTTP/1.1'), 400),
  relayed('9112 3: a request line of 8000 octets', get('', long(8000)), get('', long(8000))),
  relayed('9112 3: a request line of 12000 octets', get('', long(12_000)), get('', long(12_000))),
  refused('9112 3: a target longer than wished is answered 414', get('', long(20_000)), 414),
  {
    ...refused('9112 3: a target longer than the limit of the whole head is answered 414', get('', long(100_000)), 414),
  },
  {
    ...refused('9112 3: a target longer than a megabyte is answered 414', get('', long(1_100_000)), 414),
  },
  refused('9110 5.4: a head larger than wished is answered 4xx', get(`X-A: ${'a'.repeat(100_000)}\r\n`), [400, 413, 431]),
  refused('9110 5.4: more fields than wished are answered 4xx', get('X-A: 1\r\n'.repeat(1500)), [400, 413, 431]),
  relayed('9110 5.4: a field of 8000 octets', get(`X-A: ${'a'.repeat(8000)}\r\n`), get(`X-A: ${'a'.repeat(8000)}\r\n`)),
  relayed('9110 5.4: a hundred fields', get('X-A: 1\r\n'.repeat(100)), get('X-A: 1\r\n'.repeat(100))),

  // ---- RFC 9110 9: methods
  relayed('9110 9.1: an unknown method is handed on', line('FROBNICATE /a HTTP/1.1'), line('FROBNICATE /a HTTP/1.1')),
  relayed('9110 9.1: methods are case-sensitive', line('get /a HTTP/1.1'), line('get /a HTTP/1.1')),
  relayed('9110 9.1: any token is a method', line("!#$%&'*+-.^_`|~9aZ /a HTTP/1.1"), line("!#$%&'*+-.^_`|~9aZ /a HTTP/1.1")),
  relayed('9110 9.3.1: content of GET is handed on', get('Content-Length: 3\r\n') + 'abc', get('Content-Length: 3\r\n') + 'abc'),
  relayed('9110 9.3.4: PUT', 'PUT' + post('Content-Length: 3\r\n', 'abc').slice(4), 'PUT' + post('Content-Length: 3\r\n', 'abc').slice(4)),
  relayed('9110 9.3.5: DELETE', line('DELETE /a HTTP/1.1'), line('DELETE /a HTTP/1.1')),
  relayed('9110 9.3.7: OPTIONS of a resource', line('OPTIONS /a HTTP/1.1'), line('OPTIONS /a HTTP/1.1')),
  relayed('9110 9.3.8: TRACE', line('TRACE /a HTTP/1.1'), line('TRACE /a HTTP/1.1')),
  refused('9110 9.1: a method is a token', line('G/T /a HTTP/1.1'), 400),
  refused('9110 9.1: a method has no byte above 0x7f', line('G\xcbT /a HTTP/1.1'), 400),
  refused('9110 9.3.8: a client must not send content in TRACE', line('TRACE /a HTTP/1.1', `${HOST}Content-Length: 3\r\n`) + 'abc', 400),
  refused('9110 9.3.6: CONNECT', line('CONNECT a.example:443 HTTP/1.1'), [400, 403, 405, 501]),
  refused('9110 9.3.6: CONNECT to no port', line('CONNECT a.example HTTP/1.1'), [400, 403, 405, 501]),
  refused('9110 9.3.6: CONNECT to an invalid port', line('CONNECT a.example:x HTTP/1.1'), [400, 403, 405, 501]),
  refused('9112 3.2.3: CONNECT in origin-form', line('CONNECT /a HTTP/1.1'), [400, 405, 501]),

  // ---- RFC 9112 3.2: targets
  relayed(
    '9112 3.2.1: path and query as they stand',
    get('', '/a;b=c/%7e%7E%2F%2f/?q=%41&r=a+b?/'),
    get('', '/a;b=c/%7e%7E%2F%2f/?q=%41&r=a+b?/'),
  ),
  relayed('9110 7.7: dot segments are not resolved', get('', '/a/./b/../c'), get('', '/a/./b/../c')),
  relayed('9110 7.7: empty segments stay', get('', '//a///b//'), get('', '//a///b//')),
  relayed('9110 7.7: an empty query stays', get('', '/a?'), get('', '/a?')),
  relayed('9110 7.7: sub-delims stay', get('', "/!$&'()*+,;=:@-._~"), get('', "/!$&'()*+,;=:@-._~")),
  relayed('9110 7.7: a query is opaque', get('', '/a?%zz%00/../%2e&&=?;[]{}|\\^`"<>'), get('', '/a?%zz%00/../%2e&&=?;[]{}|\\^`"<>')),
  relayed('9110 7.7: UTF-8 in escapes stays', get('', '/%C3%A4%e2%82%ac'), get('', '/%C3%A4%e2%82%ac')),
  refused('9112 3.2: a fragment is never sent', get('', '/a#b'), 400),
  refused('9112 3.2: a target with a control byte', get('', '/a\x01'), 400),
  refused('9112 3.2: a target with NUL', get('', '/a\0b'), 400),
  refused('9112 3.2: a target with a byte above 0x7f', get('', '/\xe4'), 400),
  refused('9112 3.2: a relative path', get('', 'a/b'), 400),
  refused('9112 3.2.3: authority-form is for CONNECT only', get('', 'a.example:80'), 400),
  refused('9112 3.2.4: asterisk-form is for OPTIONS only', get('', '*'), 400),
  refused('9112 3.2.4: asterisk-form is for OPTIONS only, POST', 'POST * HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n', 400),
  relayed('9112 3.2.2: absolute-form is accepted and becomes origin-form', get('', 'http://a.example/b?c'), get('', '/b?c')),
  relayed(
    '9112 3.2.2: the authority of the target replaces Host',
    line('GET http://b.example:81/b HTTP/1.1'),
    line('GET /b HTTP/1.1', 'Host: b.example:81\r\n'),
  ),
  relayed('9112 3.2.2: the scheme has no case', get('', 'HTTP://a.example/b'), get('', '/b')),
  relayed('9112 3.2.1: an empty path becomes a slash', get('', 'http://a.example'), get('', '/')),
  relayed('9112 3.2.1: an empty path before a query becomes a slash', get('', 'http://a.example?q'), get('', '/?q')),
  relayed(
    '9112 3.2.2: a target with an IPv6 address',
    line('GET http://[::1]:8080/b HTTP/1.1'),
    line('GET /b HTTP/1.1', 'Host: [::1]:8080\r\n'),
  ),
  last(
    '9112 3.2.2: absolute-form in HTTP/1.0, without Host',
    'GET http://b.example/b HTTP/1.0\r\n\r\n',
    line('GET /b HTTP/1.1', 'Host: b.example\r\n'),
  ),
  relayed('9112 3.2.4: OPTIONS *', line('OPTIONS * HTTP/1.1'), line('OPTIONS * HTTP/1.1')),
  relayed(
    '9112 3.2.4: OPTIONS of a bare authority becomes *',
    line('OPTIONS http://b.example:81 HTTP/1.1'),
    line('OPTIONS * HTTP/1.1', 'Host: b.example:81\r\n'),
  ),
  relayed('9112 3.2.4: OPTIONS of a slash stays', line('OPTIONS http://a.example/ HTTP/1.1'), line('OPTIONS / HTTP/1.1')),
  relayed('9112 3.2.4: OPTIONS of a query stays', line('OPTIONS http://a.example?q HTTP/1.1'), line('OPTIONS /?q HTTP/1.1')),
  refused('9110 4.2.1: an empty host is invalid', get('', 'http:///a'), 400),
  refused('9110 4.2.1: an empty host with a port is invalid', get('', 'http://:80/a'), 400),
  refused('9110 4.2.4: user information is an error', get('', 'http://me:pw@a.example/a'), 400),
  refused('9110 4.2: a port that is none', get('', 'http://a.example:8x/a'), 400),
  refused('9110 7.4: a scheme that is not served', get('', 'ftp://a.example/a'), [400, 404, 421]),
  {
    rule: '9110 7.4: an https target on a connection that is not secured',
    send: get('', 'https://a.example/a'),
    refused: [400, 403, 421],
    sees: null,
    closes: true,
  },

  // ---- RFC 9112 3.2: Host
  refused('9112 3.2: HTTP/1.1 without Host', 'GET /a HTTP/1.1\r\n\r\n', 400),
  refused('9112 3.2: HTTP/1.2 without Host', 'GET /a HTTP/1.2\r\n\r\n', 400),
  refused('9112 3.2: absolute-form without Host', 'GET http://a.example/a HTTP/1.1\r\n\r\n', 400),
  refused('9112 3.2: two Host lines', get('Host: b.example\r\n'), 400),
  refused('9112 3.2: two equal Host lines', get('host: a.example\r\n'), 400),
  refused('9112 3.2: two Host lines in HTTP/1.0', line('GET /a HTTP/1.0', HOST + HOST), 400),
  refused('9112 3.2: two Host lines beside absolute-form', get('Host: b.example\r\n', 'http://a.example/'), 400),
  ...[
    'a.example, b.example',
    'a b',
    'a.example/b',
    'http://a.example',
    'me@a.example',
    'a.example:b',
    'a.example:80:80',
    '[::1',
    '[x]',
    'a?b',
    'a#b',
    'a"b',
    'a\\b',
    '<a>',
    ':80',
    'a.example:99999',
    '\xe4',
  ].map((value) => refused(`9112 3.2: Host: ${JSON.stringify(value)} is invalid`, line('GET /a HTTP/1.1', `Host: ${value}\r\n`), 400)),
  ...['a.example', 'a.example:8080', '127.0.0.1', '[::1]', '[2001:db8::1]:80', 'a-b_c.example', 'a.example.', 'a%20b'].map((value) =>
    relayed(
      `9112 3.2: Host: ${value} is valid, and handed on`,
      line('GET /a HTTP/1.1', `Host: ${value}\r\n`),
      line('GET /a HTTP/1.1', `Host: ${value}\r\n`),
    ),
  ),
  relayed('9112 3.2: Host may stand last', line('GET /a HTTP/1.1', `X-A: 1\r\n${HOST}`), get('X-A: 1\r\n')),
  relayed('9110 5.1: Host in any case', line('GET /a HTTP/1.1', 'hOST: a.example\r\n'), get()),
]);

test('9112 3.2: HTTP/1.0 without Host is served, and the origin gets one', async (t) => {
  const { client, requests } = await openCourt(t);
  await client.send('GET /a HTTP/1.0\r\n\r\n');
  assert.equal((await client.readReply()).status, 200);
  assert.match(requests[0]?.field('host') ?? '', /^127\.0\.0\.1:\d+$/);
  assert.equal(requests[0]?.version, '1.1');
});

test('9112 3.2 (SHOULD): Host is the first field that the origin sees', async (t) => {
  const { client, requests } = await openCourt(t);
  await client.send(`GET /a HTTP/1.1\r\nX-A: 1\r\n${HOST}\r\n`);
  await client.readReply();
  assert.equal(requests[0]?.fields[0]?.[0], 'Host');
});

test('9110 2.5 (SHOULD): the version of every answer is 1.1, whatever the request', async (t) => {
  for (const bytes of ['GET /a HTTP/1.0\r\n\r\n', get(), line('GET /a HTTP/1.2'), line('GET /a HTTP/2.0'), line('GET /a HTTP/0.9')]) {
    const { client } = await openCourt(t);
    await client.send(bytes);
    assert.equal((await client.readReply()).version, '1.1', bytes);
  }
});

test('9112 9.3: after a refusal nothing of what follows is read as a request', async (t) => {
  for (const bad of [line('GET /a b HTTP/1.1'), get('X : 1\r\n'), post(`Content-Length: 3\r\n${CHUNKED}`, '0\r\n\r\n')]) {
    const { client, origin } = await openCourt(t);
    await client.send(bad + get('', '/evil'));
    await client.untilEnd();
    assert.equal(client.text.match(/HTTP\/1\.1 /g)?.length, 1, client.text);
    assert.equal(origin.text, '');
  }
});
