import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { killAtEveryStep, runKilledAt } from '../harness/kill-at.ts';
import { StepRig } from '../harness/step-scheduler.ts';
import type { NotedCall } from '../harness/steps-case.ts';
import { isLinearizable, type Reference } from '../harness/steps-linearizable.ts';

describe('the step scheduler', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/toys.ts', import.meta.url), 2);
  });
  after(() => rig.close());

  test('two times three steps have twenty orders', async () => {
    const { runs, longestSteps } = await rig.explore('two times three additions');
    assert.equal(runs, 20);
    assert.equal(longestSteps, 6);
  });

  test('bounded to one preemption, two times five steps have ten orders', async () => {
    assert.equal((await rig.explore('two times five additions', { maxPreemptions: 0 })).runs, 2);
    assert.equal((await rig.explore('two times five additions', { maxPreemptions: 1 })).runs, 10);
    assert.equal((await rig.explore('two times five additions')).runs, 252);
  });

  test('a lost update is found, and the order that loses it is told', async () => {
    await assert.rejects(rig.explore('a count without a lock'), /the count is 1\nchoices: /);
    await assert.rejects(rig.sample('a count without a lock', 200), /the count is 1/);
  });

  test('the same count under a spinning lock is right in every order', async () => {
    const { runs } = await rig.explore('a count under a lock');
    assert.ok(runs > 4 && runs < 100, `${runs}`);
  });

  test('a lock that is never let go is a livelock', async () => {
    await assert.rejects(rig.explore('a lock that is never let go'), /no end/);
    // The threads go on after a run that was cut.
    assert.equal((await rig.explore('two times three additions')).runs, 20);
  });

  test('a sleeper is woken in every order, and a forgotten one is found', async () => {
    await rig.explore('a sleeper that is woken');
    await rig.explore('an asynchronous sleeper');
    await assert.rejects(rig.explore('a sleeper that is forgotten'), /a wake-up is lost/);
  });

  test('a wait that may time out at any moment does so in some order', async () => {
    await assert.rejects(rig.explore('a sleeper that is woken', { mayTimeOut: true }), /a wake-up is lost/);
  });

  test('a copy can be overtaken in its middle', async () => {
    await assert.rejects(rig.explore('two copies to one place'), /torn/);
  });

  test('a participant dies at each of its steps, and one that waits for its end begins then', async () => {
    const { kills, runs } = await rig.exploreKills('one after the other', 0);
    assert.deepEqual({ kills, runs }, { kills: 2, runs: 3 });
  });
});

describe('kill injection on one thread', () => {
  const count = (cells: Int32Array): void => {
    Atomics.store(cells, 0, Atomics.load(cells, 0) + 1);
  };

  test('the n-th step does not happen, and nothing atomic after it', () => {
    const cells = new Int32Array(new SharedArrayBuffer(64));
    const run = runKilledAt(2, () => {
      try {
        count(cells);
      } finally {
        Atomics.store(cells, 0, 9);
      }
    });
    assert.deepEqual(run, { kind: 'killed', where: 'store at byte 0', steps: 2 });
    assert.equal(cells[0], 0);
    assert.equal(Atomics.store(cells, 0, 5), 5, 'the functions are as before');
  });

  test('every step is died at once, then the whole runs', () => {
    const ends: (number | undefined)[] = [];
    const deaths = killAtEveryStep({
      prepare: () => new Int32Array(new SharedArrayBuffer(64)),
      act: (cells) => {
        count(cells);
        count(cells);
      },
      after: (cells) => ends.push(cells[0]),
    });
    assert.equal(deaths, 4);
    assert.deepEqual(ends, [0, 0, 1, 1, 2]);
  });
});

describe('linearizability', () => {
  const REGISTER: Reference<unknown> = {
    initial: 0,
    apply: (state, { name, args, result }) => {
      if (name === 'write') return [args[0]];
      return result === state ? [state] : [];
    },
  };
  const write = (value: number, begin: number, end: number): NotedCall => ({
    who: 0,
    name: 'write',
    args: [value],
    result: null,
    begin,
    end,
  });
  const read = (result: number, begin: number, end: number): NotedCall => ({ who: 1, name: 'read', args: [], result, begin, end });

  test('a read may see a write that overlaps it, or not', () => {
    assert.ok(isLinearizable([write(1, 1, 4), read(0, 2, 3)], REGISTER));
    assert.ok(isLinearizable([write(1, 1, 4), read(1, 2, 3)], REGISTER));
    assert.ok(!isLinearizable([write(1, 1, 4), read(2, 2, 3)], REGISTER));
  });

  test('a read may not miss a write that ended before it, nor two reads go back', () => {
    assert.ok(!isLinearizable([write(1, 1, 2), read(0, 3, 4)], REGISTER));
    assert.ok(!isLinearizable([write(1, 1, 6), read(1, 2, 3), read(0, 4, 5)], REGISTER));
  });

  test('a call of the dead may have happened at any time, or never', () => {
    const dead = write(1, 1, Number.POSITIVE_INFINITY);
    assert.ok(isLinearizable([dead, read(0, 2, 3), read(1, 4, 5)], REGISTER));
    assert.ok(isLinearizable([dead, read(0, 2, 3), read(0, 4, 5)], REGISTER));
    assert.ok(!isLinearizable([dead, read(1, 2, 3), read(0, 4, 5)], REGISTER));
  });
});
