import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('invalidation epochs against fills', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/epochs.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  for (const name of ['a fill, a hard bump', 'one who remembers, a hard bump', 'one who remembers, a soft bump of everything']) {
    test(`${name}: every order`, async () => {
      const { runs } = await rig.explore(name);
      assert.ok(runs > 10, `${runs}`);
    });
  }

  for (const name of [
    'a fill, a soft bump',
    'a fill, a bump of everything',
    'a fill, a soft bump of everything',
    'bumps around a fill, a bump',
    'a fill, two hard bumps',
    'a fill, a soft and a hard bump',
    'a fill, a bump of everything and one of a name',
    'one who remembers, two bumps',
  ]) {
    test(`${name}: at most one preemption, and 200 at random`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 10, `${runs}`);
      await rig.sample(name, 200);
    });
  }

  test('a bump that dies at any step, at most two preemptions: later ones hold', async () => {
    const { kills } = await rig.exploreKills('a bump dies, another is made', 0, { maxPreemptions: 2 });
    assert.ok(kills > 10, `${kills}`);
  });
});
