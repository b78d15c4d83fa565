import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createQuotaTable, QuotaTable } from '../../../src/shm/quota-table.ts';
import { MAX_USED, packQuota, quotaStartSec, quotaUsed } from '../../../src/shm/quota-word.ts';
import { wordsOf } from './limit-fixture.ts';
import { SEED } from './store-fixture.ts';

const HOUR = 3600;
const NOW_SEC = 1_764_000_000;

function make(participants = 2, bytes = 16_384): QuotaTable[] {
  const memory = createQuotaTable({ bytes, seed: SEED });
  assert.ok(memory.byteLength <= bytes);
  return Array.from({ length: participants }, (_, self) => new QuotaTable(memory, self));
}

function changesOf(table: QuotaTable): readonly (readonly number[])[] {
  const changes: number[][] = [];
  table.forEachChanged((...change) => changes.push(change));
  return changes;
}

test('window and use fit into one word, up to the year 2097 and 274 thousand million', () => {
  for (const startSec of [0, 60, NOW_SEC, 2 ** 26 * 60 - 60]) {
    for (const used of [0, 1, 2 ** 32 + 1, MAX_USED]) {
      const word = packQuota(startSec, used);
      assert.deepEqual([quotaStartSec(word), quotaUsed(word)], [startSec, used]);
    }
  }
  assert.equal(quotaUsed(packQuota(NOW_SEC, MAX_USED + 5)), MAX_USED);
  assert.equal(quotaUsed(packQuota(NOW_SEC, -1)), 0);
});

test('a quota is used up over all participants, and begins anew with the next window', () => {
  const [a, b] = make();
  const { low, high } = wordsOf(1);
  assert.ok(a!.take(low, high, NOW_SEC, 5, 3));
  assert.ok(!b!.take(low, high, NOW_SEC, 5, 3));
  assert.equal(b!.used, 3);
  assert.ok(b!.take(low, high, NOW_SEC, 5, 2));
  assert.equal(a!.peek(low, high, NOW_SEC), 5);
  assert.equal(a!.peek(low, high, NOW_SEC + HOUR), 0);
  assert.ok(a!.take(low, high, NOW_SEC + HOUR, 5, 5));
  assert.ok(!b!.take(low, high, NOW_SEC, 5, 1), 'a late calendar decides by the later window');
});

test('what is told afterwards is counted over the amount; what is given back never goes below nothing', () => {
  const [a] = make();
  const { low, high } = wordsOf(1);
  assert.equal(a!.add(low, high, NOW_SEC, 7), 7);
  assert.ok(!a!.take(low, high, NOW_SEC, 5, 1));
  a!.give(low, high, NOW_SEC, 3);
  assert.equal(a!.peek(low, high, NOW_SEC), 4);
  a!.give(low, high, NOW_SEC, 30);
  assert.equal(a!.peek(low, high, NOW_SEC), 0);
  a!.add(low, high, NOW_SEC + HOUR, 1);
  assert.equal(a!.add(low, high, NOW_SEC, 9), 1, 'an earlier window is dropped');
  a!.give(low, high, NOW_SEC, 1);
  assert.equal(a!.peek(low, high, NOW_SEC + HOUR), 1);
});

test('a reset is seen by the visitor; what was never used is not reset', () => {
  const [a] = make();
  const { low, high } = wordsOf(1);
  assert.ok(!a!.reset(low, high), 'it has no place');
  a!.reserve(low, high, NOW_SEC);
  assert.ok(!a!.reset(low, high), 'it has a place, and nothing is used');
  assert.deepEqual(changesOf(a!), []);
  a!.add(low, high, NOW_SEC, 10);
  assert.equal(a!.peek(low, high, NOW_SEC), 10);
  changesOf(a!);
  assert.ok(a!.reset(low, high));
  assert.ok(!a!.reset(low, high));
  assert.deepEqual(changesOf(a!), [[low, high, NOW_SEC, 0]]);
});

test('the visitor sees each key that has changed since the last time, once, as it is', () => {
  const [a, b] = make();
  const keys = Array.from({ length: 50 }, (_, key) => wordsOf(key));
  for (const { low, high } of keys) for (let i = 0; i < 3; i += 1) a!.take(low, high, NOW_SEC, 100, 1);
  const changes = changesOf(b!);
  assert.equal(changes.length, 50);
  for (const { low, high } of keys)
    assert.deepEqual(
      changes.find((change) => change[1] === high),
      [low, high, NOW_SEC, 3],
    );
  assert.deepEqual(changesOf(b!), []);
  a!.take(keys[7]!.low, keys[7]!.high, NOW_SEC, 100, 1);
  assert.deepEqual(changesOf(b!), [[keys[7]!.low, keys[7]!.high, NOW_SEC, 4]]);
});

test('a full table keeps every key of its time, and gives way to those of a later month only', () => {
  const [a] = make(1);
  for (let key = 0; key < 3000; key += 1) assert.ok(a!.take(wordsOf(key).low, wordsOf(key).high, NOW_SEC, 10, 1));
  const { cells, live, withoutCell } = a!.stats();
  assert.equal(live, cells);
  assert.equal(withoutCell, 3000 - cells);
  const counted = () =>
    Array.from({ length: 3000 }, (_, key) => a!.peek(wordsOf(key).low, wordsOf(key).high, NOW_SEC)).filter((used) => used === 1).length;
  assert.equal(counted(), cells);
  const late = wordsOf(5000);
  a!.take(late.low, late.high, NOW_SEC + 31 * 86_400, 10, 1);
  assert.equal(counted(), cells);
  a!.take(late.low, late.high, NOW_SEC + 33 * 86_400, 10, 1);
  assert.equal(counted(), cells - 1);
  assert.equal(a!.stats().evicted, 1);
});

test('random calls agree with a map of plain numbers', () => {
  const anyStep = fc.record({
    who: fc.nat(1),
    key: fc.nat(5),
    what: fc.constantFrom('take', 'add', 'give'),
    hour: fc.nat(3),
    cost: fc.nat(2000),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 100 }), (steps) => {
      const tables = make();
      const plain = new Map<number, { hour: number; used: number }>();
      for (const { who, key, what, hour, cost } of steps) {
        const { low, high } = wordsOf(key);
        const table = tables[who]!;
        const startSec = NOW_SEC + hour * HOUR;
        const here = plain.get(key) ?? { hour: -1, used: 0 };
        if (what === 'give' && !plain.has(key)) continue;
        const used = hour > here.hour ? 0 : here.used;
        const isEarlier = hour < here.hour;
        plain.set(key, here);
        if (what === 'take') {
          const isAllowed = used + cost <= 5000;
          assert.equal(table.take(low, high, startSec, 5000, cost), isAllowed);
          if (!isAllowed) continue;
          plain.set(key, { hour: Math.max(hour, here.hour), used: used + cost });
          continue;
        }
        if (what === 'add') table.add(low, high, startSec, cost);
        else table.give(low, high, startSec, cost);
        if (!isEarlier) plain.set(key, { hour, used: what === 'add' ? used + cost : Math.max(0, used - cost) });
      }
      for (const [key, { hour, used }] of plain) {
        if (hour >= 0) assert.equal(tables[0]!.peek(wordsOf(key).low, wordsOf(key).high, NOW_SEC + hour * HOUR), used);
      }
    }),
    { numRuns: 200 },
  );
});
