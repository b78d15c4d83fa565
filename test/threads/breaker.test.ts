import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('a circuit breaker, in every order of steps: one probe at a time, and no outcome of another', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/breaker.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  const ALL = [
    'two ask, the probe fails',
    'two ask, one probe is enough',
    'two ask, two probes are wanted',
    'one succeeds, one fails, two probes are wanted',
    'a lease ends, another probe begins, the first one is heard of',
    'two fail as often as it takes',
    'one fails twice, one succeeds',
    'a probe succeeds while others that passed before fail',
  ];
  for (const name of ALL) {
    test(name, async () => {
      const { runs } = await rig.explore(name);
      assert.ok(runs > 10, `${runs}`);
    });
  }

  const BOUNDED = [
    'three ask, the probe fails',
    'two ask twice, each leaves',
    'two ask as it is made ready',
    'a lease ends while its probe ends and another asks',
    'three fail twice each',
    'two fail, one that asks, and the keeper opens',
    'one that is never heard of again',
  ];
  for (const name of BOUNDED) {
    test(`${name}, at most two preemptions, and in 100 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 2 });
      assert.ok(runs > 10, `${runs}`);
      await rig.sample(name, 100);
    });
  }

  for (const name of ['the prober dies, one mends, one asks', 'who fails dies, another fails']) {
    test(`${name}: a death at every step`, async () => {
      const { kills } = await rig.exploreKills(name, 0);
      assert.ok(kills >= 5, `${kills}`);
    });
  }
});
