import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('limits, in every order of steps: no charge is lost, no key has two cells', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/limits.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  const SMALL = [
    'two take the last token',
    'two take of an idle cell',
    'two take of a cell that has wrapped to ahead',
    'two take of a cell that has wrapped to behind',
    'a window: two take the last',
  ];
  for (const name of SMALL) {
    test(`${name}, at most three preemptions`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 3 });
      assert.ok(runs > 100, `${runs}`);
    });
  }

  const MIDDLE = [
    'two make the cell of one key',
    'two make the cell of one key as the tag of the bucket wraps',
    'two make the cell of one key out of an idle one',
    'two make the only cell of a bucket',
    'one takes twice while another key takes its idle cell',
    'one takes twice while its idle cell is swept',
    'one takes and gives back, one takes',
    'one takes, the bucket is reset',
    'two without a cell share one',
    'a window: one in the old one, one as the next begins',
    'a window: two begin a cell, in two windows',
  ];
  for (const name of MIDDLE) {
    test(`${name}, at most two preemptions, and in 100 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 2 });
      assert.ok(runs > 100, `${runs}`);
      await rig.sample(name, 100);
    });
  }

  const THREE = [
    'three make the cell of one key',
    'one makes a cell, another key is made, the first key comes again',
    'a window: one in the old one, two as the next begins',
    'one takes, one sweeps, one makes another key',
    'a window: three windows at once',
  ];
  for (const name of THREE) {
    test(`${name}, at most one preemption, and in 150 random orders`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 50, `${runs}`);
      await rig.sample(name, 150);
    });
  }

  const DEATHS = [
    'one dies as it makes a cell, one makes the same',
    'one dies as it makes a cell out of an idle one, one takes of that',
    'one dies as it sweeps, one takes',
  ];
  for (const name of DEATHS) {
    test(`${name}: the first dies at any step, at most one preemption; nothing is left half made`, async () => {
      const { kills } = await rig.exploreKills(name, 0, { maxPreemptions: 1 });
      assert.ok(kills > 50, `${kills}`);
    });
  }
});
