import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('an object that is read while it fills', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/store-follow.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  for (const name of [
    'a fill, one who follows',
    'a fill that is given up, one who follows',
    'a fill that is dropped and another in its place, one who follows',
  ]) {
    test(`${name}: every order with at most one preemption, and 200 at random`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 20, `${runs}`);
      await rig.sample(name, 200);
    });
  }

  test('a fill, two who follow: at most one preemption, and 200 at random', async () => {
    await rig.explore('a fill, two who follow', { maxPreemptions: 1 });
    await rig.sample('a fill, two who follow', 200);
  });

  test('a filler dies at any step, one follows, one mends: without preemptions', async () => {
    const { kills } = await rig.exploreKills('a filler dies, one follows, one mends', 0, { maxPreemptions: 0 });
    assert.ok(kills > 50, `${kills}`);
  });
});
