import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { endOwnThread } from '../../../src/runtime/own-thread.ts';

class FakeThread extends EventEmitter {
  terminations = 0;

  /** Of a thread that waits in the kernel: it never ends. */
  terminate(): Promise<number> {
    this.terminations += 1;
    return new Promise(() => undefined);
  }
}

async function settled(promise: Promise<void>): Promise<boolean> {
  let isSettled = false;
  void promise.then(() => {
    isSettled = true;
  });
  for (let i = 0; i < 5; i++) await turn();
  return isSettled;
}

test('a thread that ends when it is asked is not ended by force', async () => {
  const thread = new FakeThread();
  await endOwnThread(thread, 5_000, () => thread.emit('exit', 0));
  assert.equal(thread.terminations, 0);
});

test('a thread that does not even end by force holds up the end of the process no longer than a second more', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const thread = new FakeThread();
  const ending = endOwnThread(thread, 5_000, () => undefined);
  t.mock.timers.tick(4_999);
  assert.equal(await settled(ending), false);
  assert.equal(thread.terminations, 0);
  t.mock.timers.tick(1);
  assert.equal(await settled(ending), false);
  assert.equal(thread.terminations, 1);
  t.mock.timers.tick(1_000);
  assert.equal(await settled(ending), true);
});
