import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ghosts } from '../../../src/shm/ghosts.ts';
import type { ObjectStore } from '../../../src/shm/object-store.ts';
import { createStoreMemory } from '../../../src/shm/store-layout.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';
import { assertSound, bodyOf, makeStores, numbersOf, put, SEED } from './store-fixture.ts';

const BODY = bodyOf(1800, 0);

/** Stores `count` objects that nobody asks for again. */
function scan(store: ObjectStore, prefix: string, count: number): void {
  for (let at = 0; at < count; at += 1) assert.ok(put(store, { key: `${prefix}${at}`, body: BODY }));
}

function hit(store: ObjectStore, key: string): boolean {
  const object = store.open(store.find(key), key);
  if (object !== undefined) store.touch(object);
  return object !== undefined;
}

test('what was asked for again survives a scan of ten times the store', () => {
  const [store] = makeStores(2 ** 20);
  for (let at = 0; at < 40; at += 1) put(store!, { key: `wanted${at}`, body: BODY });
  for (let at = 0; at < 40; at += 1) assert.ok(hit(store!, `wanted${at}`));
  scan(store!, 'x', 5000);
  for (let at = 0; at < 40; at += 1) assert.ok(hit(store!, `wanted${at}`), `wanted${at}`);
  assert.ok(store!.stats().evictions > 4000);
  assertSound(store!);
});

test('what comes back soon after it was dropped is kept as if it had been asked for twice', () => {
  const [store] = makeStores(2 ** 20);
  put(store!, { key: 'returns', body: BODY });
  // The store is full once before anything is dropped; then the oldest of the small queue goes.
  let stored = 0;
  while (store!.find('returns') !== -1) {
    scan(store!, `a${stored}-`, 1);
    stored += 1;
  }
  put(store!, { key: 'returns', body: BODY });
  scan(store!, 'b', 2000);
  assert.notEqual(store!.find('returns'), -1);
});

test('what takes the place of a wanted object inherits its place', () => {
  const [store] = makeStores(2 ** 20);
  put(store!, { key: 'k', body: BODY });
  hit(store!, 'k');
  scan(store!, 'a', 600);
  put(store!, { key: 'k', body: BODY }, [store!.open(store!.find('k'))!]);
  scan(store!, 'b', 600);
  assert.notEqual(store!.find('k'), -1);
});

test('what is of no use any more goes first, however often it was asked for', () => {
  const [store] = makeStores(2 ** 20);
  for (let at = 0; at < 40; at += 1) put(store!, { key: `old${at}`, body: BODY, numbers: numbersOf(1000) });
  for (let round = 0; round < 3; round += 1) for (let at = 0; at < 40; at += 1) hit(store!, `old${at}`);
  // The time is known from the last sweep, which here looks at nothing.
  store!.sweepExpired(2000, 0);
  scan(store!, 'x', 700);
  for (let at = 0; at < 40; at += 1) assert.equal(store!.find(`old${at}`), -1);
});

test('what is pinned is never dropped, and room is found beside it', () => {
  const [store, other] = makeStores(2 ** 20);
  const pinned = Array.from({ length: 50 }, (_, at) => put(store!, { key: `p${at}`, body: BODY })!);
  for (const object of pinned) assert.ok(other!.pin(object));
  scan(store!, 'x', 3000);
  for (const object of pinned) assert.ok(other!.isCurrent(object));
  for (const object of pinned) other!.unpin(object);
  assertSound(store!);
});

test('with many small objects the table of entries is the limit, and the oldest unwanted make room', () => {
  const [store] = makeStores(256 * 1024);
  for (let at = 0; at < 5000; at += 1) assert.ok(put(store!, { key: `k${at}` }));
  const stats = store!.stats();
  assert.equal(stats.objects, stats.maxObjects);
  assert.equal(stats.evictions, 5000 - stats.maxObjects);
  assertSound(store!);
});

test('running fills may hold every entry: the last object goes for one of them, and then nothing begins', () => {
  const [store] = makeStores(64 * 1024);
  put(store!, { key: 'goes' });
  const begin = (key: string) => store!.begin({ key, meta: '', numbers: numbersOf(), expectedBytes: 0 });
  const fills = Array.from({ length: store!.stats().maxObjects }, (_, at) => begin(`f${at}`));
  assert.ok(!fills.includes(undefined));
  assert.equal(store!.find('goes'), -1);
  assert.equal(begin('one more'), undefined);
  assert.equal(store!.stats().failedFills.noRoom, 1);
  assertSound(store!);
  for (const fill of fills) fill?.abort();
  assert.ok(begin('one more'));
});

test('while all that is stored is pinned there is no room, neither for an object nor for a longer meta', () => {
  const [store, reader] = makeStores(256 * 1024);
  const pinned: StoredObject[] = [];
  for (const body of [BODY, bodyOf(0, 0)]) {
    for (let object = put(store!, { key: 'k', body }); object !== undefined; object = put(store!, { key: 'k', body })) {
      assert.ok(reader!.pin(object));
      pinned.push(object);
    }
  }
  assert.equal(store!.update(pinned[0]!, 'm'.repeat(1000), numbersOf()), undefined);
  assert.ok(store!.isCurrent(pinned[0]!));
  assertSound(store!);
  for (const object of pinned) reader!.unpin(object);
  assert.ok(store!.update(pinned.at(-1)!, 'm'.repeat(1000), numbersOf()));
  assertSound(store!);
});

test('the search for one large block among what is pinned ends, and the head is not stored', () => {
  const [store, reader] = makeStores(2 ** 20);
  const objects: StoredObject[] = [];
  for (let at = 0; store!.stats().evictions === 0; at += 1) objects.push(put(store!, { key: `k${at}`, body: bodyOf(1000, at) })!);
  const pinned = objects.filter((object, at) => at % 2 === 0 && reader!.pin(object));
  const large = { key: 'large', meta: 'm'.repeat(50_000) };
  assert.equal(put(store!, large), undefined);
  assert.equal(store!.stats().failedFills.noRoom, 1);
  assert.ok(store!.stats().evictions < 350, 'so many go for it, and no more');
  for (const object of pinned) reader!.unpin(object);
  assert.ok(put(store!, large));
  assertSound(store!);
});

test('a ghost is remembered whatever its fingerprint, also 0', () => {
  const ghosts = new Ghosts(createStoreMemory({ bytes: 2 ** 20, participants: 1, seed: SEED }));
  ghosts.add(5, 0, 1);
  assert.ok(!ghosts.take(5, 7));
  assert.ok(ghosts.take(5, 0));
  assert.ok(!ghosts.take(5, 0), 'and forgotten by that');
});
