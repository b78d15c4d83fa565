import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnerLock } from '../../../src/shm/owner-lock.ts';

function makeLocks(): { cells: Int32Array; locks: OwnerLock[] } {
  const cells = new Int32Array(new SharedArrayBuffer(8));
  return { cells, locks: [0, 1, 127].map((self) => new OwnerLock(cells, 0, self)) };
}

test('one participant has the lock at a time, and the word names it', () => {
  const { cells, locks } = makeLocks();
  const [a, b, last] = locks;
  assert.equal(a!.acquire(), 'mine');
  assert.equal(cells[0], 1);
  assert.equal(b!.tryAcquire(), 'timeout');
  a!.release();
  assert.equal(last!.tryAcquire(), 'mine');
  assert.equal(cells[0], 128);
  last!.release();
  assert.equal(cells[0], 0);
});

test('a wait ends at its bound, and the next one in the same hold does not begin', () => {
  const { locks } = makeLocks();
  const [a, b] = locks;
  a!.acquire();
  const beganMs = performance.now();
  assert.equal(b!.acquire(30), 'timeout');
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs >= 29, `${tookMs}`);
  const againMs = performance.now();
  for (let tries = 0; tries < 1000; tries += 1) assert.equal(b!.acquire(30), 'timeout');
  assert.ok(performance.now() - againMs < 1000 * 29);
  a!.release();
  assert.equal(b!.acquire(30), 'mine');
});

test('in another hold of the same owner it waits again', () => {
  const { cells, locks } = makeLocks();
  const [a, b] = locks;
  a!.acquire();
  b!.acquire(1);
  a!.release();
  a!.acquire();
  const turn = cells[1];
  const beganMs = performance.now();
  assert.equal(b!.acquire(20), 'timeout');
  assert.ok(performance.now() - beganMs >= 19);
  assert.equal(cells[1], turn);
});

test('a dead owner’s lock passes to its breaker without being free, and nobody else’s does', () => {
  const { cells, locks } = makeLocks();
  const [a, b, c] = locks;
  assert.ok(!b!.breakFor(0));
  a!.acquire();
  c!.acquire(1);
  assert.ok(!b!.breakFor(127));
  assert.ok(b!.breakFor(0));
  assert.equal(c!.tryAcquire(), 'timeout');
  assert.equal(cells[0]! & 0xff, 2);
  b!.release();
  assert.equal(c!.acquire(), 'mine');
});

test('an owner that comes back to its own lock is told that it had it', () => {
  const { locks } = makeLocks();
  locks[0]!.acquire();
  assert.equal(locks[0]!.acquire(), 'inherited');
  assert.equal(locks[0]!.tryAcquire(), 'inherited');
  locks[1]!.acquire(1);
  assert.equal(locks[0]!.acquire(), 'inherited', 'also when somebody waits for it');
});

test('turns wrap', () => {
  const { cells, locks } = makeLocks();
  cells[1] = 0x7fffffff;
  locks[0]!.acquire();
  assert.equal(cells[1], -0x80000000);
  assert.equal(locks[1]!.acquire(1), 'timeout');
  assert.equal(locks[1]!.acquire(1), 'timeout');
});
