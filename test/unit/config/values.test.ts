import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isIpv4, isIpv6, isLoopback, parseCidr, parseEndpoint, parseHostMatch, parseListen } from '../../../src/config/address.ts';
import { formatPath, type Parsed } from '../../../src/config/problem.ts';
import { parseRegex } from '../../../src/config/regex-cost.ts';
import { editDistance, suggest } from '../../../src/config/suggest.ts';
import { formatDuration, formatSize, parseDuration, parsePercent, parseRate, parseSize } from '../../../src/config/units.ts';

function unwrap<T>(parsed: Parsed<T>): T | 'bad' {
  return parsed.kind === 'ok' ? parsed.value : 'bad';
}

test('durations become milliseconds', () => {
  const rows: [string, number | 'bad'][] = [
    ['0', 0],
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['0.4ms', 0],
    ['10', 'bad'],
    ['-1s', 'bad'],
    ['1S', 'bad'],
    ['s', 'bad'],
    ['1e3s', 'bad'],
    ['1s ', 'bad'],
    ['999999999999999d', 'bad'],
  ];
  for (const [text, expected] of rows) assert.equal(unwrap(parseDuration(text)), expected, text);
});

test('sizes become bytes', () => {
  const rows: [string, number | 'bad'][] = [
    ['0', 0],
    ['512B', 512],
    ['64KiB', 65_536],
    ['10MiB', 10_485_760],
    ['1GB', 1e9],
    ['1.5KiB', 1536],
    ['64', 'bad'],
    ['64kib', 'bad'],
    ['64K', 'bad'],
  ];
  for (const [text, expected] of rows) assert.equal(unwrap(parseSize(text)), expected, text);
});

test('percentages and rates', () => {
  assert.equal(unwrap(parsePercent('20%')), 0.2);
  assert.equal(unwrap(parsePercent('101%')), 'bad');
  assert.equal(unwrap(parsePercent('20')), 'bad');
  assert.deepEqual(unwrap(parseRate('100/1m')), { count: 100, perMs: 60_000 });
  assert.deepEqual(unwrap(parseRate('5/s')), { count: 5, perMs: 1000 });
  assert.equal(unwrap(parseRate('5/0s')), 'bad');
  assert.equal(unwrap(parseRate('5')), 'bad');
});

test('what is formatted parses back to the same', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), (amount) => {
      assert.equal(unwrap(parseDuration(formatDuration(amount))), amount);
      assert.equal(unwrap(parseSize(formatSize(amount))), amount);
    }),
  );
});

test('addresses to listen on', () => {
  assert.deepEqual(unwrap(parseListen(':8080')), { host: '0.0.0.0', port: 8080 });
  assert.deepEqual(unwrap(parseListen('127.0.0.1:0')), { host: '127.0.0.1', port: 0 });
  assert.deepEqual(unwrap(parseListen('[::1]:80')), { host: '::1', port: 80 });
  assert.deepEqual(unwrap(parseListen('LocalHost:1')), { host: 'localhost', port: 1 });
  for (const text of ['8080', '', ':65536', '::1:80', '[::1]', '[g::]:1', '1.2.3:4', '256.0.0.1:1', 'a b:1', 'http://a:1', ':-1', '[]:1']) {
    assert.equal(unwrap(parseListen(text)), 'bad', text);
  }
});

test('address blocks', () => {
  assert.equal(unwrap(parseCidr('10.0.0.0/8')), '10.0.0.0/8');
  assert.equal(unwrap(parseCidr('10.0.0.1')), '10.0.0.1/32');
  assert.equal(unwrap(parseCidr('::1')), '::1/128');
  assert.equal(unwrap(parseCidr('fd00::/8')), 'fd00::/8');
  for (const text of ['10.0.0.0/33', '10.0.0/8', '010.0.0.0/8', '::/129', 'a', '10.0.0.0/', '10.0.0.0/8/8', '::1%lo'])
    assert.equal(unwrap(parseCidr(text)), 'bad', text);
});

