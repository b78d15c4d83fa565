import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCollapseTrials } from './collapse-trials.ts';
import { FAULTS } from './trial-plan.ts';

test('whatever goes wrong with the one request to the origin, followers have a whole answer or an honest abort', async () => {
  const { counts, faults } = await runCollapseTrials({ trials: 20, seed: 7 });
  assert.deepEqual(faults, []);
  for (const fault of FAULTS) assert.equal(counts[fault].trials, 5, fault);
  // An origin that is gone may be away for too long; where it stays, somebody gets the whole.
  assert.ok(FAULTS.some((fault) => counts[fault].whole > 0));
});
