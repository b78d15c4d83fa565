import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedHash } from '../../../src/shm/keyed-hash.ts';
import { createLimitTable, DEFAULT_LIMIT_BYTES, LIMIT_CELL, LimitMemory, layLimitTable } from '../../../src/shm/limit-memory.ts';
import { STATE } from '../../../src/shm/key-cells.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { bucketUnits, COARSE_MS, compileLimit, MAX_AHEAD, MIN_SLIDING_WINDOW_MS } from '../../../src/shm/rolling-limit.ts';
import { bucketOf, makeLimits, windowOf, wordsOf } from './limit-fixture.ts';
import { SEED } from './store-fixture.ts';

const NOW_MS = 987_654_321.5;
const HOUR_MS = 3_600_000;

test('a whole burst is there at once, and after what waitMs says one more', () => {
  for (const limit of [
    bucketOf(100, HOUR_MS),
    bucketOf(1, 1000, 1),
    bucketOf(7, 1000, 3),
    bucketOf(1e6, 1000, 50_000),
    windowOf(100, HOUR_MS),
    windowOf(3, 1000),
  ]) {
    const [table] = makeLimits();
    const compiled = compileLimit(limit);
    const { low, high } = wordsOf(1);
    let admitted = 0;
    while (table!.take(compiled, low, high, NOW_MS, 1, 0)) admitted += 1;
    assert.equal(admitted, compiled.tokens);
    assert.equal(table!.remaining, 0);
    const { waitMs } = table!;
    assert.ok(waitMs > 0 && waitMs <= 2 * limit.windowMs, `${waitMs}`);
    assert.ok(!table!.take(compiled, low, high, NOW_MS + waitMs * 0.99 - 0.01, 1, 0));
    assert.ok(table!.take(compiled, low, high, NOW_MS + waitMs + 0.001, 1, 0), `${JSON.stringify(limit)}: after ${waitMs} ms`);
    table!.peek(compiled, low, high, NOW_MS + waitMs + table!.resetMs + 0.01);
    assert.equal(table!.remaining, compiled.tokens, 'after what resetMs says it is full');
  }
});

test('a throttled request waits its turn, and one that would wait too long is refused', () => {
  const [table] = makeLimits();
  const limit = compileLimit(bucketOf(10, 1000, 1));
  const { low, high } = wordsOf(1);
  const waits: number[] = [];
  while (table!.take(limit, low, high, NOW_MS, 1, 2000)) waits.push(Math.round(table!.waitMs));
  assert.deepEqual(
    waits,
    Array.from({ length: 21 }, (_, turn) => turn * 100),
  );
  assert.equal(Math.round(table!.waitMs), 2100, 'until it would pass without a delay');
  assert.ok(!table!.take(limit, low, high, NOW_MS + 50, 1, 2000));
  assert.ok(table!.take(limit, low, high, NOW_MS + 101, 1, 2000));
});

test('a long delay ends where 32 bits of time end, and no request is let in for nothing', () => {
  const [table] = makeLimits();
  const limit = compileLimit(bucketOf(1, 1000, 1));
  const { low, high } = wordsOf(1);
  let admitted = 0;
  while (admitted < 10_000 && table!.take(limit, low, high, NOW_MS, 1, 1e12)) admitted += 1;
  assert.equal(admitted, Math.floor(MAX_AHEAD / bucketUnits(limit, 1)));
  assert.ok(admitted >= 12);
});

test('a request that costs more than there ever is is refused, and nothing is taken', () => {
  const [table] = makeLimits();
  const { low, high } = wordsOf(1);
  for (const limit of [compileLimit(bucketOf(10, 1000)), compileLimit(windowOf(10, 1000))]) {
    assert.ok(!table!.take(limit, low, high, NOW_MS, 11, 0));
    assert.equal(table!.remaining, 10);
    assert.ok(Number.isFinite(table!.waitMs));
    table!.reset(limit, low, high);
  }
});

test('a debt is bounded by the bucket, and paid back by time', () => {
  const [table] = makeLimits();
  const limit = compileLimit(bucketOf(10, 1000));
  const { low, high } = wordsOf(1);
  table!.charge(limit, low, high, NOW_MS, 1e6);
  assert.equal(table!.remaining, 0);
  assert.equal(Math.round(table!.resetMs), 2000);
  assert.ok(!table!.take(limit, low, high, NOW_MS + 1000, 1, 0));
  assert.ok(table!.take(limit, low, high, NOW_MS + 1101, 1, 0));
});

