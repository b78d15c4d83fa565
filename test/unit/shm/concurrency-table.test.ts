import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConcurrencyTable, createConcurrencyTable, layConcurrencyTable, REFUSED } from '../../../src/shm/concurrency-table.ts';
import { overtakeAtEveryStep } from '../../harness/overtake.ts';
import { wordsOf } from './limit-fixture.ts';
import { SEED } from './store-fixture.ts';

function make(participants: number, bytes = 16_384): ConcurrencyTable[] {
  const memory = createConcurrencyTable({ bytes, participants, seed: SEED });
  assert.ok(memory.byteLength <= bytes);
  return Array.from({ length: participants }, (_, self) => new ConcurrencyTable(memory, self));
}

test('no more than the maximum of a key are in flight, over all participants', () => {
  const [a, b] = make(3);
  const { low, high } = wordsOf(1);
  const handles = [a!.acquire(low, high, 2), b!.acquire(low, high, 2)];
  assert.ok(handles.every((handle) => handle >= 0));
  assert.equal(b!.current, 2);
  assert.equal(a!.acquire(low, high, 2), REFUSED);
  assert.equal(a!.current, 2);
  assert.equal(a!.inFlight(low, high), 2);
  b!.release(handles[1]!);
  assert.ok(a!.acquire(low, high, 2) >= 0);
  assert.equal(a!.acquire(wordsOf(2).low, wordsOf(2).high, 1) >= 0, true, 'another key is not concerned');
});

test('what a dead participant held is released, and only that', () => {
  const [a, b, c] = make(3);
  const { low, high } = wordsOf(1);
  for (let i = 0; i < 3; i += 1) a!.acquire(low, high, 10);
  b!.acquire(low, high, 10);
  assert.equal(c!.recover(0), 3);
  assert.equal(c!.recover(0), 0);
  assert.equal(b!.inFlight(low, high), 1);
  assert.equal(c!.stats().recovered, 3);
});

test('a release of what was not acquired is a broken programme', () => {
  const [a] = make(1);
  const { low, high } = wordsOf(1);
  const handle = a!.acquire(low, high, 1);
  a!.release(handle);
  assert.throws(() => a!.release(handle), /invariant broken/);
});

test('random acquires and releases of many keys agree with plain counts; keys with nothing in flight make room', () => {
  const anyStep = fc.record({ who: fc.nat(2), key: fc.nat(400), isRelease: fc.boolean(), at: fc.nat(1000) });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 300 }), (steps) => {
      const tables = make(3, 32_768);
      const counts = new Map<number, number>();
      const held: { readonly who: number; readonly key: number; readonly handle: number }[] = [];
      for (const { who, key, isRelease, at } of steps) {
        if (isRelease && held.length > 0) {
          const [given] = held.splice(at % held.length, 1);
          tables[given!.who]!.release(given!.handle);
          counts.set(given!.key, counts.get(given!.key)! - 1);
        } else {
          const { low, high } = wordsOf(key);
          const handle = tables[who]!.acquire(low, high, 3);
          const count = counts.get(key) ?? 0;
          assert.equal(handle >= 0, count < 3);
          if (handle < 0) continue;
          held.push({ who, key, handle });
          counts.set(key, count + 1);
        }
      }
      if (tables[0]!.stats().withoutCell > 0) return;
      for (const [key, count] of counts) assert.equal(tables[0]!.inFlight(wordsOf(key).low, wordsOf(key).high), count);
    }),
    { numRuns: 100 },
  );
});

test('a full table: keys with a cell go on as before, a flood of others is held to what sixteen keys may have', () => {
  const [a, b] = make(2);
  const real = wordsOf(-1);
  assert.equal(a!.inFlight(real.low, real.high), 0);
  const handle = a!.acquire(real.low, real.high, 5);
  let admitted = 0;
  for (let key = 0; key < 20_000; key += 1) if (b!.acquire(wordsOf(key).low, wordsOf(key).high, 5) >= 0) admitted += 1;
  const { cells, live, withoutCell } = a!.stats();
  assert.equal(live, cells, 'every cell has a key');
  assert.ok(withoutCell > 15_000);
  assert.ok(admitted <= cells + 16 * 5, `${admitted}`);
  assert.equal(a!.inFlight(real.low, real.high), 1);
  a!.release(handle);
});

test('one is overtaken at any step by another key that wants its idle cell, and by the mending of a dead one: it is let in, nothing stays counted', () => {
  for (const slots of [2, 4]) {
    const [K, J] = [100, 200];
    overtakeAtEveryStep({
      prepare: () => {
        const memory = layConcurrencyTable([1, slots, 4], SEED);
        const tables = [0, 1, 2].map((self) => new ConcurrencyTable(memory, self));
        tables[0]!.release(tables[0]!.acquire(1, K, 1));
        if (slots === 4) assert.ok(tables[2]!.acquire(1, K, 1) >= 0);
        return { a: tables[0]!, b: tables[1]!, other: NaN };
      },
      act: ({ a }) => a.acquire(1, K, 2),
      other: (world) => {
        world.b.recover(2);
        world.other = world.b.acquire(1, J, 1);
      },
      check: ({ a, b, other }, handle) => {
        assert.ok(handle >= 0);
        a.release(handle);
        // Refused only while the first has counted itself in the cell that it is about to lose.
        if (other >= 0) b.release(other);
        for (const key of [K, J]) {
          assert.equal(b.inFlight(1, key), 0);
          b.release(b.acquire(1, key, 1));
        }
      },
    });
  }
});
