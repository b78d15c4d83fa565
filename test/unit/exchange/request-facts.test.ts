import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestFacts } from '../../../src/exchange/request-facts.ts';
import { compileCidrs } from '../../../src/http/cidr.ts';
import { parseRequestHead } from '../../../src/http/request-head.ts';

function factsOf(...lines: readonly string[]): { facts: RequestFacts; isRoutable: boolean } {
  const facts = new RequestFacts(50);
  const refusal = parseRequestHead(`${lines.join('\r\n')}\r\n\r\n`, facts.head, { maxFields: 50, maxTargetBytes: 1000 });
  assert.equal(refusal, undefined);
  return { facts, isRoutable: facts.read() };
}

for (const [line, host, expected] of [
  ['GET /a/b?c=d HTTP/1.1', 'A.Example', { host: 'a.example', path: '/a/b', queryText: '?c=d', target: '/a/b?c=d' }],
  ['GET / HTTP/1.1', 'a.example:8080', { host: 'a.example', path: '/', queryText: '', target: '/' }],
  ['GET / HTTP/1.1', 'a.example.', { host: 'a.example' }],
  ['GET / HTTP/1.1', '[::1]:80', { host: '[::1]' }],
  ['GET / HTTP/1.1', '[::1]', { host: '[::1]' }],
  ['GET http://b.example/x?y HTTP/1.1', 'a', { host: 'b.example', path: '/x', target: '/x?y' }],
  ['GET http://b.example HTTP/1.1', 'a', { host: 'b.example', path: '/', target: '/' }],
  ['GET /%61/../b HTTP/1.1', 'a', { path: '/b', target: '/%61/../b' }],
  ['OPTIONS * HTTP/1.1', 'a', { path: '/', target: '*' }],
  ['OPTIONS http://a.example HTTP/1.1', 'a', { path: '/', target: '*', host: 'a.example' }],
  ['OPTIONS http://a.example/ HTTP/1.1', 'a', { path: '/', target: '/' }],
] as const) {
  test(`${line} with Host ${host} is read for routing, and forwarded as received`, () => {
    const { facts, isRoutable } = factsOf(line, `Host: ${host}`);
    assert.equal(isRoutable, true);
    for (const [name, value] of Object.entries(expected))
      assert.equal(facts[name as keyof typeof expected & keyof RequestFacts], value, name);
  });
}

for (const target of ['/../a', '/a%', '/a%00', '/a%2F..', '/..;x']) {
  test(`the path ${target} has no one meaning and is not routed`, () => {
    assert.equal(factsOf(`GET ${target} HTTP/1.1`, 'Host: a').isRoutable, false);
  });
}

test('a request is whole from the start where it has no body', () => {
  for (const [field, isWhole] of [
    ['X: 1', true],
    ['Content-Length: 0', true],
    ['Content-Length: 1', false],
    ['Transfer-Encoding: chunked', false],
  ] as const) {
    assert.equal(factsOf('POST / HTTP/1.1', 'Host: a', field).facts.isRequestWhole, isWhole, field);
  }
});

test('the client behind trusted proxies is found once, and a field by its lower-case name', () => {
  const { facts } = factsOf('GET / HTTP/1.1', 'Host: a', 'X-Forwarded-For: 192.0.2.1, 10.0.0.2', 'X-A: 1', 'x-a: 2');
  assert.equal(facts.field('x-a'), '1, 2');
  assert.equal(facts.field('x-b'), undefined);
  assert.equal(facts.addressBehind('10.0.0.1', compileCidrs(['10.0.0.0/8'])), '192.0.2.1');
  assert.equal(facts.addressBehind('10.0.0.1', compileCidrs([])), '192.0.2.1');
  facts.reset();
  assert.equal(facts.addressBehind('203.0.113.9', compileCidrs([])), '203.0.113.9');
});
