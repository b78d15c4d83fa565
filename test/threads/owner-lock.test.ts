import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { OwnerLock } from '../../src/shm/owner-lock.ts';
import { killAtEveryStep } from '../harness/kill-at.ts';
import { StepRig } from '../harness/step-scheduler.ts';

describe('the owner lock, in every order of steps', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/owner-lock.ts', import.meta.url), 3);
  });
  after(() => rig.close());

  test('two take it, at most three preemptions: never both inside, no wake-up lost', async () => {
    const { runs } = await rig.explore('two take the lock', { maxPreemptions: 3 });
    assert.ok(runs > 100, `${runs}`);
  });

  test('two take it twice, at most two preemptions', async () => {
    await rig.explore('two take the lock twice', { maxPreemptions: 2 });
  });

  test('three take it, at most two preemptions', async () => {
    await rig.explore('three take the lock', { maxPreemptions: 2 });
  });

  test('three take it, in 500 random orders', async () => {
    await rig.sample('three take the lock', 500);
  });

  test('one tries it, at most three preemptions', async () => {
    await rig.explore('one takes it, one tries', { maxPreemptions: 3 });
  });

  test('waits that run out of time at any moment, at most two preemptions', async () => {
    await rig.explore('two take the lock and may run out of time', { maxPreemptions: 2, mayTimeOut: true });
  });

  test('an owner that dies at any step, at most one preemption: the breaker mends, the waiter gets it', async () => {
    const { kills } = await rig.exploreKills('the owner dies, one waits, one breaks the lock', 0, { maxPreemptions: 1 });
    assert.ok(kills > 100, `${kills}`);
  });
});

describe('the owner lock and death', () => {
  const cellsOf = () => new Int32Array(new SharedArrayBuffer(64));

  test('a dead owner costs the others one bounded wait, then none', () => {
    const cells = cellsOf();
    assert.equal(new OwnerLock(cells, 0, 0).acquire(), 'mine');
    const other = new OwnerLock(cells, 0, 1);
    const beganMs = performance.now();
    assert.equal(other.acquire(15), 'timeout');
    const waitedMs = performance.now() - beganMs;
    assert.ok(waitedMs >= 14 && waitedMs < 1000, `${waitedMs}`);
    for (let i = 0; i < 1000; i += 1) assert.equal(other.acquire(60_000), 'timeout');
  });

  test('whoever breaks the lock dies at every step of it: the next breaker takes it from the first', () => {
    killAtEveryStep({
      prepare: () => {
        const cells = cellsOf();
        assert.equal(new OwnerLock(cells, 0, 0).acquire(), 'mine');
        return cells;
      },
      act: (cells) => {
        const breaker = new OwnerLock(cells, 0, 2);
        if (breaker.breakFor(0)) breaker.release();
      },
      after: (cells) => {
        const next = new OwnerLock(cells, 0, 1);
        if (next.breakFor(0) || next.breakFor(2)) next.release();
        assert.equal(new OwnerLock(cells, 0, 3).acquire(0), 'mine');
      },
    });
  });

  test('nobody breaks a lock that the named one does not hold', () => {
    const cells = cellsOf();
    const breaker = new OwnerLock(cells, 0, 2);
    assert.ok(!breaker.breakFor(0));
    assert.equal(new OwnerLock(cells, 0, 1).acquire(), 'mine');
    assert.ok(!breaker.breakFor(0));
    assert.equal(breaker.tryAcquire(), 'timeout');
  });

  for (const turn of [0x7ffffffe, 0x7fffffff, -2, -1]) {
    test(`the number of turns wraps at ${turn}`, () => {
      const cells = cellsOf();
      cells[1] = turn;
      const locks = [0, 1].map((self) => new OwnerLock(cells, 0, self));
      for (let i = 0; i < 6; i += 1) {
        const [holder, other] = i % 2 === 0 ? locks : [...locks].reverse();
        assert.equal(holder!.acquire(), 'mine');
        assert.equal(other!.acquire(2), 'timeout');
        assert.equal(other!.acquire(60_000), 'timeout', 'the same hold is not waited for twice');
        holder!.release();
      }
      assert.equal(cells[1], (turn + 6) | 0);
      assert.equal(cells[0], 0);
    });
  }

  test('a breaker takes an owner whose successor has the same index for what it is', () => {
    const cells = cellsOf();
    assert.equal(new OwnerLock(cells, 0, 0).acquire(), 'mine');
    assert.equal(new OwnerLock(cells, 0, 0).acquire(), 'inherited', 'an earlier hold broke off');
  });
});
