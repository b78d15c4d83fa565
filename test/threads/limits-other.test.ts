import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('what is in flight, and quotas, in every order of steps', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/limits-other.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  const TWO = [
    'in flight: two want the last place',
    'in flight: two make the cell',
    'in flight: one comes while its idle cell goes to another key',
    'a quota: two take the last',
    'a quota: two begin the window',
    'a quota: two make the cell',
    'a quota: what changes while it is visited is visited again',
    'a quota: an old cell goes to another key as its own begins a new window',
  ];
  for (const name of TWO) {
    test(`${name}, at most two preemptions, and in 50 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 2 });
      assert.ok(runs > 50, `${runs}`);
      await rig.sample(name, 50);
    });
  }

  const THREE = ['in flight: three want two places', 'in flight: an idle cell goes to another key, or its own key comes back'];
  for (const name of THREE) {
    test(`${name}, at most one preemption, and in 150 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 50, `${runs}`);
      await rig.sample(name, 150);
    });
  }

  for (const name of ['in flight: one dies, one holds', 'a quota: one dies, what it used is seen']) {
    test(`${name}: the first dies at any step, at most one preemption`, async () => {
      const { kills } = await rig.exploreKills(name, 0, { maxPreemptions: 1 });
      assert.ok(kills > 50, `${kills}`);
    });
  }
});
