import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileCidrs } from '../../../src/http/cidr.ts';
import { clientAddress, forwardedElement, forwardedFor } from '../../../src/http/forwarded.ts';
import { isLoop, viaPseudonym } from '../../../src/http/loops.ts';
import { parsed } from './heads.ts';

const TRUSTED = compileCidrs(['10.0.0.0/8', 'fd00::/8']);

const CLIENTS: readonly (readonly [rule: string, peer: string, lines: readonly string[], client: string])[] = [
  ['a peer that is not trusted is the client', '192.0.2.1', ['X-Forwarded-For: 203.0.113.7'], '192.0.2.1'],
  ['a trusted peer without a report is the client', '10.0.0.1', [], '10.0.0.1'],
  ['the right-most untrusted address', '10.0.0.1', ['X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.2'], '203.0.113.7'],
  ['over several lines', '10.0.0.1', ['X-Forwarded-For: 6.6.6.6', 'X-Forwarded-For: 203.0.113.7'], '203.0.113.7'],
  ['all trusted: the left-most', '10.0.0.1', ['X-Forwarded-For: 10.0.0.3, 10.0.0.2'], '10.0.0.3'],
  ['rubbish ends the walk', '10.0.0.1', ['X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.2'], '10.0.0.2'],
  ['an empty list', '10.0.0.1', ['X-Forwarded-For:'], '10.0.0.1'],
  ['ports are cut off', '10.0.0.1', ['X-Forwarded-For: 203.0.113.7:1234'], '203.0.113.7'],
  ['IPv6 bare and in brackets', 'fd00::1', ['X-Forwarded-For: 2001:db8::1, [fd00::2]:80'], '2001:db8::1'],
  ['an IPv4-mapped peer', '::ffff:10.0.0.1', ['X-Forwarded-For: 203.0.113.7'], '203.0.113.7'],
  ['RFC 7239 5.2: Forwarded', '10.0.0.1', ['Forwarded: for=6.6.6.6, For="[2001:db8::1]:80";proto=https;by=10.0.0.1'], '2001:db8::1'],
  ['RFC 7239 6.3: an obfuscated node', '10.0.0.1', ['Forwarded: for=_hidden'], '10.0.0.1'],
  ['RFC 7239 4: no for in an element', '10.0.0.1', ['Forwarded: for=6.6.6.6, proto=http'], '10.0.0.1'],
];

for (const [rule, peer, lines, client] of CLIENTS) {
  test(`the client's address: ${rule}`, () =>
    assert.equal(clientAddress(parsed('GET / HTTP/1.1', 'Host: h', ...lines), peer, TRUSTED), client));
}

test('an element of Forwarded quotes what is no token (RFC 7239 4)', () => {
  assert.equal(forwardedElement('1.2.3.4', 'a.b', 'http'), 'for=1.2.3.4;host=a.b;proto=http');
  assert.equal(forwardedElement('::1', '[::1]:80', 'https'), 'for="[::1]";host="[::1]:80";proto=https');
  assert.equal(forwardedElement('::1', '', 'http'), 'for="[::1]";proto=http');
  assert.deepEqual(forwardedFor('for="a,\\"b";x=1 , host=h, FOR = c'), ['a,"b', '', 'c']);
});

const LOOPS: readonly (readonly [line: string, isLoop: boolean])[] = [
  ['Via: 1.1 sluice-7', true],
  ['Via: 1.0 fred, HTTP/1.1 SLUICE-7 (x)', true],
  ['Via: 1.1 a (one, 1.1 sluice-7), 1.1 b', false],
  ['Via: 1.1 a (x\\)y, z), 1.1 sluice-7(c)', true],
  ['Via: 1.1 sluice-8', false],
  ['Via: 1.1 sluice', false],
  ['Via: sluice-7', false],
  ['CDN-Loop: other, sluice-7; v=1', true],
  ['CDN-Loop: sluice-77', false],
  ['X: sluice-7', false],
];

for (const [line, expected] of LOOPS) {
  test(`"${line}" is ${expected ? 'a loop' : 'no loop'}`, () => {
    assert.equal(isLoop(parsed('GET / HTTP/1.1', 'Host: h', line), viaPseudonym('sluice', '7')), expected);
  });
}