test('the forms of addresses', () => {
  for (const text of ['0.0.0.0', '255.255.255.255', '1.2.3.4']) assert.ok(isIpv4(text), text);
  for (const text of ['1.2.3', '01.2.3.4', '1.2.3.4.5', '1.2.3.256', '0x1.2.3.4', '']) assert.ok(!isIpv4(text), text);
  for (const text of ['::', '::1', 'fe80::1', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8']) assert.ok(isIpv6(text), text);
  for (const text of ['1::2::3', ':', '1:2', '::g', 'fe80::1%eth0', '1.2.3.4', '::1]/x']) assert.ok(!isIpv6(text), text);
  for (const text of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) assert.ok(isLoopback(text), text);
  for (const text of ['0.0.0.0', '128.0.0.1', '::', '127.example.com']) assert.ok(!isLoopback(text), text);
});

test('endpoints', () => {
  assert.deepEqual(unwrap(parseEndpoint('http://Example.com', 2)), {
    url: 'http://Example.com',
    host: 'example.com',
    port: 80,
    weight: 2,
    priority: 0,
    zone: '',
  });
  assert.deepEqual(unwrap(parseEndpoint('http://[::1]:81/', 1)), {
    url: 'http://[::1]:81/',
    host: '::1',
    port: 81,
    weight: 1,
    priority: 0,
    zone: '',
  });
  for (const text of ['http://', 'http://a:0', 'http://a:99999', 'http://a?x', 'http://a#x', 'a', '//a'])
    assert.equal(unwrap(parseEndpoint(text, 1)), 'bad', text);
});

test('hosts of a match', () => {
  assert.equal(unwrap(parseHostMatch('API.Example.com')), 'api.example.com');
  assert.equal(unwrap(parseHostMatch('*.example.com')), '*.example.com');
  assert.equal(unwrap(parseHostMatch('10.0.0.1')), '10.0.0.1');
  assert.equal(unwrap(parseHostMatch('[::1]')), '[::1]');
  for (const text of ['*', 'a:80', 'a.*.b', '*a.com', 'a..b', '-a', '', 'a b', '1.2.3'])
    assert.equal(unwrap(parseHostMatch(text)), 'bad', text);
});

test('paths are written as a person would', () => {
  assert.equal(formatPath(['routes', 0, 'match', 'x-a']), 'routes[0].match.x-a');
  assert.equal(formatPath(['upstreams', 'a b', 'pool']), 'upstreams["a b"].pool');
  assert.equal(formatPath([]), '');
});

test('the edit distance is a metric that counts a swap of neighbours once', () => {
  assert.equal(editDistance('upsteam', 'upstream'), 1);
  assert.equal(editDistance('uspteram', 'upstream'), 2);
  assert.equal(editDistance('', 'abc'), 3);
  fc.assert(
    fc.property(fc.string({ maxLength: 8 }), fc.string({ maxLength: 8 }), (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length) && distance >= Math.abs(a.length - b.length));
    }),
  );
});

test('only a near word is suggested', () => {
  assert.equal(suggest('timout', ['timeout', 'timeouts']), 'timeout');
  assert.equal(suggest('TIMEOUT', ['timeout']), 'timeout');
  assert.equal(suggest('banana', ['timeout', 'limits']), undefined);
  assert.equal(suggest('x', ['ab', 'pool']), undefined);
});

test('cheap expressions are accepted, costly ones and those that cannot be bounded are not', () => {
  const accepted = [
    '^[a-z]+-\\d+$',
    '^v[0-9]+\\.[0-9]+\\.[0-9]+$',
    'foo',
    'foo|bar|baz',
    'a*b.*$',
    '^foo|^bar',
    '^(gold|silver)$',
    '^.*foo.*$',
    '^(?:\\d{1,3}\\.){3}\\d{1,3}$',
    '^[^/]+/[^/]+/[^/]+$',
    '^[\\]a]+$',
  ];
  const refused = [
    '(a+)+',
    '^(a|b)*$',
    'a*a*a*',
    '^(?:a?){30}$',
    '(x)\\1',
    '(?=a)b',
    '(?<n>a)',
    '[',
    '',
    '^(a|aa)+$',
    '^a*a*a*$',
    '^a*a*a*b',

    'x'.repeat(257),
    '^[é]+[è]+$',
  ];
  for (const source of accepted) assert.equal(unwrap(parseRegex(source)), source);
  for (const source of refused) assert.equal(unwrap(parseRegex(source)), 'bad', source);
});

/** A naive backtracking matcher over tokens: counts how often it tries a character. */
type Token = { readonly letter: string; readonly min: number; readonly max: number };

function stepsOf(tokens: readonly Token[], text: string, isAnchored: boolean): number {
  let steps = 0;
  const run = (t: number, count: number, at: number): boolean => {
    const token = tokens[t];
    if (token === undefined) return at === text.length;
    steps++;
    if (count < token.max && text[at] === token.letter && run(t, count + 1, at + 1)) return true;
    return count >= token.min && run(t + 1, 0, at);
  };
  for (let start = 0; start <= (isAnchored ? 0 : text.length); start++) if (run(0, 0, start)) break;
  return steps;
}

test('an accepted expression ends soon on every hostile text', () => {
  const token = fc.record({ letter: fc.constantFrom('a', 'b'), count: fc.constantFrom('', '', '*', '+', '?', '{2,40}') });
  const bounds: Record<string, [number, number]> = { '': [1, 1], '*': [0, 999], '+': [1, 999], '?': [0, 1], '{2,40}': [2, 40] };
  fc.assert(
    fc.property(
      fc.array(token, { minLength: 1, maxLength: 7 }),
      fc.boolean(),
      fc.constantFrom('a', 'ab', 'aab', 'b'),
      (parts, isAnchored, unit) => {
        const source = `${isAnchored ? '^' : ''}${parts.map(({ letter, count }) => letter + count).join('')}$`;
        if (parseRegex(source).kind === 'bad') return;
        const tokens = parts.map(({ letter, count }) => ({ letter, min: bounds[count]![0], max: bounds[count]![1] }));
        const text = `${unit.repeat(Math.floor(255 / unit.length))}c`;
        assert.ok(stepsOf(tokens, text, isAnchored) < 2_000_000, source);
      },
    ),
    { numRuns: 300 },
  );
});
