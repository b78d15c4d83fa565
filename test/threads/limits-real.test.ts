import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hammerLimits } from './limits-hammering.ts';

/** Short forms of `npm run prove-limits`. */

test('four threads on one key: no more than the bucket and what flowed in, and 99.9 % of that', async () => {
  // So few that they are used up on the busiest machine too.
  const limit = { algorithm: 'token-bucket', amount: 4000, windowMs: 1000, burst: 8000 } as const;
  const report = await hammerLimits({
    threads: 4,
    ms: 600,
    minTakes: 100_000,
    bytes: 2 ** 18,
    limit,
    keys: 1,
    watched: 1,
    oneIn: 1,
    deaths: 0,
    seed: 1,
  });
  assert.deepEqual(report.faults, []);
  assert.ok(report.takes > report.admitted * 2, `${report.takes} takes, ${report.admitted} admitted`);
});

test('three threads on many keys while one after the other dies: the limits of each hold, nothing is left in flight', async () => {
  const limit = { algorithm: 'token-bucket', amount: 100, windowMs: 1000, burst: 200 } as const;
  const report = await hammerLimits({
    threads: 3,
    ms: 400,
    bytes: 2 ** 20,
    limit,
    keys: 10_000,
    watched: 20,
    oneIn: 4,
    deaths: 3,
    seed: 2,
  });
  assert.deepEqual(report.faults, []);
  assert.equal(report.deaths, 3);
});

test('a flood of one-time keys over a full table leaves the limits of those that were there first as they are', async () => {
  const limit = { algorithm: 'token-bucket', amount: 500, windowMs: 1000, burst: 500 } as const;
  const flood = { algorithm: 'token-bucket', amount: 100, windowMs: 3_600_000, burst: 100 } as const;
  const flooded = await hammerLimits({
    threads: 2,
    ms: 300,
    minTakes: 100_000,
    bytes: 2 ** 18,
    limit,
    keys: 11,
    watched: 10,
    oneIn: 4,
    flood,
    deaths: 0,
    seed: 3,
  });
  assert.deepEqual(flooded.faults, []);
  assert.ok(flooded.stats.withoutCell > 10_000, `${flooded.stats.withoutCell} found no cell`);
  assert.ok(flooded.floodAdmitted < flooded.stats.cells + 20 * 100, `${flooded.floodAdmitted} of the flood were admitted`);
});
