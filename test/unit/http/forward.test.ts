import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import {
  buildUpstreamHead,
  compileForwardPolicy,
  ForwardFacts,
  type ForwardPolicy,
  type ForwardSettings,
  maxForwards,
} from '../../../src/http/forward.ts';
import { parseRequestHead, type RequestHead } from '../../../src/http/request-head.ts';
import { composedHead, mutatedHead, parse, parsed } from './heads.ts';

const SETTINGS: ForwardSettings = {
  forwardCredentials: false,
  host: 'client',
  requestFields: { set: [], remove: [], allow: undefined },
  pseudonym: 'sluice-t',
  forwarded: false,
  requestId: 'pass',
};

function policy(settings: Partial<ForwardSettings> = {}): ForwardPolicy {
  return compileForwardPolicy({ ...SETTINGS, ...settings });
}

function facts(given: Partial<ForwardFacts> = {}): ForwardFacts {
  const base = { target: '/t', upstreamAuthority: 'up:9', peerAddress: '192.0.2.1', clientAddress: '192.0.2.1', listenerPort: 8080 };
  return Object.assign(new ForwardFacts(), base, given);
}

/** The lines of the built head, without the request line and the empty line at the end. */
function linesOf(head: RequestHead, compiled: ForwardPolicy = policy(), given: ForwardFacts = facts()): string[] {
  const built = buildUpstreamHead(head, compiled, given);
  assert.ok(built.endsWith('\r\n\r\n'));
  return built.slice(0, -4).split('\r\n').slice(1);
}

const FRESH = [
  'X-Forwarded-For: 192.0.2.1',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Host: h',
  'X-Forwarded-Port: 8080',
  'X-Real-IP: 192.0.2.1',
];
const PASSAGE = ['Via: 1.1 sluice-t', 'CDN-Loop: sluice-t'];
const get = (...lines: string[]): RequestHead => parsed('GET /x HTTP/1.1', 'Host: h', ...lines);

test('a plain request gets its target, Host, identity and passage', () => {
  const built = buildUpstreamHead(get('Accept: */*'), policy(), facts());
  assert.equal(built, ['GET /t HTTP/1.1', 'Host: h', 'Accept: */*', ...FRESH, ...PASSAGE, '', ''].join('\r\n'));
});

const DROPPED: readonly (readonly [rule: string, line: string])[] = [
  ['RFC 9110 7.6.1', 'Connection: keep-alive'],
  ['RFC 9110 7.6.1', 'Keep-Alive: timeout=5'],
  ['RFC 9110 7.6.1', 'proxy-CONNECTION: keep-alive'],
  ['RFC 9110 10.1.4', 'TE: trailers'],
  ['RFC 9110 6.6.2: trailers are not forwarded', 'Trailer: X'],
  ['RFC 9110 7.8', 'Upgrade: websocket'],
  ['RFC 9113 3.2.1', 'HTTP2-Settings: AAMAAABkAARAAAAA'],
  ['RFC 9110 11.7.2: this hop is the proxy', 'Proxy-Authorization: Basic eA=='],
  ['credentials stop here', 'Authorization: Basic eA=='],
  ['credentials stop here', 'Cookie: a=b'],
  ['identity', 'X-Forwarded-For: 6.6.6.6'],
  ['identity', 'X-Forwarded-Proto: https'],
  ['identity', 'X-Forwarded-Host: evil'],
  ['identity', 'X-Forwarded-Port: 1'],
  ['identity', 'X-Forwarded-Server: evil'],
  ['identity', 'X-Real-IP: 6.6.6.6'],
  ['identity', 'Forwarded: for=6.6.6.6'],
  ['identity by another spelling', 'X_Forwarded_For: 6.6.6.6'],
  ['framing by another spelling', 'Content_Length: 5'],
  ['framing by another spelling', 'transfer_encoding: chunked'],
];

for (const [rule, line] of DROPPED) {
  test(`not forwarded: ${line} (${rule})`, () => {
    assert.deepEqual(linesOf(get('A: 1', line, 'B: 2')), ['Host: h', 'A: 1', 'B: 2', ...FRESH, ...PASSAGE]);
  });
}

test('fields that Connection nominates are left out, and no other (RFC 9110 7.6.1)', () => {
  const head = get('X-Secret: 1', 'Connection: close, x-SECRET', 'X-Secret-Not: 2', 'connection: Accept', 'Accept: a');
  assert.deepEqual(linesOf(head), ['Host: h', 'X-Secret-Not: 2', ...FRESH, ...PASSAGE]);
});

