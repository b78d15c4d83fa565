import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { buildClientBlock, compileResponsePolicy, ResponseFacts, type ResponseSettings } from '../../../src/http/client-head.ts';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import { parseResponseHead, ResponseHead } from '../../../src/http/response-head.ts';

const DATE = 'Tue, 24 Nov 2026 10:00:00 GMT';
const SETTINGS: ResponseSettings = { responseFields: { set: [], remove: [], allow: undefined }, redirects: 'keep', pseudonym: 'sluice-t' };
const ADDED = [`Date: ${DATE}`, 'Via: 1.1 sluice-t'];

function answer(...lines: string[]): ResponseHead {
  const head = new ResponseHead(new FieldMarks(32));
  const fault = parseResponseHead(['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n'), head, { maxFields: 32 });
  assert.equal(fault, undefined);
  return head;
}

function linesOf(head: ResponseHead, settings: Partial<ResponseSettings> = {}): string[] {
  const facts = Object.assign(new ResponseFacts(), { date: DATE, upstreamAuthority: 'up:9001', clientOrigin: 'https://shop' });
  const block = buildClientBlock(head, compileResponsePolicy({ ...SETTINGS, ...settings }), facts);
  return block === '' ? [] : block.slice(0, -2).split('\r\n');
}

const DROPPED: readonly (readonly [rule: string, line: string])[] = [
  ['RFC 9110 7.6.1', 'Connection: keep-alive'],
  ['RFC 9110 7.6.1', 'Keep-Alive: timeout=5'],
  ['RFC 9110 7.6.1', 'Proxy-Connection: close'],
  ['RFC 9110 7.8', 'Upgrade: h2c'],
  ['RFC 9112 6.1: framing is of the hop', 'Transfer-Encoding: chunked'],
  ['RFC 9112 6.2: framing is written afresh', 'Content-Length: 5'],
  ['RFC 9110 6.6.2: trailers are not forwarded', 'Trailer: X'],
  ['RFC 9110 11.7.1: this hop is the proxy', 'Proxy-Authenticate: Basic'],
  ['RFC 9110 11.7.3', 'Proxy-Authentication-Info: x'],
];

for (const [rule, line] of DROPPED) {
  test(`not for the client: ${line} (${rule})`, () => assert.deepEqual(linesOf(answer('A: 1', line, 'B: 2')), ['A: 1', 'B: 2', ...ADDED]));
}

test('all else passes as it stands, repeated fields in their order', () => {
  const lines = [
    'Server: o',
    'Set-Cookie: a=1; Path=/',
    'Set-Cookie: b=2',
    'Proxy-Status: p',
    'X-Latin: \xe9',
    'Via: 1.1 o',
    'WWW-Authenticate: Basic',
  ];
  assert.deepEqual(linesOf(answer(...lines)), [...lines, ...ADDED]);
});

test("the origin's Date stays (RFC 9110 6.6.1)", () => {
  assert.deepEqual(linesOf(answer('date: then')), ['date: then', 'Via: 1.1 sluice-t']);
});

test('nominated fields are left out, and a Date among them is replaced', () => {
  assert.deepEqual(linesOf(answer('Connection: x-hop, date', 'X-Hop: 1', 'Date: then', 'X-Hop-Not: 2')), ['X-Hop-Not: 2', ...ADDED]);
});

test('edits set, remove and allow, the own lines too', () => {
  const head = answer('Server: o', 'A: 1', 'Content-Length: 1');
  const edited = (responseFields: ResponseSettings['responseFields']): string[] => linesOf(head, { responseFields });
  assert.deepEqual(
    edited({
      set: [
        ['Server', 's'],
        ['Transfer-Encoding', 'x'],
      ],
      remove: ['a'],
      allow: undefined,
    }),
    [...ADDED, 'Server: s'],
  );
  assert.deepEqual(edited({ set: [], remove: ['via', 'date'], allow: undefined }), ['Server: o', 'A: 1']);
  assert.deepEqual(edited({ set: [], remove: [], allow: ['a'] }), ['A: 1', ...ADDED]);
});

const REDIRECTS: readonly (readonly [location: string, expected: string])[] = [
  ['http://up:9001/a?b#c', 'https://shop/a?b#c'],
  ['HTTP://UP:9001', 'https://shop'],
  ['//up:9001/a', 'https://shop/a'],
  ['https://up:9001/a', 'https://shop/a'],
  ['http://up/a', 'http://up/a'],
  ['http://up:9001.evil/a', 'http://up:9001.evil/a'],
  ['http://other/a', 'http://other/a'],
  ['/a', '/a'],
  ['', ''],
];

for (const [location, expected] of REDIRECTS) {
  test(`a redirect to "${location}" becomes "${expected}" where they are rewritten`, () => {
    assert.equal(linesOf(answer(`Location: ${location}`), { redirects: 'rewrite' })[0], `Location: ${expected}`);
    assert.equal(linesOf(answer(`Location: ${location}`))[0], `Location: ${location}`);
  });
}

test('an authority without a port is that of the default port', () => {
  const facts = Object.assign(new ResponseFacts(), { date: DATE, upstreamAuthority: 'up:80', clientOrigin: 'https://shop' });
  const policy = compileResponsePolicy({ ...SETTINGS, redirects: 'rewrite' });
  assert.match(buildClientBlock(answer('Location: http://up/x'), policy, facts), /^Location: https:\/\/shop\/x\r\n/);
});

test('no block holds fields of the hop, framing, stray line ends or an empty line', () => {
  const line = fc.constantFrom(
    ...DROPPED.map(([, dropped]) => dropped),
    'A: 1',
    'Connection: a, close',
    'Date: d',
    'Location: http://up:9001/',
    'Set-Cookie: a=b',
    'X:',
  );
  const lists = fc
    .array(line, { maxLength: 12 })
    .filter(
      (lines) =>
        !(lines.includes('Transfer-Encoding: chunked') && lines.includes('Content-Length: 5')) &&
        lines.filter((l) => l.startsWith('Transfer')).length < 2,
    );
  fc.assert(
    fc.property(lists, fc.constantFrom('keep', 'rewrite'), (lines, redirects) => {
      const built = linesOf(answer(...lines), { redirects });
      for (const each of built) {
        assert.match(each, /^[^ \t:]+:[^\r\n]*$/);
        assert.doesNotMatch(
          each,
          /^(connection|keep-alive|proxy-connection|upgrade|transfer-encoding|content-length|trailer|proxy-auth[a-z-]*):/i,
        );
      }
      assert.equal(built.filter((each) => each.startsWith('Via:')).length, 1);
    }),
    { numRuns: 1500 },
  );
});
