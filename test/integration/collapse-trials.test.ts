import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCollapseTrials } from './collapse-trials.ts';
import { FAULTS } from './trial-plan.ts';

test('whatever goes wrong with the one request to the origin, followers have a whole answer or an honest abort', async () => {
  const { counts, faults } = await runCollapseTrials({ trials: 20, seed: 7 });
  assert.deepEqual(faults, []);
  for (const fault of FAULTS)
    assert.ok(counts[fault].trials === 5 && counts[fault].whole > 0, `${fault}: ${JSON.stringify(counts[fault])}`);
});
