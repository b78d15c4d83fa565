import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BUCKETS, boundOf, bucketOf, HISTOGRAM_CELLS, LAST_BOUND_MS, observeInto } from '../../../src/observe/histogram.ts';
import { timesIn } from '../../harness/times-in.ts';

test('bounds grow from 100 µs to 104.8576 s, by a quarter at most', () => {
  assert.equal(boundOf(0), 0.1);
  assert.equal(boundOf(1), 0.125);
  assert.equal(boundOf(BUCKETS - 2), LAST_BOUND_MS);
  assert.equal(LAST_BOUND_MS, 104_857.6);
  assert.equal(boundOf(BUCKETS - 1), Number.POSITIVE_INFINITY);
  for (let bucket = 1; bucket < BUCKETS - 1; bucket += 1) {
    const growth = boundOf(bucket) / boundOf(bucket - 1);
    assert.ok(growth > 1.1 && growth <= 1.25 + 1e-9, `bucket ${bucket} grows by ${growth}`);
  }
});

test('a time lands in the bucket whose bounds hold it', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 2e5, noNaN: true }), (ms) => {
      const bucket = bucketOf(ms);
      assert.ok(ms <= boundOf(bucket));
      if (bucket > 0) assert.ok(ms > boundOf(bucket - 1) * (1 - 1e-12));
    }),
  );
});

test('a bucket holds its own upper bound', () => {
  for (let bucket = 0; bucket < BUCKETS - 1; bucket += 1) assert.equal(bucketOf(boundOf(bucket)), bucket);
});

test('times that no clock should give are counted and leave the sum alone', () => {
  const cells = new Float64Array(HISTOGRAM_CELLS);
  for (const ms of [Number.NaN, -5, 0, Number.NEGATIVE_INFINITY]) observeInto(cells, 0, ms);
  assert.equal(cells[0], 0);
  assert.equal(timesIn(cells, 0), 4);
  assert.equal(bucketOf(Number.POSITIVE_INFINITY), BUCKETS - 1);
});
