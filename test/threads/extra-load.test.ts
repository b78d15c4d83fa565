import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('extra load, in every order of steps: no more than is allowed', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/extra-load.ts', import.meta.url), 3, new URL('../../src/upstream/', import.meta.url));
  });
  after(() => rig.close());

  test('two take the last, at most two preemptions', async () => {
    const { runs } = await rig.explore('two take the last', { maxPreemptions: 2 });
    assert.ok(runs > 100, `${runs}`);
  });

  test('two take until nothing is allowed, at most three preemptions, and in 300 random orders', async () => {
    const { runs } = await rig.explore('two take until nothing is allowed', { maxPreemptions: 3 });
    assert.ok(runs > 100, `${runs}`);
    await rig.sample('two take until nothing is allowed', 300);
  });
});
