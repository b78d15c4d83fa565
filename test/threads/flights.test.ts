import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('flights, in every order of steps: never two leaders of a key, no wake-up lost, everybody served', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/flights.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  const SMALL = [
    'two enter',
    'two enter after a flight has ended',
    'two enter across the wraps',
    'two enter as a mark has ended',
    'one fails, the other goes on',
    'both fail',
    'one may not be shared',
    'one abandons',
  ];
  for (const name of SMALL) {
    test(`${name}, at most two preemptions`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 2 });
      assert.ok(runs > 300, `${runs}`);
    });
  }

  const LARGE = [
    'two enter a full bucket of ended flights',
    'two keys, one place',
    'one makes room for another key while the next flight of its own begins',
    'a mark makes room while another enters',
    'a mark is forgotten while two enter',
  ];
  for (const name of LARGE) {
    test(`${name}, at most one preemption, and in 300 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 20, `${runs}`);
      await rig.sample(name, 300);
    });
  }

  const THREE = [
    'three enter',
    'two for one place, one more for the other key',
    'one fails, two go on',
    'one fails in mid-body, two go on',
    'one may not be shared, two wait',
  ];
  for (const name of THREE) {
    test(`${name}, at most one preemption, and in 200 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 100, `${runs}`);
      await rig.sample(name, 200);
    });
  }
});

describe('flights and death, at every step: a follower goes on, nothing is left behind', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/flights.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  const DEATHS = [
    'a leader dies, one follows, a third mends',
    'one that fails dies, one follows, a third mends',
    'one that releases dies, one follows, a third mends',
    'one that goes on for a failed one dies, one waits, a third mends',
  ];
  for (const name of DEATHS) {
    test(`${name}, at most one preemption`, async () => {
      const { kills } = await rig.exploreKills(name, 0, { maxPreemptions: 1 });
      assert.ok(kills > 100, `${kills}`);
    });
  }

  // With one preemption it takes ten seconds; `npm run prove-store` does that.
  test('one that makes room dies, one enters, a third mends, without preemptions', async () => {
    const { kills } = await rig.exploreKills('one that makes room dies, one enters, a third mends', 0, { maxPreemptions: 0 });
    assert.ok(kills > 50, `${kills}`);
  });
});
