import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('an object is read while it fills, in every order of steps', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/flights-filling.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  const TWO = [
    'one fills, one reads',
    'one gives up, one reads',
    'one fills what is dropped at once, one reads',
    'one fills what is updated at once, one reads',
  ];
  for (const name of TWO) {
    test(`${name}, at most one preemption, and in 200 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 50, `${runs}`);
      await rig.sample(name, 200);
    });
  }

  const THREE = [
    'one fills, two read',
    'one gives up, one reads, one takes all room',
    'one fills what is dropped at once, one reads, one takes all room',
  ];
  for (const name of THREE) {
    test(`${name}, at most one preemption, and in 200 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 100, `${runs}`);
      await rig.sample(name, 200);
    });
  }

  // The first one with a preemption more has 6621 deaths and took half a minute: all good.
  const DEATHS = [
    { name: 'a filler dies, one reads, a third mends', maxPreemptions: 0 },
    { name: 'one that gives up dies, one reads, a third mends', maxPreemptions: 1 },
    { name: 'a reader dies, one fills, a third mends', maxPreemptions: 1 },
  ];
  for (const { name, maxPreemptions } of DEATHS) {
    test(`${name}, at each of its steps, with ${maxPreemptions} preemptions at most`, async () => {
      const { kills } = await rig.exploreKills(name, 0, { maxPreemptions });
      assert.ok(kills > 100, `${kills}`);
    });
  }
});
