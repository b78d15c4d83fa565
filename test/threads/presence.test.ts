import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { StepRig } from '../harness/step-scheduler.ts';

describe('presence: what the store thread writes and fetches against what workers remove', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/presence.ts', import.meta.url), 4);
  });
  after(() => rig.close());

  for (const name of ['a write, a removal', 'a write and its removals, a removal', 'a fetch, a removal']) {
    test(`${name}: every order`, async () => {
      const { runs } = await rig.explore(name);
      assert.ok(runs > 10, `${runs}`);
    });
  }

  for (const name of ['a write, a removal that cannot be sent', 'a fetch, a removal that cannot be sent', 'a fetch, two removals']) {
    test(`${name}: at most two preemptions, and 200 at random`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 2 });
      assert.ok(runs > 10, `${runs}`);
      await rig.sample(name, 200);
    });
  }

  test('a worker that dies in a removal leaves counts that are right', async () => {
    const { kills } = await rig.exploreKills('a removal dies', 0, { maxPreemptions: 2 });
    assert.ok(kills > 3, `${kills}`);
  });
});