test('a nomination cannot take away what the gateway writes itself', () => {
  const nominated = 'Connection: host, content-length, x-forwarded-for, x-real-ip, via, cdn-loop, x-forwarded-host';
  const head = parsed('POST / HTTP/1.1', 'Host: h', 'Content-Length: 5', 'Via: 1.1 a', nominated);
  const lines = linesOf(head, policy(), facts({ framing: 'length', contentLength: 5 }));
  assert.deepEqual(lines, ['Host: h', ...FRESH, ...PASSAGE, 'Content-Length: 5']);
});

test('credentials pass where the upstream may see them', () => {
  const lines = linesOf(
    get('Authorization: Basic eA==', 'Cookie: a=b', 'Proxy-Authorization: Basic x'),
    policy({ forwardCredentials: true }),
  );
  assert.deepEqual(lines.slice(0, 3), ['Host: h', 'Authorization: Basic eA==', 'Cookie: a=b']);
  assert.equal(
    lines.some((line) => line.startsWith('Proxy-')),
    false,
  );
});

test("a trusted peer's chain is carried on and its view of the client stays", () => {
  const head = get(
    'X-Forwarded-For: 203.0.113.7',
    'X-Forwarded-Proto: https',
    'x-forwarded-host: shop',
    'X-Forwarded-For: 10.0.0.2',
    'X-Forwarded-Prefix: /p',
    'X-Real-IP: 9.9.9.9',
  );
  const given = facts({ isTrustedPeer: true, peerAddress: '10.0.0.1', clientAddress: '203.0.113.7' });
  assert.deepEqual(linesOf(head, policy(), given), [
    'Host: h',
    'X-Forwarded-Prefix: /p',
    'X-Forwarded-For: 203.0.113.7, 10.0.0.2, 10.0.0.1',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: shop',
    'X-Forwarded-Port: 8080',
    'X-Real-IP: 203.0.113.7',
    ...PASSAGE,
  ]);
});

test("a trusted peer's X-Real-IP is believed where it reports no chain", () => {
  const lines = linesOf(
    get('X-Real-IP: 203.0.113.7'),
    policy(),
    facts({ isTrustedPeer: true, peerAddress: '10.0.0.1', clientAddress: '10.0.0.1' }),
  );
  assert.ok(lines.includes('X-Real-IP: 203.0.113.7'));
  assert.ok(lines.includes('X-Forwarded-For: 10.0.0.1'));
});

test('Forwarded is written beside the others on demand (RFC 7239 4 and 6)', () => {
  const head = parsed('GET / HTTP/1.1', 'Host: h:80', 'Forwarded: for=6.6.6.6');
  const untrusted = linesOf(head, policy({ forwarded: true }), facts({ peerAddress: '2001:db8::1' }));
  assert.deepEqual(
    untrusted.filter((line) => line.startsWith('Forwarded')),
    ['Forwarded: for="[2001:db8::1]";host="h:80";proto=http'],
  );
  const trusted = linesOf(get('Forwarded: for=1.1.1.1'), policy({ forwarded: true }), facts({ isTrustedPeer: true }));
  assert.deepEqual(
    trusted.filter((line) => line.startsWith('Forwarded')),
    ['Forwarded: for=1.1.1.1', 'Forwarded: for=192.0.2.1;host=h;proto=http'],
  );
});

test('Via and CDN-Loop of earlier gateways stay in front (RFC 9110 7.6.3, RFC 8586 2)', () => {
  const head = parsed('GET / HTTP/1.0', 'Host: h', 'Via: 1.0 fred', 'CDN-Loop: other; v=1');
  assert.deepEqual(linesOf(head), [
    'Host: h',
    'Via: 1.0 fred',
    'CDN-Loop: other; v=1',
    ...FRESH,
    'Via: 1.0 sluice-t',
    'CDN-Loop: sluice-t',
  ]);
});

test("the Host is the client's, the upstream's, or the one that is set", () => {
  const head = parsed('GET http://Abs:81/ HTTP/1.1', 'Host: h');
  assert.equal(linesOf(head)[0], 'Host: abs:81');
  assert.equal(linesOf(head, policy({ host: 'upstream' }))[0], 'Host: up:9');
  const set = policy({ requestFields: { set: [['hOst', 'fixed']], remove: ['host'], allow: undefined } });
  assert.deepEqual(
    linesOf(head, set).filter((line) => /^host:/i.test(line)),
    ['Host: fixed'],
  );
  assert.equal(linesOf(parsed('GET / HTTP/1.0'))[0], 'Host: up:9');
});