test('a late clock sees what others have taken, and gets nothing that is not there', () => {
  const [early, late] = makeLimits(undefined, 2);
  for (const limit of [compileLimit(bucketOf(10, 1000)), compileLimit(windowOf(10, 1000))]) {
    const { low, high } = wordsOf(limit.isWindow ? 1 : 2);
    for (let i = 0; i < 10; i += 1) assert.ok(early!.take(limit, low, high, NOW_MS, 1, 0));
    for (const lateMs of [1, 50, 999, 5000]) assert.ok(!late!.take(limit, low, high, NOW_MS - lateMs, 1, 0), `${lateMs} ms late`);
  }
});

test('a clock that is late by any time gets nothing that is not there, and gives nothing back to those that are on time', () => {
  for (const lateMs of [1650, 3200, 20_000, 24_000, 40_000, 66_000, 70_000, 1e6]) {
    for (const limit of [compileLimit(bucketOf(100, 1000)), compileLimit(windowOf(100, 1000)), compileLimit(windowOf(100, 100))]) {
      const [onTime, late] = makeLimits(undefined, 2);
      const { low, high } = wordsOf(1);
      while (onTime!.take(limit, low, high, NOW_MS, 1, 0));
      let admitted = 0;
      while (admitted < 1000 && late!.take(limit, low, high, NOW_MS - lateMs, 1, 0)) admitted += 1;
      while (admitted < 1000 && onTime!.take(limit, low, high, NOW_MS, 1, 0)) admitted += 1;
      assert.equal(admitted, 0, `${limit.isWindow ? 'window' : 'bucket'} of ${limit.windowMs} ms, late by ${lateMs}`);
    }
  }
});

test('a short sliding window that has idled is empty, however many windows ago it was used', () => {
  const limit = compileLimit(windowOf(5, MIN_SLIDING_WINDOW_MS));
  const [table] = makeLimits();
  for (let step = 0; step < 2000; step += 1) {
    const { low, high } = wordsOf(step);
    const usedMs = NOW_MS + 90 + (step % 100);
    const idleMs = 2 * MIN_SLIDING_WINDOW_MS + ((step * 7) % 1000);
    // The first makes the cell; the others keep it for longer.
    table!.take(limit, low, high, NOW_MS, 1, 0);
    while (table!.take(limit, low, high, usedMs, 1, 0));
    table!.peek(limit, low, high, usedMs + idleMs);
    assert.equal(table!.remaining, 5, `after ${idleMs} ms`);
  }
});

for (const ageMs of [1, 100, 60_000, 86_400_000, 40 * 86_400_000, 2 * 365 * 86_400_000]) {
  test(`a key that has idled for ${ageMs} ms beyond its reset has a full bucket, whatever 32 bits of time say, without a sweep`, () => {
    const [table] = makeLimits();
    for (const [key, limit] of [
      bucketOf(5, 1000),
      bucketOf(1e6, 1000),
      bucketOf(100, HOUR_MS),
      bucketOf(1, 2.6e9),
      windowOf(5, 1000),
      windowOf(5, MIN_SLIDING_WINDOW_MS),
    ].entries()) {
      const compiled = compileLimit(limit);
      const { low, high } = wordsOf(key);
      for (let shift = 0; shift < 64; shift += 1) {
        const nowMs = NOW_MS + shift * ageMs * 1.37;
        table!.reset(compiled, low, high);
        table!.charge(compiled, low, high, nowMs, limit.burst);
        const laterMs = nowMs + table!.resetMs + ageMs;
        table!.peek(compiled, low, high, laterMs);
        assert.equal(table!.remaining, compiled.tokens);
        assert.ok(table!.take(compiled, low, high, laterMs, compiled.tokens, 0), `${JSON.stringify(limit)}, ${shift}`);
        assert.ok(!table!.take(compiled, low, high, laterMs, 1, 0));
      }
    }
  });
}

test('units of host time wrap: a table goes on over it', () => {
  const [table] = makeLimits();
  const limit = compileLimit(bucketOf(5, 1000));
  const { low, high } = wordsOf(1);
  const wrapMs = 2 ** 31 * COARSE_MS;
  for (let step = -50; step < 50; step += 1) {
    const nowMs = wrapMs + step * 1000;
    for (let i = 0; i < 5; i += 1) assert.ok(table!.take(limit, low, high, nowMs, 1, 0));
    assert.ok(!table!.take(limit, low, high, nowMs, 1, 0));
  }
});

