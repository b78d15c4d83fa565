import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mappedIpv4, parseIpv4, parseIpv6 } from '../../../src/http/ip-address.ts';
import { AddressPrefix } from '../../../src/policy/address-prefix.ts';

test('addresses are cut to their block, and one block has one text', () => {
  const rows: [bits: [number, number], address: string, block: string][] = [
    [[32, 64], '192.0.2.7', '192.0.2.7'],
    [[24, 64], '192.0.2.7', '192.0.2.0/24'],
    [[1, 64], '255.0.2.7', '128.0.0.0/1'],
    [[32, 64], '2001:db8::1', '\x02\x20\x01\x0d\xb8\0\0\0\0'],
    [[32, 64], '2001:0DB8:0:0:9:9:9:9', '\x02\x20\x01\x0d\xb8\0\0\0\0'],
    [[32, 56], '2001:db8:1:2ff::', '\x02\x20\x01\x0d\xb8\0\x01\x02'],
    [[32, 48], '2001:db8:1:2ff::', '\x02\x20\x01\x0d\xb8\0\x01'],
    [[32, 1], 'ffff::', '\x02\x80'],
    [[32, 128], '::1', `\x02${'\0'.repeat(15)}\x01`],
    [[32, 113], '1:2:3:4:5:6:7:ffff', '\x02\0\x01\0\x02\0\x03\0\x04\0\x05\0\x06\0\x07\x80'],
    [[32, 128], '1::1.2.3.4', `\x02\0\x01${'\0'.repeat(10)}\x01\x02\x03\x04`],
    [[32, 64], '::ffff:192.0.2.7', '192.0.2.7'],
    [[24, 64], '::FFFF:c000:207', '192.0.2.0/24'],
    [[32, 64], 'unknown', 'unknown'],
  ];
  for (const [[ipv4Bits, ipv6Bits], address, block] of rows)
    assert.equal(new AddressPrefix(ipv4Bits, ipv6Bits).of(address), block, address);
});

const TEXTS = fc.oneof(
  fc.ipV6(),
  fc
    .array(fc.constantFrom('0', 'a', 'F', '12', 'abcd', ':', '::', '.', '1.2.3.4', 'g', '%', '12345'), { maxLength: 14 })
    .map((parts) => parts.join('')),
);

test('it reads what the parser of addresses reads, and leaves all else as it is', () => {
  const whole = new AddressPrefix(32, 128);
  fc.assert(
    fc.property(TEXTS, (text) => {
      const address = parseIpv6(text);
      const block = whole.of(text);
      if (address === undefined) return assert.equal(block, text);
      const mapped = mappedIpv4(address);
      if (mapped >= 0) assert.equal(parseIpv4(block), mapped, text);
      else assert.equal(Buffer.from(block.slice(1), 'latin1').toString('hex'), address.toString(16).padStart(32, '0'), text);
    }),
    { numRuns: 20_000 },
  );
});

test('two addresses are in one block if, and only if, their first bits are alike', () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 1, max: 128 }), (one, other, bits) => {
      const [a, b] = [parseIpv6(one) ?? 0n, parseIpv6(other) ?? 0n];
      fc.pre(mappedIpv4(a) < 0 && mappedIpv4(b) < 0);
      const prefix = new AddressPrefix(32, bits);
      const shift = BigInt(128 - bits);
      assert.equal(prefix.of(one) === prefix.of(other), a >> shift === b >> shift);
    }),
  );
});
