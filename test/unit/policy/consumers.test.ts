import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumerConfig, ConsumersConfig } from '../../../src/config/limit-types.ts';
import { type AskerFacts, Consumers, NOBODY } from '../../../src/policy/consumers.ts';

const SEED = new Uint8Array(16).fill(7);

function consumer(name: string, keys: readonly string[], tier?: string): ConsumerConfig {
  return { name, keys, tier, limits: [], quotas: [] };
}

function consumersOf(more: Partial<ConsumersConfig> = {}): Consumers {
  return new Consumers(
    {
      from: [
        { kind: 'apiKey', place: 'header', name: 'x-api-key' },
        { kind: 'apiKey', place: 'query', name: 'key' },
        { kind: 'header', name: 'x-consumer-id' },
      ],
      unknown: 'anonymous',
      list: [consumer('acme', ['first-key', 'second-key'], 'paid'), consumer('beta', ['third-key'])],
      ...more,
    },
    SEED,
  );
}

type Sent = { readonly header?: string; readonly query?: string; readonly name?: string; readonly isTrusted?: boolean };

function facts({ header, query, name, isTrusted = true }: Sent): AskerFacts {
  const fields: Readonly<Record<string, string | undefined>> = { 'x-api-key': header, 'x-consumer-id': name };
  return {
    isFromTrustedProxy: isTrusted,
    field: (lower) => fields[lower],
    query: (parameter) => (parameter === 'key' ? query : undefined),
  };
}

test('who asks is found by key or by the name that a trusted proxy sends', () => {
  const consumers = consumersOf();
  const rows: [sent: Sent, kind: string, name: string, tier: string, keyId: string][] = [
    [{ header: 'first-key' }, 'known', 'acme', 'paid', 'acme/0'],
    [{ header: 'second-key' }, 'known', 'acme', 'paid', 'acme/1'],
    [{ query: 'third-key' }, 'known', 'beta', '', 'beta/0'],
    [{ name: 'acme' }, 'known', 'acme', 'paid', ''],
    [{ name: 'someone@example.com' }, 'known', 'someone@example.com', '', ''],
    [{ header: 'third-key', query: 'first-key', name: 'acme' }, 'known', 'beta', '', 'beta/0'],
    [{}, 'nobody', '', '', ''],
    [{ header: '', query: '', name: '' }, 'nobody', '', '', ''],
    [{ name: 'acme', isTrusted: false }, 'nobody', '', '', ''],
    [{ name: 'x'.repeat(257) }, 'nobody', '', '', ''],
    [{ header: 'first-keY' }, 'unknown-key', '', '', ''],
    [{ header: 'first-key2' }, 'unknown-key', '', '', ''],
    [{ header: 'k'.repeat(100_000), name: 'acme' }, 'unknown-key', '', '', ''],
    [{ header: 'first-key\u0100' }, 'unknown-key', '', '', ''],
  ];
  for (const [sent, kind, name, tier, keyId] of rows) {
    const asker = consumers.who(facts(sent));
    assert.deepEqual([asker.kind, asker.name, asker.tier, asker.keyId], [kind, name, tier, keyId], JSON.stringify(sent).slice(0, 80));
  }
});

test('a key that nobody has is refused only where that is asked for, and no key never is', () => {
  const [open, strict] = [consumersOf(), consumersOf({ unknown: 'reject' })];
  const wrong = facts({ header: 'no-such-key' });
  assert.equal(open.refuses(open.who(wrong)), false);
  assert.equal(strict.refuses(strict.who(wrong)), true);
  assert.equal(strict.refuses(strict.who(facts({}))), false);
  assert.equal(strict.refuses(NOBODY), false);
});

test('the same asker is the same object, listed or not, and the unlisted are forgotten at a bound', () => {
  const consumers = consumersOf();
  assert.equal(consumers.who(facts({ header: 'first-key' })), consumers.who(facts({ header: 'first-key' })));
  const first = consumers.who(facts({ name: 'guest-0' }));
  for (let i = 0; i < 10_000; i++) consumers.who(facts({ name: `guest-${i}` }));
  assert.equal(consumers.who(facts({ name: 'guest-0' })), first);
  consumers.who(facts({ name: 'guest-10000' }));
  const again = consumers.who(facts({ name: 'guest-0' }));
  assert.notEqual(again, first);
  assert.equal(again.name, 'guest-0');
});

test('each of many keys is found, and none that differs from one in a character', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => `key-number-${i}`);
  const consumers = consumersOf({ list: keys.map((key, i) => consumer(`c${i}`, [key])) });
  for (const [i, key] of keys.entries()) {
    assert.equal(consumers.who(facts({ header: key })).name, `c${i}`);
    assert.equal(consumers.who(facts({ header: `Key${key.slice(3)}` })).kind, 'unknown-key');
  }
});

test('a consumer is found by name for those who ask about it', () => {
  assert.equal(consumersOf().named('beta')?.config?.keys[0], 'third-key');
  assert.equal(consumersOf().named('gamma'), undefined);
});
