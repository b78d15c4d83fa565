import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LimitKeyPart } from '../../../src/config/limit-types.ts';
import { Asker, NOBODY } from '../../../src/policy/consumers.ts';
import { type LimitFacts, LimitKey } from '../../../src/policy/limit-key.ts';

const ACME = new Asker('known', 'acme', { keyId: 'acme/1', config: undefined });
const NAMED = new Asker('known', 'acme', { keyId: '', config: undefined });
const STRANGER = new Asker('unknown-key', '', { keyId: '', config: undefined });
const IP: LimitKeyPart = { kind: 'ip', ipv4Bits: 32, ipv6Bits: 64 };

function facts(asker: Asker, clientAddress = '192.0.2.7', fields: Readonly<Record<string, string>> = {}): LimitFacts {
  return { asker, clientAddress, field: (name) => fields[name] };
}

function textOf(parts: readonly LimitKeyPart[], of: LimitFacts): string {
  return new LimitKey(parts, 'orders').textOf(of);
}

test('what a limit counts by, and what stands in for a part that is not there', () => {
  const rows: [parts: LimitKeyPart[], of: LimitFacts, text: string][] = [
    [[{ kind: 'consumer' }], facts(ACME), 'acme'],
    [[{ kind: 'consumer' }], facts(NOBODY), '\x01192.0.2.7'],
    [[{ kind: 'consumer' }], facts(STRANGER), '\x01192.0.2.7'],
    [[{ kind: 'consumer' }], facts(NOBODY, '2001:db8::1'), '\x01\x02\x20\x01\x0d\xb8\0\0\0\0'],
    [[{ kind: 'apiKey' }], facts(ACME), 'acme/1'],
    [[{ kind: 'apiKey' }], facts(NAMED), '\x01192.0.2.7'],
    [[{ kind: 'apiKey' }], facts(STRANGER), '\x01192.0.2.7'],
    [[IP], facts(ACME), '192.0.2.7'],
    [[{ kind: 'ip', ipv4Bits: 24, ipv6Bits: 56 }], facts(ACME), '192.0.2.0/24'],
    [[{ kind: 'route' }], facts(ACME), 'orders'],
    [[{ kind: 'header', name: 'x-tenant' }], facts(ACME, '', { 'x-tenant': 'blue' }), 'blue'],
    [[{ kind: 'header', name: 'x-tenant' }], facts(ACME), ''],
    [[IP, { kind: 'route' }, { kind: 'consumer' }], facts(ACME), '192.0.2.7\0orders\0acme'],
  ];
  for (const [parts, of, text] of rows) assert.equal(textOf(parts, of), text);
});

test('of a value that is too long the end counts, where tokens differ', () => {
  const parts: LimitKeyPart[] = [{ kind: 'header', name: 'authorization' }];
  const one = textOf(parts, facts(NOBODY, '', { authorization: `${'a'.repeat(60_000)}1` }));
  const other = textOf(parts, facts(NOBODY, '', { authorization: `${'a'.repeat(60_000)}2` }));
  assert.equal(one.length, 1024);
  assert.notEqual(one, other);
});

test('what a person names is the text of the request that is meant', () => {
  const parts: LimitKeyPart[] = [{ kind: 'consumer' }, { kind: 'route' }, { kind: 'header', name: 'x-tenant' }, IP];
  const key = new LimitKey(parts, 'orders');
  const fields = { 'x-tenant': 'blue' };
  assert.equal(key.textOfWords(['acme', 'blue', '2001:DB8::9']), key.textOf(facts(ACME, '2001:db8::1', fields)));
  assert.equal(key.textOfWords(['ip:2001:db8::7', 'blue', '2001:db8::']), key.textOf(facts(NOBODY, '2001:db8::1', fields)));
  assert.equal(key.textOfWords(['acme', 'blue']), undefined);
  assert.equal(key.textOfWords(['acme', 'blue', '1.2.3.4', 'more']), undefined);
  assert.equal(new LimitKey([{ kind: 'apiKey' }], 'r').textOfWords(['acme/1']), 'acme/1');
  assert.equal(new LimitKey([{ kind: 'route' }], 'r').textOfWords([]), 'r');
});

test('two requests have one text only if all parts of the key are alike', () => {
  const value = fc.string({ unit: fc.constantFrom('a', 'b', ',', ' ', '.', '1'), maxLength: 3 });
  const asker = fc.constantFrom(ACME, NOBODY, new Asker('known', '192.0.2.7', { keyId: '', config: undefined }));
  const request = fc.tuple(asker, fc.constantFrom('192.0.2.7', '2001:db8::', '2001:db8:0:1::'), value, value);
  const parts: LimitKeyPart[] = [{ kind: 'header', name: 'x' }, { kind: 'consumer' }, { kind: 'header', name: 'y' }];
  const text = ([who, address, x, y]: [Asker, string, string, string]): string => textOf(parts, facts(who, address, { x, y }));
  fc.assert(
    fc.property(request, request, (one, other) => {
      const who = ([asked, address]: [Asker, string, string, string]): string => (asked.name === '' ? `at ${address}` : asked.name);
      const isAlike = one[2] === other[2] && one[3] === other[3] && who(one) === who(other);
      assert.equal(text(one) === text(other), isAlike);
    }),
    { numRuns: 2000 },
  );
});