test('the sweep frees idle keys in steps, and no other', () => {
  const [table] = makeLimits();
  const limit = compileLimit(bucketOf(100, HOUR_MS));
  const slow = compileLimit(bucketOf(100, 100 * HOUR_MS));
  for (let key = 0; key < 1000; key += 1) table!.take(limit, wordsOf(key).low, wordsOf(key).high, NOW_MS, 1, 0);
  for (let key = 1000; key < 1100; key += 1) table!.take(slow, wordsOf(key).low, wordsOf(key).high, NOW_MS, 1, 0);
  assert.equal(table!.stats().live, 1100);
  assert.equal(table!.sweep(NOW_MS + 30_000, 100_000), 0);
  let freed = 0;
  for (let step = 0; step < 130; step += 1) freed += table!.sweep(NOW_MS + 60_000, 100);
  assert.equal(freed, 1000);
  assert.deepEqual([table!.stats().live, table!.stats().reclaimed], [100, 1000]);
  table!.peek(slow, wordsOf(1001).low, wordsOf(1001).high, NOW_MS + 60_000);
  assert.equal(table!.remaining, 99);
});

test('a full table: keys in use keep their cells, idle ones make room, others share sixteen cells of their limit', () => {
  const [table] = makeLimits();
  const limit = compileLimit(bucketOf(10, HOUR_MS));
  const other = compileLimit(bucketOf(10, 2 * HOUR_MS));
  const { cells } = table!.stats();
  let admitted = 0;
  for (let key = 0; key < 3 * cells; key += 1) if (table!.take(limit, wordsOf(key).low, wordsOf(key).high, NOW_MS, 1, 0)) admitted += 1;
  assert.equal(admitted, cells + 16 * 10);
  assert.equal(table!.stats().withoutCell, 2 * cells);
  const late = wordsOf(3 * cells + 1);
  assert.ok(table!.take(other, late.low, late.high, NOW_MS, 1, 0), 'the sixteen cells are of one limit');
  table!.take(limit, wordsOf(0).low, wordsOf(0).high, NOW_MS, 1, 0);
  assert.equal(table!.remaining, 8, 'the first key has its cell');
  const muchLaterMs = NOW_MS + 2 * HOUR_MS;
  assert.ok(table!.take(limit, late.low, late.high, muchLaterMs, 10, 0), 'an idle cell is found');
  assert.equal(table!.stats().evicted, 1);
});

test('a million keys have a cell each in 32 MiB', () => {
  const memory = createLimitTable({ bytes: DEFAULT_LIMIT_BYTES, seed: SEED });
  assert.ok(memory.byteLength <= DEFAULT_LIMIT_BYTES);
  const table = new LimitTable(memory, 0);
  const hash = new KeyedHash(SEED);
  const limit = compileLimit(bucketOf(10, HOUR_MS));
  for (let key = 0; key < 1_000_000; key += 1) {
    hash.hash(`ip\0${key}`);
    table.take(limit, hash.low, hash.high, NOW_MS, 1, 0);
  }
  const { live, withoutCell } = table.stats();
  assert.equal(withoutCell, 0);
  // One in some ten thousand million pairs of keys shares a fingerprint.
  assert.ok(live >= 999_990, `${live}`);
});

test('what a dead thread was about to make is mended; another thread that needs it first says that it is live', () => {
  const [table] = makeLimits(undefined, 2);
  const { cells, slots } = new LimitMemory(table!.memory);
  const limit = compileLimit(bucketOf(10, HOUR_MS));
  const { low, high } = wordsOf(1);
  table!.take(limit, low, high, NOW_MS, 3, 0);
  const at = cells.findIndex((word, index) => word === high && index % LIMIT_CELL.WORDS === 0);
  assert.ok(at > 0 && (at / LIMIT_CELL.WORDS) % slots !== 0);
  // As participant 5 leaves it between publishing and BLANK: READY (6), number 1.
  cells[at + STATE] = (1 << 11) | (6 << 3) | 6;
  assert.equal(table!.recover(4), 0);
  assert.ok(table!.take(limit, low, high, NOW_MS, 10, 0));
  assert.equal(table!.stats().live, 1);
  // And in the middle of its claim: CLAIMED (4).
  cells[at + STATE] = (1 << 11) | (6 << 3) | 4;
  assert.equal(table!.recover(5), 1);
  assert.equal(cells[at + STATE], 0);
  assert.equal(table!.stats().recovered, 1);
});

