/** Generators and shorthands that several tests of `http` share. */
import fc from 'fast-check';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import { parseRequestHead, type Refusal, RequestHead } from '../../../src/http/request-head.ts';

export const LIMITS = { maxTargetBytes: 64, maxFields: 16 };

export function parse(text: string, head: RequestHead = new RequestHead(new FieldMarks(16))): Refusal | RequestHead {
  return parseRequestHead(text, head, LIMITS) ?? head;
}

/** The head of these lines; throws if it is refused. */
export function parsed(...lines: string[]): RequestHead {
  const head = parse(`${lines.join('\r\n')}\r\n\r\n`);
  if (typeof head === 'string') throw new Error(`refused: ${head}`);
  return head;
}

/** Name and value of each marked line. */
export function pairsOf(head: RequestHead): [string, string][] {
  const { starts, nameEnds, valueStarts, valueEnds, count } = head.marks;
  return Array.from({ length: count }, (_, i) => [head.text.slice(starts[i], nameEnds[i]), head.text.slice(valueStarts[i], valueEnds[i])]);
}

const METHODS = ['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'TRACE', 'CONNECT', 'X-Y', 'get', 'G(T', ''];
const TARGETS = [
  '/',
  '/a/b?c=d',
  '*',
  'http://h.example/x',
  'HTTPS://H:8443',
  'http://u@h/',
  'http://h?q',
  '/a#b',
  'a',
  '',
  '/?',
  '/é',
  '//h/x',
  'h:443',
  `/${'x'.repeat(63)}`,
  `/${'x'.repeat(64)}`,
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.9', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', ''];
const FIELD_LINES = [
  'Host: h',
  'host:H.example:80',
  'Host: [::1]:8080',
  'Host: a b',
  'Host:',
  'Host: h:',
  'Host: h:99999',
  'HOST: u@h',
  'Host: %41b',
  'Host: [fe80::1%25e]',
  'Host: a,b',
  'Content-Length: 5',
  'content-length: 0',
  'Content-Length: +5',
  'Content-Length: 5, 5',
  'Content-Length:',
  'Content-Length: 9007199254740991',
  'Content-Length: 9007199254740992',
  'Transfer-Encoding: chunked',
  'transfer-encoding: CHUNKED',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding:',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Keep-Alive, X-Secret',
  'Connection: ,, TE ,cookie',
  'Connection:',
  'Connection: upgrade',
  'Expect: 100-continue',
  'Expect: 100-Continue',
  'Expect: 200-ok',
  'Expect: , 100-continue ,',
  'Expect:',
  'Transfer-Encoding: foo;a=1, chunked',
  'X-Secret: 1',
  'Cookie: a=b',
  'Authorization: Basic eA==',
  'X-Forwarded-For: 6.6.6.6',
  'X-Forwarded-Host: evil',
  'X-Forwarded-Server: s',
  'X_Forwarded_For: 6.6.6.6',
  'Content_Length: 7',
  'Forwarded: for=6.6.6.6',
  'X-Real-IP: 6.6.6.6',
  'Via: 1.0 fred, 1.1 p',
  'TE: trailers',
  'Trailer: X',
  'Upgrade: h2c',
  'HTTP2-Settings: AA',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: x',
  'Proxy-Authorization: Basic x',
  'Max-Forwards: 3',
  'Accept: */*',
  'X-Tab: a\tb',
  'X-Latin: é',
  'X-Empty:',
  'X-Wide:   v  ',
  'X : 1',
  ' folded',
  ': none',
  'no-colon',
  'X-Nul: a\0b',
  'X-Del: \x7f',
  'X-Cr: a\rb',
  'X-Lf: a\nb',
  'X(: 1',
] as const;

const startLine = fc
  .tuple(fc.constantFrom(...METHODS), fc.constantFrom(...TARGETS), fc.constantFrom(...VERSIONS))
  .map((parts) => parts.join(' '));
const goodStart = fc.constantFrom(
  'GET / HTTP/1.1',
  'POST /a?b HTTP/1.1',
  'GET / HTTP/1.0',
  'OPTIONS * HTTP/1.1',
  'PUT http://h.example/x HTTP/1.1',
);
const lines = fc
  .tuple(fc.constantFrom('Host: h', 'Host: h.example:8080', 'Accept: */*'), fc.array(fc.constantFrom(...FIELD_LINES), { maxLength: 9 }))
  .map(([first, rest]) => [first, ...rest]);

/** Heads out of good and bad parts. */
export const composedHead: fc.Arbitrary<string> = fc
  .tuple(fc.oneof(goodStart, goodStart, startLine), lines)
  .map(([start, rest]) => `${[start, ...rest].join('\r\n')}\r\n\r\n`);

/** Composed heads with a few bytes changed, put in or cut out; the empty line at the end stays, since the caller looks for it. */
export const mutatedHead: fc.Arbitrary<string> = fc
  .tuple(
    composedHead,
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.nat(2),
        fc.oneof(
          fc.constantFrom(...'\r\n\0\t :,;"\x7f_-aA0\xe9'),
          fc.nat(255).map((code) => String.fromCharCode(code)),
        ),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([head, edits]) => {
    let text = head.slice(0, -4);
    for (const [at, kind, character] of edits) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + (kind === 0 ? '' : character) + text.slice(kind === 1 ? place : place + 1);
    }
    return `${text}\r\n\r\n`;
  });