test('a request without authority gets no X-Forwarded-Host', () => {
  assert.equal(
    linesOf(parsed('GET / HTTP/1.0')).some((line) => line.startsWith('X-Forwarded-Host')),
    false,
  );
});

const FRAMED: readonly (readonly [rule: string, method: string, given: Partial<ForwardFacts>, last: readonly string[]])[] = [
  ['RFC 9110 8.6: no content is told for POST', 'POST', { framing: 'none' }, ['Content-Length: 0']],
  ['RFC 9110 8.6: no content is told for PUT', 'PUT', { framing: 'none' }, ['Content-Length: 0']],
  ['RFC 9110 8.6: no content is not told for GET', 'GET', { framing: 'none' }, []],
  ['a length', 'GET', { framing: 'length', contentLength: 7 }, ['Content-Length: 7']],
  ['a length of nothing', 'GET', { framing: 'length', contentLength: 0 }, ['Content-Length: 0']],
  ['chunks', 'PUT', { framing: 'chunked', contentLength: 7 }, ['Transfer-Encoding: chunked']],
  [
    'RFC 9110 10.1.1: Expect on demand',
    'PUT',
    { framing: 'chunked', forwardExpect: true },
    ['Transfer-Encoding: chunked', 'Expect: 100-continue'],
  ],
  ['RFC 9110 10.1.1: no Expect without content', 'PUT', { framing: 'none', forwardExpect: true }, ['Content-Length: 0']],
];

for (const [rule, method, given, last] of FRAMED) {
  test(`framed: ${rule}`, () => {
    const head = parsed(`${method} / HTTP/1.1`, 'Host: h', 'Content-Length: 3', 'Expect: 100-continue');
    assert.deepEqual(linesOf(head, policy(), facts(given)), ['Host: h', ...FRESH, ...PASSAGE, ...last]);
  });
}

test('Via tells the version that the request came in, whatever it is taken as (RFC 9110 7.6.3)', () => {
  for (const version of ['1.0', '1.1', '1.2', '1.9']) {
    assert.ok(linesOf(parsed(`GET / HTTP/${version}`, 'Host: h')).includes(`Via: ${version} sluice-t`), version);
  }
});

test('a length of nothing that the client told is told on (RFC 9110 8.6)', () => {
  assert.ok(linesOf(get('Content-Length: 0')).includes('Content-Length: 0'));
  assert.ok(!linesOf(get()).includes('Content-Length: 0'));
});

test('Max-Forwards counts down for OPTIONS and TRACE only (RFC 9110 7.6.2)', () => {
  const of = (method: string, value: string): RequestHead => parsed(`${method} / HTTP/1.1`, 'Host: h', `Max-Forwards: ${value}`);
  const line = (head: RequestHead): string | undefined => linesOf(head).find((l) => l.startsWith('Max-Forwards'));
  assert.equal(line(of('OPTIONS', '3')), 'Max-Forwards: 2');
  assert.equal(line(of('TRACE', '1')), 'Max-Forwards: 0');
  assert.equal(line(of('GET', '3')), 'Max-Forwards: 3');
  assert.equal(line(of('OPTIONS', 'x')), 'Max-Forwards: x');
  assert.equal(line(of('OPTIONS', '9007199254740992')), 'Max-Forwards: 9007199254740991');
  assert.equal(line(of('OPTIONS', '9'.repeat(50))), 'Max-Forwards: 9007199254740991');
  assert.deepEqual(
    [maxForwards(of('OPTIONS', '0')), maxForwards(of('TRACE', '5')), maxForwards(of('GET', '0')), maxForwards(get())],
    [0, 5, -1, -1],
  );
});

test('edits set, remove and allow', () => {
  const head = get('A: 1', 'B: 2', 'a: 3', 'C: 4');
  const edited = (requestFields: ForwardSettings['requestFields']): string[] => linesOf(head, policy({ requestFields }));
  assert.deepEqual(
    edited({
      set: [
        ['A', 'x'],
        ['D', 'y'],
      ],
      remove: ['c'],
      allow: undefined,
    }),
    ['Host: h', 'B: 2', ...FRESH, ...PASSAGE, 'A: x', 'D: y'],
  );
  assert.deepEqual(edited({ set: [], remove: [], allow: ['b'] }), ['Host: h', 'B: 2', ...FRESH, ...PASSAGE]);
  assert.deepEqual(edited({ set: [], remove: [], allow: [] }), ['Host: h', ...FRESH, ...PASSAGE]);
});

