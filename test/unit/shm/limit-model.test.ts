import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compileLimit, type RollingLimit, MIN_SLIDING_WINDOW_MS } from '../../../src/shm/rolling-limit.ts';
import { makeLimits, PlainBucket, PlainWindow, bucketOf, windowOf, wordsOf } from './limit-fixture.ts';

type Step = { readonly who: number; readonly what: 'take' | 'give' | 'charge' | 'sweep'; readonly afterMs: number; readonly cost: number };

const anyStep: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(1),
  what: fc.constantFrom('take' as const, 'take' as const, 'take' as const, 'give' as const, 'charge' as const, 'sweep' as const),
  afterMs: fc.oneof(fc.nat(50), fc.nat(20_000), fc.constant(0), fc.nat(400_000_000)),
  cost: fc.oneof(fc.constant(1), fc.nat(30)),
});
const anyWindowMs = fc.oneof(fc.integer({ min: MIN_SLIDING_WINDOW_MS, max: 5000 }), fc.constantFrom(60_000, 3_600_000, 86_400_000));
const anyAmount = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 100_000 }));

/** How near to a decision's edge the plain model's fractions may see it otherwise, in tokens. */
const NEAR = 1e-5;

function follow(limit: RollingLimit, steps: readonly Step[]): void {
  const tables = makeLimits(undefined, 2);
  const compiled = compileLimit(limit);
  const plain = limit.algorithm === 'sliding-window' ? new PlainWindow(limit) : new PlainBucket(limit);
  const leftAt = (nowMs: number): number => (plain instanceof PlainBucket ? plain.tokensAt(nowMs) : limit.amount - plain.countedAt(nowMs));
  const { low, high } = wordsOf(7);
  let nowMs = 1e6;
  for (const { who, what, afterMs, cost } of steps) {
    nowMs += afterMs;
    const table = tables[who]!;
    if (what === 'sweep') table.sweep(nowMs, 100_000);
    else if (what === 'take') {
      const left = leftAt(nowMs);
      // Too near to call, by rounding: not asked.
      if (cost > 0 && Math.abs(left - cost) < NEAR * Math.max(1, limit.burst) && Math.abs(left - limit.burst) > 0) continue;
      assert.equal(table.take(compiled, low, high, nowMs, cost, 0), plain.take(nowMs, cost), `${left} left, ${cost} wanted at ${nowMs}`);
    } else if (what === 'give') {
      table.give(compiled, low, high, nowMs, cost);
      plain.move(nowMs, -cost);
    } else {
      table.charge(compiled, low, high, nowMs, cost);
      plain.move(nowMs, cost);
    }
    table.peek(compiled, low, high, nowMs);
    const left = leftAt(nowMs);
    const slack = NEAR * Math.max(1, limit.burst);
    assert.ok(Math.abs(Math.max(0, Math.floor(left)) - table.remaining) <= slack + 1, `${left} left, not ${table.remaining}`);
  }
}

test('a token bucket decides as one in a textbook, whatever is taken, given back, charged and swept', () => {
  fc.assert(
    fc.property(anyAmount, anyWindowMs, anyAmount, fc.array(anyStep, { maxLength: 60 }), (amount, windowMs, burst, steps) => {
      follow(bucketOf(amount, windowMs, burst), steps);
    }),
    { numRuns: 150 },
  );
});

test('a sliding window decides as one of two plain counts', () => {
  fc.assert(
    fc.property(anyAmount, anyWindowMs, fc.array(anyStep, { maxLength: 60 }), (amount, windowMs, steps) => {
      follow(windowOf(amount, windowMs), steps);
    }),
    { numRuns: 150 },
  );
});

test('no more is admitted than the bucket and what flows in, and hardly less, at any rate', () => {
  const rates = [
    bucketOf(100, 3_600_000),
    bucketOf(1000, 1000, 1),
    bucketOf(1, 1000, 5),
    bucketOf(1e6, 1000, 1000),
    bucketOf(7, 86_400_000, 3),
    bucketOf(3, 2.6e9),
  ];
  for (const limit of rates) {
    const [table] = makeLimits();
    const compiled = compileLimit(limit);
    const { low, high } = wordsOf(1);
    const startMs = 123_456_789.125;
    const stepMs = limit.windowMs / limit.amount / 3.7;
    let admitted = 0;
    for (let step = 0; step < 40_000; step += 1) {
      const nowMs = startMs + step * stepMs;
      while (table!.take(compiled, low, high, nowMs, 1, 0)) admitted += 1;
      const most = limit.burst + ((nowMs - startMs) * limit.amount) / limit.windowMs;
      assert.ok(admitted <= most + limit.burst / 2 ** 26, `${admitted} of ${most}`);
      // A bucket of one runs over between two tries.
      if (limit.burst > 1) assert.ok(admitted >= Math.floor(most * 0.999) - 1, `${admitted} of ${most}`);
    }
  }
});
