import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTROL, StoreMemory } from '../../../src/shm/store-layout.ts';
import { runKilledAt } from '../../harness/kill-at.ts';
import { assertSound, bodyOf, listOf, makeStores, numbersOf, put, readBody } from './store-fixture.ts';

// Deaths at every step of every protocol: test/threads/store-kills.test.ts.

test('an exception in the middle of a write is mended by the same participant, before anything else is written', () => {
  const [store] = makeStores(2 ** 20);
  put(store!, { key: 'kept', body: bodyOf(500, 1) });
  const old = put(store!, { key: 'k', body: bodyOf(500, 2) })!;
  const fill = store!.begin({ key: 'k', meta: '', numbers: numbersOf(), expectedBytes: 100 })!;
  fill.write(bodyOf(100, 3));
  const run = runKilledAt(5, () => fill.publish([old]));
  assert.equal(run.kind, 'killed');
  assert.ok(put(store!, { key: 'next' }));
  assert.ok(readBody(listOf(store!, 'kept')[0]!).equals(bodyOf(500, 1)));
  assert.ok(listOf(store!, 'k').length >= 1);
  assertSound(store!);
});

test('while the lock is held nothing is written, readers go on, and what is doomed is gone at once', () => {
  const [store, other] = makeStores(2 ** 20);
  const object = put(store!, { key: 'k', body: bodyOf(500, 1) })!;
  const fill = store!.begin({ key: 'l', meta: '', numbers: numbersOf(), expectedBytes: 0 })!;
  const { control } = new StoreMemory(store!.memory);
  Atomics.store(control, CONTROL.LOCK, 3);
  assert.equal(store!.begin({ key: 'm', meta: '', numbers: numbersOf(), expectedBytes: 0 }), undefined);
  assert.equal(store!.update(object, '', numbersOf()), undefined);
  assert.equal(fill.publish([]), undefined);
  assert.ok(other!.pin(object));
  assert.ok(readBody(object).equals(bodyOf(500, 1)));
  other!.unpin(object);
  assert.ok(store!.doom(object));
  assert.equal(other!.find('k'), -1);
  assert.deepEqual(store!.recover(1), { isComplete: false, brokeLock: false, fills: 0, pins: 0, claims: 0 });
  const stats = store!.stats();
  assert.equal(stats.failedFills.lockTimeout, 2);
  assert.ok(stats.lockTimeouts >= 3);
  assert.deepEqual(store!.recover(2), { isComplete: true, brokeLock: true, fills: 0, pins: 0, claims: 0 });
  assertSound(store!);
  assert.equal(store!.stats().freeBytes, store!.stats().arenaBytes);
});

test('fills, pins and claims of an ended participant are given back', async () => {
  const [store, dead, other] = makeStores(2 ** 20);
  const object = put(store!, { key: 'k', body: bodyOf(500, 1) })!;
  const doomed = put(store!, { key: 'l', body: bodyOf(500, 1) })!;
  assert.ok(dead!.pin(doomed));
  assert.ok(dead!.pin(object));
  assert.ok(other!.pin(object));
  assert.ok(dead!.claim(object, 1000));
  store!.doom(doomed);
  const waits = other!.waitClaim(object, 60_000);
  dead!.begin({ key: 'n', meta: '', numbers: numbersOf(), expectedBytes: -1 })!.write(bodyOf(100_000, 1));
  assert.deepEqual(store!.recover(1), { isComplete: true, brokeLock: false, fills: 1, pins: 2, claims: 1 });
  await waits;
  assert.ok(store!.isCurrent(object));
  assert.ok(other!.claim(object, 1000));
  assertSound(store!);
  assert.ok(store!.doom(object));
  assert.ok(store!.stats().freeBytes < store!.stats().arenaBytes, 'the living still pin it');
  other!.unpin(object);
  assert.equal(store!.recover(1).pins, 0);
  assert.equal(store!.stats().freeBytes, store!.stats().arenaBytes);
  assert.equal(store!.stats().recoveries, 1);
});

test('variants keep their order through a repair, also across the wrap of births and turns', () => {
  const [store, other] = makeStores(2 ** 20);
  const { control } = new StoreMemory(store!.memory);
  control[CONTROL.BIRTH] = 0x7ffffffd;
  control[CONTROL.QUEUE_TURN] = 0x7ffffffd;
  for (let at = 0; at < 8; at += 1) put(store!, { key: 'k', meta: `${at}` });
  assertSound(store!);
  Atomics.store(control, CONTROL.LOCK, 3);
  assert.ok(other!.recover(2).brokeLock);
  assert.deepEqual(
    listOf(store!, 'k').map((object) => object.meta),
    ['7', '6', '5', '4', '3', '2', '1', '0'],
  );
  assertSound(store!);
});
