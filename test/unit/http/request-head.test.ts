import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import type { Refusal, RequestHead } from '../../../src/http/request-head.ts';
import { RequestHead as Head } from '../../../src/http/request-head.ts';
import { composedHead, LIMITS, mutatedHead, pairsOf, parse, parsed } from './heads.ts';
import { readReference } from './reference-request.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\n';

const REFUSED: readonly (readonly [rule: string, text: string, refusal: Refusal])[] = [
  ['RFC 9112 3: one space, not two, before the target', 'GET  / HTTP/1.1\r\nHost: h\r\n\r\n', 'malformed-request-line'],
  ['RFC 9112 3: no space before the method', ' GET / HTTP/1.1\r\nHost: h\r\n\r\n', 'malformed-request-line'],
  ['RFC 9112 3: nothing after the version', 'GET / HTTP/1.1 \r\nHost: h\r\n\r\n', 'malformed-request-line'],
  ['RFC 9112 3: no HTTP/0.9', 'GET /\r\n\r\n', 'malformed-request-line'],
  ['RFC 9112 3: a tab is no space', 'GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-method'],
  ['RFC 9110 9.1: the method is a token', 'G@T / HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-method'],
  ['RFC 9112 3.2: no white space in the target', 'GET /a b HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-version'],
  ['RFC 9112 3.2: no control in the target', 'GET /a\x01 HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9112 3.2: no fragment', 'GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9112 3.2: ASCII only', 'GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9112 3.2.1: origin-form begins with a slash', 'GET a HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9112 3.2.2: http or https', 'GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9110 4.2.4: no user information', 'GET http://u:p@h/ HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9110 4.2.1: no empty host', 'GET http:///a HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9112 3.2.4: asterisk-form only for OPTIONS', 'GET * HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9112 3.2.3: authority-form only for CONNECT', 'GET h:443 HTTP/1.1\r\nHost: h\r\n\r\n', 'bad-target'],
  ['RFC 9110 9.3.6: no CONNECT on a reverse proxy', 'CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n', 'connect-refused'],
  ['RFC 9112 2.3: the name of the protocol is case-sensitive', 'GET / http/1.1\r\nHost: h\r\n\r\n', 'bad-version'],
  ['RFC 9112 2.3: one digit each', 'GET / HTTP/1.10\r\nHost: h\r\n\r\n', 'malformed-request-line'],
  ['RFC 9110 15.6.6: another major version', 'GET / HTTP/2.0\r\nHost: h\r\n\r\n', 'unsupported-version'],
  ['RFC 9110 4.1: a target over the limit', `GET /${'x'.repeat(64)} HTTP/1.1\r\nHost: h\r\n\r\n`, 'target-too-long'],
  ['RFC 6585 5: fields over the limit', `GET / HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(16)}\r\n`, 'too-many-fields'],
  ['RFC 9112 5.1: no space before the colon', `${GET}X : 1\r\n\r\n`, 'malformed-field'],
  ['RFC 9112 5.2: no folded line', `${GET}X: 1\r\n 2\r\n\r\n`, 'malformed-field'],
  ['RFC 9112 2.2: no white space before the first field', 'GET / HTTP/1.1\r\n Host: h\r\n\r\n', 'malformed-field'],
  ['RFC 9110 5.1: a name', `${GET}: 1\r\n\r\n`, 'malformed-field'],
  ['RFC 9110 5.1: the name is a token', `${GET}X(): 1\r\n\r\n`, 'malformed-field'],
  ['RFC 9112 5: a colon', `${GET}X\r\n\r\n`, 'malformed-field'],
  ['RFC 9110 5.5: no NUL', `${GET}X: a\0b\r\n\r\n`, 'malformed-field'],
  ['RFC 9110 5.5: no bare CR', `${GET}X: a\rb\r\n\r\n`, 'malformed-field'],
  ['RFC 9110 5.5: no bare LF', `${GET}X: a\nY: b\r\n\r\n`, 'malformed-field'],
  ['RFC 9110 5.5: no DEL', `${GET}X: a\x7f\r\n\r\n`, 'malformed-field'],
  ['RFC 9112 2.2: lines end in CRLF', 'GET / HTTP/1.1\nHost: h\r\n\r\n', 'malformed-request-line'],
  ['RFC 9112 3.2: a Host in HTTP/1.1', 'GET / HTTP/1.1\r\n\r\n', 'missing-host'],
  ['RFC 9112 3.2: a Host beside an absolute-form target', 'GET http://h/ HTTP/1.1\r\n\r\n', 'missing-host'],
  ['RFC 9112 3.2: one Host', `${GET}Host: h\r\n\r\n`, 'bad-host'],
  ['RFC 9112 3.2: a valid Host', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 'bad-host'],
  ['RFC 9112 3.2: a valid Host beside an absolute-form target', 'GET http://h/ HTTP/1.1\r\nHost: a/b\r\n\r\n', 'bad-host'],
  ['RFC 9110 7.2: no user information in Host', 'GET / HTTP/1.1\r\nHost: u@h\r\n\r\n', 'bad-host'],
  ['RFC 9110 4.2.1: no empty host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'bad-host'],
  ['RFC 3986 3.2.2: an IPv6 literal', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n', 'bad-host'],
  ['RFC 3986 3.2.3: a port of digits', 'GET / HTTP/1.1\r\nHost: h:8a\r\n\r\n', 'bad-host'],
  ['a port that exists', 'GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n', 'bad-host'],
  ['RFC 9110 8.6: a length of digits', `${GET}Content-Length: 0x5\r\n\r\n`, 'bad-length'],
  ['RFC 9110 8.6: no sign', `${GET}Content-Length: +5\r\n\r\n`, 'bad-length'],
  ['RFC 9110 8.6: not empty', `${GET}Content-Length:\r\n\r\n`, 'bad-length'],
  ['RFC 9112 6.3: no list, not even of equal ones', `${GET}Content-Length: 5, 5\r\n\r\n`, 'bad-length'],
  ['RFC 9112 6.3: not repeated, not even equal', `${GET}Content-Length: 5\r\nContent-Length: 5\r\n\r\n`, 'bad-length'],
  ['RFC 9110 8.6: no overflow', `${GET}Content-Length: 9007199254740992\r\n\r\n`, 'bad-length'],
  [
    'RFC 9112 6.1: no Content-Length with Transfer-Encoding',
    `${GET}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'length-and-coding',
  ],
  ['RFC 9112 6.1: another coding below', `${GET}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'unsupported-transfer-encoding'],
  [
    'RFC 9112 6.1: the same in two lines',
    `${GET}Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n`,
    'unsupported-transfer-encoding',
  ],
  [
    'RFC 9112 6.1: another coding below, with parameters',
    `${GET}Transfer-Encoding: foo ;a=1, chunked\r\n\r\n`,
    'unsupported-transfer-encoding',
  ],
  ['RFC 9110 9.3.8: no content in TRACE', 'TRACE / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n', 'content-in-trace'],
  ['RFC 9112 6.3: chunked is last', `${GET}Transfer-Encoding: chunked, gzip\r\n\r\n`, 'bad-transfer-encoding'],
  ['RFC 9112 7.1: chunked is applied once', `${GET}Transfer-Encoding: chunked, chunked\r\n\r\n`, 'bad-transfer-encoding'],
  ['RFC 9112 6.1: identity is gone', `${GET}Transfer-Encoding: identity\r\n\r\n`, 'bad-transfer-encoding'],
  ['RFC 9112 6.1: no other look of chunked', `${GET}Transfer-Encoding: \x0bchunked\r\n\r\n`, 'malformed-field'],
  ['one Transfer-Encoding', `${GET}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 'bad-transfer-encoding'],
  ['RFC 9112 6.1: no Transfer-Encoding in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n', 'coding-in-http-1.0'],
  ['RFC 9110 10.1.1: no other expectation beside', `${GET}Expect: 100-continue, x\r\n\r\n`, 'bad-expect'],
  ['RFC 9110 10.1.1: no other expectation', `${GET}Expect: 200-ok\r\n\r\n`, 'bad-expect'],
];

for (const [rule, text, refusal] of REFUSED) {
  test(`refused as ${refusal}: ${rule}`, () => assert.equal(parse(text), refusal));
}

const READ: readonly (readonly [rule: string, lines: readonly string[], expected: Partial<RequestHead>])[] = [
  ['RFC 9112 3.2.1: path and query', ['GET /a/b?c?d HTTP/1.1', 'Host: h'], { path: '/a/b', query: '?c?d', target: '/a/b?c?d' }],
  [
    'RFC 9112 3.2.2: the absolute-form overrides Host',
    ['GET HTTP://Other:81/x?y HTTP/1.1', 'Host: h'],
    { authority: 'other:81', path: '/x', query: '?y' },
  ],
  ['RFC 9110 4.2.3: an empty path is /', ['GET http://h?y HTTP/1.1', 'Host: h'], { path: '/', query: '?y' }],
  ['RFC 9112 3.2.4: OPTIONS of a whole server', ['OPTIONS * HTTP/1.1', 'Host: h'], { path: '*', query: '' }],
  ['RFC 9112 3.2.4: OPTIONS in absolute-form without a path', ['OPTIONS http://h HTTP/1.1', 'Host: h'], { path: '*', authority: 'h' }],
  ['RFC 9112 3.2: Host in any case', ['GET / HTTP/1.1', 'hOST: EXAMPLE.com:8080'], { authority: 'example.com:8080' }],
  ['RFC 3986 6.2.3: an empty port says nothing', ['GET / HTTP/1.1', 'Host: h:'], { authority: 'h' }],
  ['RFC 3986 3.2.2: an IPv6 host', ['GET / HTTP/1.1', 'Host: [2001:DB8::1]:80'], { authority: '[2001:db8::1]:80' }],
  ['RFC 9112 3.2: an HTTP/1.0 request needs no Host', ['GET / HTTP/1.0'], { authority: '', minor: 0 }],
  ['RFC 9110 2.5: a higher minor version is read as 1.1', ['GET / HTTP/1.7', 'Host: h'], { minor: 7, keepAlive: true }],
  ['RFC 9112 9.3: HTTP/1.1 persists', ['GET / HTTP/1.1', 'Host: h'], { keepAlive: true, hasNominated: false }],
  ['RFC 9112 9.3: close ends it', ['GET / HTTP/1.1', 'Host: h', 'Connection: keep-alive, CLOSE'], { keepAlive: false }],
  ['RFC 9112 9.3: HTTP/1.0 does not persist', ['GET / HTTP/1.0'], { keepAlive: false }],
  ['RFC 9112 9.3: HTTP/1.0 does not persist through a proxy', ['GET / HTTP/1.0', 'Connection: Keep-Alive'], { keepAlive: false }],
  ['RFC 9112 9.3: close wins in HTTP/1.0 too', ['GET / HTTP/1.0', 'Connection: close', 'Connection: keep-alive'], { keepAlive: false }],
  ['RFC 9110 7.6.1: a nominated field', ['GET / HTTP/1.1', 'Host: h', 'Connection: ,x-secret'], { hasNominated: true }],
  [
    'RFC 9110 7.6.1: what is dropped anyway is no nomination',
    ['GET / HTTP/1.1', 'Host: h', 'Connection: TE, upgrade'],
    { hasNominated: false },
  ],
  ['RFC 9112 7: chunked in any case', ['PUT / HTTP/1.1', 'Host: h', 'Transfer-Encoding:CHUNKED '], { isChunked: true, contentLength: -1 }],
  ['RFC 9110 8.6: a length', ['PUT / HTTP/1.1', 'Host: h', 'Content-Length: 007'], { contentLength: 7 }],
  [
    'RFC 9110 10.1.1: Expect in any case',
    ['PUT / HTTP/1.1', 'Host: h', 'Expect: 100-Continue', 'Content-Length: 1'],
    { expectsContinue: true },
  ],
  [
    'RFC 9110 5.6.1: Expect is a list',
    ['PUT / HTTP/1.1', 'Host: h', 'Expect: , 100-continue,', 'Expect: 100-continue', 'Content-Length: 1'],
    { expectsContinue: true },
  ],
  ['RFC 9110 5.6.1: an empty Expect', ['PUT / HTTP/1.1', 'Host: h', 'Expect: ,', 'Content-Length: 1'], { expectsContinue: false }],
  ['RFC 9110 10.1.1: Expect in HTTP/1.0 is ignored', ['PUT / HTTP/1.0', 'Expect: x', 'Content-Length: 1'], { expectsContinue: false }],
  ['RFC 9110 10.1.1: Expect without content is moot', ['GET / HTTP/1.1', 'Host: h', 'Expect: 100-continue'], { expectsContinue: false }],
];

for (const [rule, lines, expected] of READ) {
  test(`read: ${rule}`, () => {
    const head = parsed(...lines);
    for (const [name, value] of Object.entries(expected)) assert.equal(head[name as keyof RequestHead], value, name);
  });
}

test('white space around values is no part of them, whatever is in them', () => {
  const head = parsed('GET / HTTP/1.1', 'Host:h', 'X-A: \t a\tb \t', 'X-B:', 'X-C: \xe9\xff');
  assert.deepEqual(pairsOf(head), [
    ['Host', 'h'],
    ['X-A', 'a\tb'],
    ['X-B', ''],
    ['X-C', '\xe9\xff'],
  ]);
});

test('a head as large as no scratch memory is read all the same', () => {
  const value = 'x'.repeat(70_000);
  assert.deepEqual(pairsOf(parsed('GET / HTTP/1.1', 'Host: h', `X: ${value}`))[1], ['X', value]);
});

/** What both readers say of a text; a pooled head is reused, so that nothing of an earlier text may show. */
function agree(text: string, head: RequestHead): void {
  const expected = readReference(text, LIMITS);
  const actual = parse(text, head);
  if (typeof expected === 'string' || typeof actual === 'string') {
    assert.equal(actual, expected, JSON.stringify(text));
    return;
  }
  const { fields, ...rest } = expected;
  for (const [name, value] of Object.entries(rest))
    assert.equal(actual[name as keyof RequestHead], value, `${name} of ${JSON.stringify(text)}`);
  assert.deepEqual(pairsOf(actual), fields);
  assert.equal(text.slice(actual.fieldsStart - 2, actual.fieldsStart), '\r\n');
  assert.equal(actual.fieldsEnd, text.length - 2);
}

test('heads of good and bad parts are read as the slow reference reads them', () => {
  const head = new Head(new FieldMarks(16));
  fc.assert(
    fc.property(composedHead, (text) => agree(text, head)),
    { numRuns: 4000 },
  );
});

test('mutated heads are read as the slow reference reads them', () => {
  const head = new Head(new FieldMarks(16));
  fc.assert(
    fc.property(mutatedHead, (text) => agree(text, head)),
    { numRuns: 6000 },
  );
});
