import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillStore } from './store-filling.ts';
import { hammerStore } from './store-hammering.ts';

/** Short forms of `npm run prove-store`. */

test('three threads work and die, 100 times at a random step and 4 by terminate(): nothing torn, lost or left', async () => {
  const report = await hammerStore({ injectedKills: 100, terminations: 4, storeBytes: 2 ** 20, seed: 7 });
  assert.deepEqual(report.torn, []);
  assert.deepEqual(report.faults, []);
  assert.equal(report.locksLeft, 0);
  assert.equal(report.bytesLost, 0);
  assert.ok(report.left.locks > 0, 'some died with the lock');
  assert.ok(report.left.fills > 0, 'some died in a fill');
  assert.ok(report.hits > 100 && report.evictions > 100, `${report.hits} hits, ${report.evictions} evictions`);
});

test('20 000 inserts of random sizes never pass the limit, and nothing is lost when all has expired', () => {
  const report = fillStore({ inserts: 20_000, storeBytes: 4 * 2 ** 20, maxBodyBytes: 200_000, keys: 5_000, seed: 3, checkEvery: 1_000 });
  assert.deepEqual(report.faults, []);
  assert.equal(report.bytesLost, 0);
  assert.ok(report.evictions > 1_000, `${report.evictions}`);
  assert.ok(report.highestPayloadBytes <= report.arenaBytes && report.segmentBytes <= 4 * 2 ** 20);
});
