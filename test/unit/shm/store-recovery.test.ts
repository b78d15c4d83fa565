import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK } from '../../../src/shm/blocks.ts';
import { CONTROL, GRANULE_WORDS, MAX_BLOCK_GRANULES, RECORD, RECORD_WORDS, StoreMemory } from '../../../src/shm/store-layout.ts';
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
  const growing = store!.begin({ key: 'n', meta: '', numbers: numbersOf(), expectedBytes: 0 })!;
  const { control } = new StoreMemory(store!.memory);
  Atomics.store(control, CONTROL.LOCK, 3);
  assert.equal(store!.begin({ key: 'm', meta: '', numbers: numbersOf(), expectedBytes: 0 }), undefined);
  assert.equal(store!.update(object, '', numbersOf()), undefined);
  assert.equal(fill.publish([]), undefined);
  assert.equal(growing.write(bodyOf(10_000, 1)), false);
  growing.abort();
  assert.deepEqual(store!.verify(), ['the lock cannot be had']);
  assert.ok(other!.pin(object));
  assert.ok(readBody(object).equals(bodyOf(500, 1)));
  other!.unpin(object);
  assert.ok(store!.doom(object));
  assert.equal(other!.find('k'), -1);
  assert.deepEqual(store!.recover(1), { isComplete: false, brokeLock: false, fills: 0, pins: 0, claims: 0 });
  const stats = store!.stats();
  assert.equal(stats.failedFills.lockTimeout, 3);
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

test('while a repair is going on a key may be a miss for a moment, and is found after it', () => {
  let misses = 0;
  let shortened = 0;
  for (let step = 1; ; step += 1) {
    const [store, other, mender] = makeStores(64 * 1024, 4);
    for (const meta of ['a', 'b']) put(store!, { key: 'k', meta });
    for (const meta of ['a', 'b', 'c']) put(store!, { key: 'l', meta });
    const { control } = new StoreMemory(store!.memory);
    Atomics.store(control, CONTROL.LOCK, 4);
    // Doomed without the lock, so they stay linked until the repair.
    assert.ok(other!.doom(listOf(other!, 'k')[0]!));
    assert.ok(other!.doom(listOf(other!, 'l')[1]!));
    const run = runKilledAt(step, () => mender!.recover(3));
    const [k, l] = ['k', 'l'].map((key) =>
      listOf(other!, key)
        .map((object) => object.meta)
        .join(''),
    );
    assert.match(`${k},${l}`, /^a?,(?:ca?|)$/);
    if (k === '') misses += 1;
    if (l === 'c') shortened += 1;
    for (const dead of [2, 3]) other!.recover(dead);
    assert.deepEqual([listOf(other!, 'k').length, listOf(other!, 'l').length], [1, 2]);
    assertSound(other!);
    if (run.kind === 'finished') break;
  }
  assert.ok(misses > 0 && shortened > 0, `${misses} and ${shortened}`);
});

test('an object whose blocks make no sense goes in a repair, and nothing else does', () => {
  const SPOILS: readonly ((words: Int32Array, block: number) => void)[] = [
    (words, block) => {
      words[block * GRANULE_WORDS + BLOCK.GRANULES] = 0;
    },
    (words, block) => {
      words[block * GRANULE_WORDS + BLOCK.GRANULES] = MAX_BLOCK_GRANULES + 1;
    },
    (words, block) => {
      words[block * GRANULE_WORDS + BLOCK.NEXT] = block + 1;
    },
    (words, block) => {
      words[block * GRANULE_WORDS + BLOCK.NEXT] = words.length;
    },
  ];
  for (const spoil of SPOILS) {
    const [store, other] = makeStores(2 ** 20);
    put(store!, { key: 'kept', body: bodyOf(70_000, 1) });
    const spoilt = put(store!, { key: 'k', body: bodyOf(500, 2) })!;
    const { control, records, words } = new StoreMemory(store!.memory);
    spoil(words, records[spoilt.entry * RECORD_WORDS + RECORD.FIRST]!);
    assert.notDeepEqual(store!.verify(), []);
    Atomics.store(control, CONTROL.LOCK, 3);
    assert.ok(other!.recover(2).brokeLock);
    assert.equal(other!.find('k'), -1);
    assert.ok(readBody(listOf(other!, 'kept')[0]!).equals(bodyOf(70_000, 1)));
    assertSound(other!);
  }
});
