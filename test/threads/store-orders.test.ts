import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';
import { STEP_CASES } from './cases/store.ts';

/** `npm run prove-store` explores all of these with more preemptions. */
const TWO = Object.keys(STEP_CASES).filter((name) => STEP_CASES[name]?.participants.length === 2);
const THREE = Object.keys(STEP_CASES).filter((name) => name.startsWith('three'));
const DEADLY = Object.keys(STEP_CASES).filter((name) => name.includes('dies'));

describe('the object store', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/store.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  for (const name of TWO) {
    test(`${name}: every order with at most one preemption, and 100 at random`, async () => {
      const mayTimeOut = name.includes('run out of time');
      const { runs } = await rig.explore(name, { maxPreemptions: 1, mayTimeOut });
      assert.ok(runs > 10, `${runs}`);
      await rig.sample(name, 100, { mayTimeOut });
    });
  }

  for (const name of THREE) {
    test(`${name}: every order with at most one preemption, and 200 at random`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 10, `${runs}`);
      await rig.sample(name, 200);
    });
  }

  for (const name of DEADLY) {
    test(`${name}: at every step, every order without preemptions`, async () => {
      const { kills } = await rig.exploreKills(name, 0, { maxPreemptions: 0 });
      assert.ok(kills > 0);
    });
  }
});
