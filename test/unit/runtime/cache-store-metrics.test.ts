import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import { type CacheStats, slotsFor } from '../../../src/runtime/cache-memory.ts';
import { CacheStoreMetrics } from '../../../src/runtime/cache-store-metrics.ts';

function stats(storeId: number, count: number): CacheStats {
  return {
    storeId,
    limitBytes: 1000,
    objects: count,
    maxObjects: 100,
    payloadBytes: count * 10,
    arenaBytes: 900,
    freeBytes: 900 - count * 10,
    largestFreeBytes: 800,
    fillingBytes: 0,
    evictions: count,
    dooms: 0,
    fills: count * 2,
    failedFills: { tooLarge: 0, noRoom: count, lockTimeout: 0, aborted: 1 },
    lockTimeouts: 0,
    recoveries: 0,
  };
}

test('counts go on when another store takes the place of the first, and gauges are those of the store that is', () => {
  const registry = new MetricRegistry();
  const { slots } = registry.plan({ listeners: [], upstreams: [], routes: [] });
  const block = new Float64Array(registry.usedCells);
  const writer = new MetricsWriter(block, { slots });
  const metrics = new CacheStoreMetrics();
  const evicted = () => block[writer.slot('sluice_cache_evicted_total', {})];
  const noRoom = () => block[writer.slot('sluice_cache_failed_fills_total', { reason: 'no-room' })];
  const objects = () => block[writer.slot('sluice_cache_objects', {})];
  metrics.write(writer, stats(1, 5));
  metrics.write(writer, stats(1, 7));
  assert.deepEqual([evicted(), noRoom(), objects()], [7, 7, 7]);
  metrics.write(writer, stats(2, 1));
  assert.deepEqual([evicted(), noRoom(), objects()], [8, 8, 1]);
  metrics.write(writer, undefined);
  assert.deepEqual([evicted(), noRoom(), objects()], [8, 8, 0]);
  metrics.write(writer, stats(3, 2));
  assert.deepEqual([evicted(), noRoom(), objects()], [10, 10, 2]);
});

test('there are slots for successors, and no more than the store has bits for', () => {
  for (const [workers, slots] of [
    [1, 2],
    [63, 126],
    [64, 126],
    [100, 126],
    [101, 202],
  ] as const)
    assert.equal(slotsFor(workers), slots, String(workers));
});
