import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, mock, test } from 'node:test';
import { type ChangeWaiter, ChangeWatch } from '../../../src/shm/change-watch.ts';
import { waitFor } from '../../harness/wait-for.ts';

const AT = 3;

class Counter implements ChangeWaiter {
  times = 0;
  onChange(): void {
    this.times += 1;
  }
}

function cellsOf(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(64));
}

function change(cells: Int32Array, value: number): void {
  Atomics.store(cells, AT, value);
  Atomics.notify(cells, AT);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await nextTurn();
}

describe('waiting for a change of a word', () => {
  test('a thousand waiters of a word are one wait, and all are told once, the first one first', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells);
    const told: number[] = [];
    const spy = mock.method(Atomics, 'waitAsync');
    for (let at = 0; at < 1000; at += 1) assert.ok(watch.add(AT, 0, { onChange: () => told.push(at) }));
    assert.equal(spy.mock.callCount(), 1);
    spy.mock.restore();
    assert.equal(watch.count(AT), 1000);
    change(cells, 1);
    await waitFor('the waiters are told', () => told.length > 0);
    assert.deepEqual(
      told,
      Array.from({ length: 1000 }, (_, at) => at),
    );
    assert.equal(watch.count(AT), 0);
  });

  test('who comes when the word has changed is told so at once', () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells);
    change(cells, 1);
    assert.ok(!watch.add(AT, 0, new Counter()));
    assert.equal(watch.count(AT), 0);
  });

  test('who no longer waits is not told', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells);
    const [gone, there] = [new Counter(), new Counter()];
    watch.add(AT, 0, gone);
    watch.add(AT, 0, there);
    watch.remove(AT, gone);
    watch.remove(AT, new Counter());
    change(cells, 1);
    await waitFor('it is told', () => there.times > 0);
    assert.equal(gone.times, 0);
  });

  test('a waiter may watch again while it is told, for the new value or in vain for the old one', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells);
    const seen: number[] = [];
    const answers: boolean[] = [];
    const waiter: ChangeWaiter = {
      onChange() {
        const value = Atomics.load(cells, AT);
        seen.push(value);
        answers.push(watch.add(AT, value - 1, waiter));
        if (value < 3) watch.add(AT, value, waiter);
      },
    };
    watch.add(AT, 0, waiter);
    for (let value = 1; value <= 3; value += 1) {
      change(cells, value);
      await waitFor('it is told', () => seen.length === value);
    }
    assert.deepEqual(seen, [1, 2, 3]);
    assert.deepEqual(answers, [false, false, false]);
  });

  test('waiters for two values of one word, the older already on its way: none is lost', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells);
    const [old, young] = [new Counter(), new Counter()];
    watch.add(AT, 0, old);
    change(cells, 1);
    assert.ok(watch.add(AT, 1, young));
    await waitFor('it is told', () => old.times === 1);
    if (young.times === 0) change(cells, 2);
    await waitFor('it is told', () => young.times === 1);
    await settle();
    assert.deepEqual([old.times, young.times], [1, 1]);
  });

  test('one that throws harms none of the others', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells);
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', onError);
    const counters = [new Counter(), new Counter()];
    watch.add(AT, 0, counters[0]!);
    watch.add(AT, 0, {
      onChange() {
        throw new Error('mine');
      },
    });
    watch.add(AT, 0, counters[1]!);
    change(cells, 1);
    await waitFor('it is told', () => errors.length > 0 && counters.every(({ times }) => times === 1));
    process.off('unhandledRejection', onError);
    for (const listener of others) process.on('unhandledRejection', listener);
    assert.match(String(errors[0]), /mine/);
  });

  test('a change that wakes nobody is found when the time to look again has come; nobody is told before', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells, 10);
    const counter = new Counter();
    const spy = mock.method(Atomics, 'waitAsync');
    watch.add(AT, 0, counter);
    await waitFor('it is told', () => spy.mock.callCount() > 3);
    assert.equal(counter.times, 0);
    Atomics.store(cells, AT, 1);
    await waitFor('it is told', () => counter.times === 1);
    spy.mock.restore();
  });

  test('a word that nobody waits for any more is not looked at again', async () => {
    const cells = cellsOf();
    const watch = new ChangeWatch(cells, 5);
    const counter = new Counter();
    const spy = mock.method(Atomics, 'waitAsync');
    watch.add(AT, 0, counter);
    watch.remove(AT, counter);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(spy.mock.callCount(), 1);
    spy.mock.restore();
    assert.ok(watch.add(AT, 0, counter));
    watch.remove(AT, counter);
  });
});
