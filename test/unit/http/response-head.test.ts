import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import { parseResponseHead, type ResponseFault, ResponseHead } from '../../../src/http/response-head.ts';

function parse(text: string, maxFields = 50): { fault: ResponseFault | undefined; head: ResponseHead } {
  const head = new ResponseHead(new FieldMarks(50));
  return { fault: parseResponseHead(text, head, { maxFields }), head };
}

const ok = (fields: string): string => `HTTP/1.1 200 OK\r\n${fields}\r\n`;

describe('a response head', () => {
  const good: [section: string, text: string, expected: Partial<ResponseHead>][] = [
    ['9112 4: status line', ok(''), { status: 200, reason: 'OK', minor: 1, keepAlive: true, contentLength: -1, isChunked: false }],
    ['9112 4: an empty reason', 'HTTP/1.1 404 \r\n\r\n', { status: 404, reason: '' }],
    ['9112 4: no reason at all', 'HTTP/1.1 404\r\n\r\n', { status: 404, reason: '' }],
    ['9112 4: reason with spaces and obs-text', 'HTTP/1.1 404 Not \xe9 Found\r\n\r\n', { reason: 'Not \xe9 Found' }],
    ['9110 2.5: a higher minor version', 'HTTP/1.7 200 OK\r\n\r\n', { minor: 7, keepAlive: true }],
    ['9110 15: a code beyond 599', 'HTTP/1.1 999 x\r\n\r\n', { status: 999 }],
    ['9112 5: no space, much space, empty', ok('A:b\r\nB: \t c \t\r\nC:\r\n'), {}],
    ['9112 5.1: space before the colon is removed', ok('A \t: b\r\nContent-Length : 5\r\n'), { contentLength: 5 }],
    ['9110 8.6: many zeros', ok(`Content-Length: ${'0'.repeat(50)}5\r\n`), { contentLength: 5 }],
    ['9110 8.6: length', ok('content-LENGTH: 0042\r\n'), { contentLength: 42 }],
    ['9110 8.6: largest length', ok('Content-Length: 9007199254740991\r\n'), { contentLength: Number.MAX_SAFE_INTEGER }],
    ['9110 8.6: the same length twice', ok('Content-Length: 5\r\nContent-Length: 5\r\n'), { contentLength: 5 }],
    ['9110 8.6: the same length in a list', ok('Content-Length: 5, 5 ,5\r\n'), { contentLength: 5 }],
    ['9112 6.1: chunked in any case', ok('Transfer-Encoding: Chunked\r\n'), { isChunked: true, contentLength: -1 }],
    [
      '9112 6.1: 204 has no framing',
      'HTTP/1.1 204 x\r\nContent-Length: a\r\nTransfer-Encoding: b\r\n\r\n',
      { contentLength: -1, isChunked: false },
    ],
    [
      '9112 6.3: a word that is no coding ends with the connection',
      ok('Transfer-Encoding: foo\r\n'),
      { isChunked: false, contentLength: -1, keepAlive: false },
    ],
    ['9112 6.1: 1xx has no framing', 'HTTP/1.1 103 x\r\nContent-Length: 5\r\n\r\n', { contentLength: -1 }],
    ['9110 8.6: 304 may tell a length', 'HTTP/1.1 304 x\r\nContent-Length: 5\r\n\r\n', { contentLength: 5 }],
    ['9112 9.3: close', ok('Connection: Close\r\n'), { keepAlive: false, hasNominated: false }],
    ['9112 9.3: close wins', ok('Connection: keep-alive, close\r\n'), { keepAlive: false }],
    ['9112 9.3: close in a second line', ok('Connection: keep-alive\r\nConnection: close\r\n'), { keepAlive: false }],
    ['9112 9.3: HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n', { keepAlive: false, minor: 0 }],
    ['9112 9.3: HTTP/1.0 with keep-alive', 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n', { keepAlive: true }],
    ['9110 7.6.1: nominated', ok('Connection: x-a\r\n'), { hasNominated: true, keepAlive: true }],
    ['9110 7.8: upgrade', ok('Upgrade: h2c\r\nConnection: upgrade\r\n'), { hasUpgrade: true, hasNominated: false }],
    ['keep-alive hint', ok('Keep-Alive: max=5, timeout=60\r\n'), { keepAliveSec: 60 }],
    ['keep-alive hint that is none', ok('Keep-Alive: timeout=x\r\n'), { keepAliveSec: -1 }],
  ];
  for (const [section, text, expected] of good) {
    it(`is read: ${section}`, () => {
      const { fault, head } = parse(text);
      assert.equal(fault, undefined);
      for (const [key, value] of Object.entries(expected)) assert.equal(head[key as keyof ResponseHead], value, key);
    });
  }

  const bad: [section: string, text: string, fault: ResponseFault][] = [
    ['no status line', '\r\n\r\n', 'malformed-status-line'],
    ['9112 4: lower case', 'http/1.1 200 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 4: two spaces', 'HTTP/1.1  200 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 4: a tab', 'HTTP/1.1\t200 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 4: two digits', 'HTTP/1.1 20 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 4: four digits', 'HTTP/1.1 2000 OK\r\n\r\n', 'malformed-status-line'],
    ['9110 15: a code below 100', 'HTTP/1.1 099 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 4: a sign', 'HTTP/1.1 +20 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 2.2: bare LF', 'HTTP/1.1 200 OK\n\r\n\r\n', 'malformed-status-line'],
    ['9112 2.2: bare CR in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n', 'malformed-status-line'],
    ['9112 4: NUL in the reason', 'HTTP/1.1 200 O\0K\r\n\r\n', 'malformed-status-line'],
    ['9112 2.3: HTTP/2.0', 'HTTP/2.0 200 OK\r\n\r\n', 'unsupported-version'],
    ['9112 2.3: two digits of version', 'HTTP/1.10 200 OK\r\n\r\n', 'malformed-status-line'],
    ['9112 5.2: obs-fold', ok('A: b\r\n c\r\n'), 'malformed-field'],
    ['9112 5.1: space before the colon hides no fold', ok('A : b\r\n c : d\r\n'), 'malformed-field'],
    ['9112 5.1: space within a name', ok('A b : c\r\n'), 'malformed-field'],
    ['9112 5.1: no name before the space', ok('\t: b\r\n'), 'malformed-field'],
    ['9112 5.1: bare CR before it', ok('A: b\rC : d\r\n'), 'malformed-field'],
    ['9112 6.3: lengths that differ, one with space before its colon', ok('Content-Length : 5\r\nContent-Length: 6\r\n'), 'bad-length'],
    ['9112 2.2: space before the first field', ok(' A: b\r\n'), 'malformed-field'],
    ['9112 5: no colon', ok('A\r\n'), 'malformed-field'],
    ['9112 5: no name', ok(': b\r\n'), 'malformed-field'],
    ['9110 5.1: a name that is no token', ok('A(: b\r\n'), 'malformed-field'],
    ['9110 5.1: a name beyond ASCII', ok('\xe9: b\r\n'), 'malformed-field'],
    ['9110 5.5: NUL', ok('A: \0\r\n'), 'malformed-field'],
    ['9110 5.5: DEL', ok('A: \x7f\r\n'), 'malformed-field'],
    ['9110 5.5: bare CR', ok('A: b\rc\r\n'), 'malformed-field'],
    ['9112 2.2: bare LF after a field', ok('A: b\nB: c\r\n'), 'malformed-field'],
    ['9112 2.2: CR without LF at the end', 'HTTP/1.1 200 OK\r\n\rx\r\n\r\n', 'malformed-field'],
    ['9110 8.6: differing lengths', ok('Content-Length: 5\r\nContent-Length: 6\r\n'), 'bad-length'],
    ['9110 8.6: differing in a list', ok('Content-Length: 5, 6\r\n'), 'bad-length'],
    ['9110 8.6: an empty length', ok('Content-Length:\r\n'), 'bad-length'],
    ['9110 8.6: an empty member', ok('Content-Length: 5,\r\n'), 'bad-length'],
    ['9110 8.6: a sign', ok('Content-Length: +5\r\n'), 'bad-length'],
    ['9110 8.6: hex', ok('Content-Length: 0x5\r\n'), 'bad-length'],
    ['9110 8.6: two numbers', ok('Content-Length: 5 5\r\n'), 'bad-length'],
    ['9110 8.6: too large', ok('Content-Length: 9007199254740992\r\n'), 'bad-length'],
    ['9110 8.6: far too large', ok(`Content-Length: ${'9'.repeat(400)}\r\n`), 'bad-length'],
    ['9112 6.3: both framings', ok('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'), 'length-and-coding'],
    ['9112 6.1: in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'coding-in-http-1.0'],
    ['9112 6.1: another coding', ok('Transfer-Encoding: gzip\r\n'), 'bad-transfer-encoding'],
    ['9112 6.3: a word that is no coding, and a length', ok('Transfer-Encoding: foo\r\nContent-Length: 5\r\n'), 'length-and-coding'],
    ['9112 6.3: a word that is no coding, in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: foo\r\n\r\n', 'coding-in-http-1.0'],
    ['9112 6.3: two of them', ok('Transfer-Encoding: foo\r\nTransfer-Encoding: bar\r\n'), 'bad-transfer-encoding'],
    ['9112 6.3: one and chunked', ok('Transfer-Encoding: foo\r\nTransfer-Encoding: chunked\r\n'), 'bad-transfer-encoding'],
    ['9112 6.3: something like chunked', ok('Transfer-Encoding: xchunked\r\n'), 'bad-transfer-encoding'],
    ['9112 6.1: a coding before', ok('Transfer-Encoding: gzip, chunked\r\n'), 'bad-transfer-encoding'],
    ['9112 6.1: chunked twice', ok('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'), 'bad-transfer-encoding'],
    ['9112 6.1: a parameter', ok('Transfer-Encoding: chunked;x\r\n'), 'bad-transfer-encoding'],
    ['9112 6.1: vertical tab', ok('Transfer-Encoding: \x0bchunked\r\n'), 'malformed-field'],
    ['9112 6.1: identity', ok('Transfer-Encoding: identity\r\n'), 'bad-transfer-encoding'],
  ];
  for (const [section, text, fault] of bad) {
    it(`is refused: ${section}`, () => assert.equal(parse(text).fault, fault));
  }

  it('is refused with more fields than allowed', () => {
    assert.equal(parse(ok('A: b\r\n'.repeat(3)), 3).fault, undefined);
    assert.equal(parse(ok('A: b\r\n'.repeat(4)), 3).fault, 'too-many-fields');
  });

  it('marks each line, name and value in place, and ignores what follows the empty line', () => {
    const { head } = parse(`${ok('Date: today\r\nX-A:  b c \t\r\n')}Body: x\r\n\r\n`);
    const { marks, text } = head;
    const lines = Array.from({ length: marks.count }, (_, i) => [
      text.slice(marks.starts[i], marks.nameEnds[i]),
      text.slice(marks.valueStarts[i], marks.valueEnds[i]),
      text.slice(marks.starts[i], marks.ends[i]),
    ]);
    assert.deepEqual(lines, [
      ['Date', 'today', 'Date: today\r\n'],
      ['X-A', 'b c', 'X-A:  b c \t\r\n'],
    ]);
    assert.equal(text.slice(head.fieldsStart, head.fieldsEnd), 'Date: today\r\nX-A:  b c \t\r\n');
  });

  it('loses white space before colons, and nothing else', () => {
    const { head } = parse(`${ok('A : b : c\r\nD\t \t:e\r\nF: g\r\n')}H : x\r\n\r\n`);
    assert.equal(head.text.slice(head.fieldsStart, head.fieldsEnd), 'A: b : c\r\nD:e\r\nF: g\r\n');
  });

  it('leaves nothing of the one before', () => {
    const head = new ResponseHead(new FieldMarks(50));
    const limits = { maxFields: 50 };
    parseResponseHead(ok('Connection: close, x\r\nKeep-Alive: timeout=5\r\nUpgrade: a\r\nContent-Length: 5\r\n'), head, limits);
    parseResponseHead(ok('Transfer-Encoding: chunked\r\n'), head, limits);
    const { isChunked, contentLength, keepAlive, keepAliveSec, hasNominated, hasUpgrade } = head;
    assert.deepEqual(
      { isChunked, contentLength, keepAlive, keepAliveSec, hasNominated, hasUpgrade, fields: head.marks.count },
      { isChunked: true, contentLength: -1, keepAlive: true, keepAliveSec: -1, hasNominated: false, hasUpgrade: false, fields: 1 },
    );
  });
});