test('where limits of too many kinds overflow at once the last ones refuse, and charge nobody', () => {
  const table = new LimitTable(layLimitTable(1, 2, SEED), 0);
  const first = compileLimit(bucketOf(1, HOUR_MS));
  assert.ok(table.take(first, 1, 1, NOW_MS, 1, 0), 'it has the only cell');
  let refused = 0;
  for (let kind = 2; kind < 350; kind += 1) {
    const limits = [compileLimit(bucketOf(kind, HOUR_MS)), compileLimit(windowOf(kind, HOUR_MS))];
    for (let set = 0; set < 16; set += 1) {
      for (const limit of limits) {
        table.charge(limit, set, 7, NOW_MS, 1);
        if (!table.take(limit, set, 7, NOW_MS, 1, 0)) refused += 1;
      }
    }
  }
  assert.ok(refused > 0 && refused < 8000, `${refused}`);
  table.charge(first, 1, 1, NOW_MS + HOUR_MS, 1);
  assert.equal(table.remaining, 0, 'who has a cell is charged there');
});

test('a window without a cell is decided upon by one that such keys share', () => {
  const table = new LimitTable(layLimitTable(1, 2, SEED), 0);
  const limit = compileLimit(windowOf(2, HOUR_MS));
  assert.ok(table.take(limit, 1, 1, NOW_MS, 1, 0));
  assert.deepEqual(
    [2, 3, 4].map((key) => table.take(limit, 1, key, NOW_MS, 1, 0)),
    [true, true, false],
  );
  assert.equal(table.stats().withoutCell, 3);
});

test('a limit and a set that would make no key of a shared cell have one', () => {
  const table = new LimitTable(layLimitTable(1, 2, SEED), 0);
  const limit = { ...compileLimit(bucketOf(1, HOUR_MS)), salt: 5 };
  assert.ok(table.take(limit, 5, 1, NOW_MS, 1, 0));
  assert.ok(table.take(limit, 5, 2, NOW_MS, 1, 0));
  assert.ok(!table.take(limit, 5, 3, NOW_MS, 1, 0));
});

test('a key whose fingerprint is 0 has a cell, and leaves one that does not hide those behind it', () => {
  const table = new LimitTable(layLimitTable(1, 8, SEED), 0);
  const limit = compileLimit(bucketOf(10, HOUR_MS));
  for (const high of [0, 1, 2]) assert.ok(table.take(limit, 1, high, NOW_MS, 10, 0));
  for (const high of [0, 1, 2]) assert.ok(!table.take(limit, 1, high, NOW_MS, 1, 0));
  for (const high of [1, 2]) table.charge(limit, 1, high, NOW_MS, 10);
  assert.equal(table.sweep(NOW_MS + 1.5 * HOUR_MS, 8), 1);
  for (const high of [1, 2]) assert.ok(!table.take(limit, 1, high, NOW_MS + 1.5 * HOUR_MS, 10, 0), `${high} is found`);
  assert.ok(table.take(limit, 1, 0, NOW_MS + 1.5 * HOUR_MS, 10, 0));
});

test('what is left of the window before is back when it counts no more', () => {
  const [table] = makeLimits();
  const limit = compileLimit(windowOf(10, HOUR_MS));
  const { low, high } = wordsOf(1);
  const beginMs = Math.ceil(NOW_MS / HOUR_MS) * HOUR_MS;
  table!.take(limit, low, high, beginMs - 1, 10, 0);
  table!.peek(limit, low, high, beginMs + HOUR_MS / 4);
  assert.equal(table!.resetMs, 0.75 * HOUR_MS);
  assert.equal(table!.remaining, 2);
});

test('a limit of more tokens than time can be cut for counts each as more than it is; no limit is without a salt', () => {
  const fast = compileLimit(bucketOf(1e9, 1000, 1e6));
  assert.ok(fast.unitsPerToken < 2 && fast.unitsOfOne === 2);
  const [table] = makeLimits();
  let admitted = 0;
  while (table!.take(fast, 1, 1, NOW_MS, 100, 0)) admitted += 100;
  assert.ok(admitted <= 1e6 && admitted > 0.8e6, `${admitted}`);
  // Its numbers come to 0 in the hash.
  assert.equal(compileLimit(bucketOf(561, 1000, 11_792_440)).salt, 1);
});

test('limits out of bounds are refused', () => {
  for (const limit of [
    bucketOf(0, 1000),
    bucketOf(1, 0),
    bucketOf(1, 1000, 0),
    bucketOf(2e9, 1000),
    bucketOf(1, 4e9),
    windowOf(1, MIN_SLIDING_WINDOW_MS - 1),
    bucketOf(Number.NaN, 1),
  ]) {
    assert.throws(() => compileLimit(limit), /invariant broken/);
  }
});