test('a name with underscores is taken away with the one that it resembles, since some origins take the two for one', () => {
  const requestFields = { set: [['X-Tenant', 'acme']], remove: ['x-is-admin'], allow: undefined } as const;
  const compiled = policy({ requestFields, identityFields: ['x-consumer'], credentialFields: ['x-api-key'] });
  const claims = get('X_Tenant: evil', 'x-Is_Admin: 1', 'X_Consumer: root', 'X_Api-Key: k', 'X_Other: o');
  assert.deepEqual(linesOf(claims, compiled), ['Host: h', 'X_Other: o', ...FRESH, ...PASSAGE, 'X-Tenant: acme']);
});

test('edits may take away or replace what the gateway tells of itself, but never the framing', () => {
  const set = [
    ['X-Forwarded-Proto', 'https'],
    ['Content-Length', '9'],
    ['Connection', 'x'],
  ] as const;
  const requestFields = { set, remove: ['x-forwarded-for', 'via', 'cdn-loop', 'transfer-encoding'], allow: undefined };
  assert.deepEqual(linesOf(get(), policy({ requestFields }), facts({ framing: 'chunked' })), [
    'Host: h',
    'X-Forwarded-Host: h',
    'X-Forwarded-Port: 8080',
    'X-Real-IP: 192.0.2.1',
    'X-Forwarded-Proto: https',
    'Transfer-Encoding: chunked',
  ]);
});

test('a request id of our own replaces the one that came', () => {
  const lines = linesOf(get('X-Request-ID: theirs'), policy({ requestId: 'set' }), facts({ requestId: 'ours' }));
  assert.deepEqual(
    lines.filter((line) => /^x-request-id/i.test(line)),
    ['X-Request-ID: ours'],
  );
  assert.ok(linesOf(get('X-Request-ID: theirs')).includes('X-Request-ID: theirs'));
});

const PER_HOP = /^(connection|keep-alive|proxy-connection|te|trailer|upgrade|http2-settings|proxy-authorization|proxy-authenticate):/i;

test('no head that is built holds hop-by-hop fields, credentials, stray line ends, forged identity or two framings', () => {
  const arbitraryFacts = fc.record({
    framing: fc.constantFrom('none', 'length', 'chunked'),
    isTrustedPeer: fc.boolean(),
    forwardExpect: fc.boolean(),
  });
  const fieldName = fc.constantFrom('accept', 'via', 'x-secret', 'x-forwarded-for', 'host');
  const rules = fc.record({
    set: fc.array(fc.tuple(fieldName, fc.constant('v')), { maxLength: 2 }),
    remove: fc.array(fieldName, { maxLength: 2 }),
    allow: fc.option(fc.array(fieldName), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.oneof(composedHead, mutatedHead), arbitraryFacts, fc.option(rules, { nil: undefined }), (text, given, requestFields) => {
      const head = parse(text);
      if (typeof head === 'string') return;
      const built = buildUpstreamHead(head, policy(requestFields === undefined ? {} : { requestFields }), facts(given));
      assert.equal(built.indexOf('\r\n\r\n'), built.length - 4, 'one empty line, at the end');
      assert.doesNotMatch(built.replaceAll('\r\n', ''), /[\r\n\0]/);
      const lines = built.slice(0, -4).split('\r\n').slice(1);
      for (const line of lines) {
        assert.match(line, /^[^ \t:]+:/);
        assert.doesNotMatch(line, PER_HOP);
        assert.doesNotMatch(line, /^(authorization|cookie|x_forwarded_for|content_length):/i);
        if (!given.isTrustedPeer) assert.doesNotMatch(line, /^(x-forwarded-.*|x-real-ip|forwarded):.*(6\.6\.6\.6|evil)/i);
      }
      const count = (name: string): number => lines.filter((line) => line.toLowerCase().startsWith(`${name}:`)).length;
      assert.ok(count('host') === 1 || (requestFields?.set.length ?? 0) > 0);
      assert.ok(count('content-length') + count('transfer-encoding') <= 1);
    }),
    { numRuns: 4000 },
  );
});

test('what is built is itself a head that would be accepted', () => {
  const limits = { maxTargetBytes: 64, maxFields: 64 };
  fc.assert(
    fc.property(composedHead, (text) => {
      const head = parse(text);
      if (typeof head === 'string') return;
      const again = Object.assign(parsed('GET / HTTP/1.1', 'Host: h'), { marks: new FieldMarks(64) });
      const isChunked = head.method !== 'TRACE';
      const built = buildUpstreamHead(head, policy(), facts({ framing: isChunked ? 'chunked' : 'none' }));
      assert.equal(parseRequestHead(built, again, limits), undefined);
      assert.equal(again.isChunked, isChunked);
    }),
    { numRuns: 1500 },
  );
});
