import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CacheStatusFacts, cacheStatusLine } from '../../../src/http/cache-status.ts';
import { isFieldValue } from '../../../src/http/tokens.ts';

const line = (more: Partial<CacheStatusFacts>): string => cacheStatusLine('sluice', Object.assign(new CacheStatusFacts(), more));

test('Cache-Status tells what was done, in the words of RFC 9211 section 2', () => {
  assert.equal(line({ isHit: true, ttlSec: 376 }), 'Cache-Status: sluice; hit; ttl=376\r\n');
  assert.equal(line({ isHit: true, ttlSec: -412 }), 'Cache-Status: sluice; hit; ttl=-412\r\n');
  assert.equal(line({ forward: 'uri-miss', isStored: true }), 'Cache-Status: sluice; fwd=uri-miss; stored\r\n');
  assert.equal(line({ forward: 'stale', forwardStatus: 304, ttlSec: 60 }), 'Cache-Status: sluice; fwd=stale; fwd-status=304; ttl=60\r\n');
  assert.equal(line({ forward: 'uri-miss', isCollapsed: true }), 'Cache-Status: sluice; fwd=uri-miss; collapsed\r\n');
  assert.equal(line({ forward: 'bypass', detail: 'x' }), 'Cache-Status: sluice; fwd=bypass; detail=x\r\n');
  assert.equal(line({}), 'Cache-Status: sluice\r\n');
});

test('a key of any bytes becomes a valid string', () => {
  assert.equal(line({ isHit: true, key: 'r\nG\nhttp://h/"a\\b"\xe9' }), 'Cache-Status: sluice; hit; key="r G http://h/\\"a\\\\b\\" "\r\n');
  fc.assert(
    fc.property(fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), minLength: 1 }), (key) => {
      const value = line({ key }).slice('Cache-Status: '.length, -2);
      assert.ok(isFieldValue(value));
      assert.match(value, /^sluice; key="(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"$/);
    }),
  );
});
