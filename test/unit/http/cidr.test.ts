import assert from 'node:assert/strict';
import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileCidrs, parseCidr } from '../../../src/http/cidr.ts';
import { parseIpv4, parseIpv6, plainAddress } from '../../../src/http/ip-address.ts';

const nearText = (characters: string): fc.Arbitrary<string> => fc.string({ unit: fc.constantFrom(...characters), maxLength: 20 });

test('IPv4 addresses are those that node takes', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), nearText('0123456789..')), (text) => assert.equal(parseIpv4(text) >= 0, isIPv4(text), text)),
    { numRuns: 5000 },
  );
});

test('IPv6 addresses are those that node takes, without zones', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), nearText('01af:::.'), nearText('1::.2')), (text) =>
      assert.equal(parseIpv6(text) !== undefined, isIPv6(text), text),
    ),
    { numRuns: 8000 },
  );
});

test('a block list holds the addresses that the one of node:net holds', () => {
  const ipv4Block = fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, prefix]) => ({ address, prefix, family: 'ipv4' as const }));
  const ipv6Block = fc
    .tuple(fc.ipV6(), fc.integer({ min: 16, max: 128 }))
    .map(([address, prefix]) => ({ address, prefix, family: 'ipv6' as const }));
  const small = fc.tuple(fc.constantFrom('10.0', '10.1', '192.168'), fc.nat(3), fc.nat(3)).map(([start, c, d]) => `${start}.${c}.${d}`);
  const nearBlock = fc
    .tuple(small, fc.integer({ min: 8, max: 32 }))
    .map(([address, prefix]) => ({ address, prefix, family: 'ipv4' as const }));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(ipv4Block, ipv6Block, nearBlock), { maxLength: 8 }),
      fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), small)),
      (blocks, addresses) => {
        const reference = new BlockList();
        for (const { address, prefix, family } of blocks) reference.addSubnet(address, prefix, family);
        const set = compileCidrs(blocks.map(({ address, prefix }) => `${address}/${prefix}`));
        for (const address of [...addresses, ...blocks.map((block) => block.address)]) {
          // Where the two differ by design: an IPv4-mapped address counts as IPv4 here, and no wider IPv6 block (`::/0`) holds it.
          if (address.toLowerCase().includes('ffff:') || blocks.some((block) => /^(::|0)/.test(block.address))) continue;
          assert.equal(
            set.has(address),
            reference.check(address, isIPv4(address) ? 'ipv4' : 'ipv6'),
            `${address} in ${JSON.stringify(blocks)}`,
          );
        }
      },
    ),
    { numRuns: 1500 },
  );
});

test('an IPv4-mapped address is the IPv4 address', () => {
  const set = compileCidrs(['10.0.0.0/8', '::ffff:192.0.2.0/120']);
  assert.deepEqual(
    ['::ffff:10.1.2.3', '10.1.2.3', '::ffff:a01:203', '192.0.2.9', '::ffff:11.0.0.1', 'x', ''].map((a) => set.has(a)),
    [true, true, true, true, false, false, false],
  );
  assert.equal(compileCidrs(['::/0']).has('10.0.0.1'), false);
});

test('what is no block is told from one', () => {
  for (const text of ['', '10.0.0.0/33', '10.0.0/8', '::/129', '10.0.0.0/', '10.0.0.0/a', '10.0.0.0/08', 'h/8', '10.0.0.0/-1', '1.2.3.04'])
    assert.equal(parseCidr(text), undefined, text);
  assert.deepEqual(parseCidr('10.1.2.3/8'), { kind: 'ipv4', first: 0x0a000000, last: 0x0affffff });
  assert.deepEqual(parseCidr('2001:db8::1'), {
    kind: 'ipv6',
    first: 0x20010db8000000000000000000000001n,
    last: 0x20010db8000000000000000000000001n,
  });
});

test("a socket's address is written as people write it", () => {
  assert.deepEqual(['::ffff:1.2.3.4', '1.2.3.4', 'fe80::1%eth0', '::1'].map(plainAddress), ['1.2.3.4', '1.2.3.4', 'fe80::1', '::1']);
});
