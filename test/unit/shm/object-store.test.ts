import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createObjectStore, ObjectStore } from '../../../src/shm/object-store.ts';
import { BLOCK, MAX_HEAD_BYTES, readHead } from '../../../src/shm/blocks.ts';
import { KeyedHash } from '../../../src/shm/keyed-hash.ts';
import { createStoreMemory, GRANULE_WORDS, RECORD, RECORD_WORDS, StoreMemory } from '../../../src/shm/store-layout.ts';
import { assertSound, bodyOf, listOf, makeStores, numbersOf, put, readBody, SEED } from './store-fixture.ts';

const MIB = 2 ** 20;

test('what one participant stores another one finds, whole', () => {
  const [one, other] = makeStores(MIB);
  const numbers = numbersOf(1e12, -0.5, Number.POSITIVE_INFINITY, 2 ** 53);
  put(one!, { key: 'r\nG\nhttp://a/b?c', meta: 'HTTP/1.1 200 OK\r\nx: \xe4\xff\r\n\r\n', body: bodyOf(1000, 1), numbers });
  const entry = other!.find('r\nG\nhttp://a/b?c');
  const object = other!.open(entry)!;
  assert.equal(object.key, 'r\nG\nhttp://a/b?c');
  assert.equal(object.meta, 'HTTP/1.1 200 OK\r\nx: \xe4\xff\r\n\r\n');
  assert.deepEqual(object.numbers, numbers);
  assert.equal(object.bodyLength, 1000);
  assert.ok(other!.pin(object));
  assert.equal(object.pieces.length, 1, 'a small object stands in one piece');
  assert.deepEqual(readBody(object), bodyOf(1000, 1));
  other!.unpin(object);
  assert.ok(other!.isCurrent(object));
  assertSound(one!);
});

test('an empty key, an empty meta and an empty body are stored', () => {
  const [store] = makeStores(MIB);
  assert.ok(put(store!, { key: '' }));
  const object = store!.open(store!.find(''))!;
  assert.deepEqual([object.key, object.meta, object.bodyLength, object.pieces], ['', '', 0, []]);
});

test('bodies of every length around the edges of blocks come back', () => {
  const [store] = makeStores(4 * MIB);
  for (const length of [1, 15, 16, 17, 63, 64, 65, 2047, 2048, 65_000, 65_375, 65_376, 65_377, 65_536, 131_072, 300_001]) {
    for (const [chunk, expected] of [
      [65_536, length],
      [65_536, -1],
      [1000, -1],
      [70_000, length * 2],
      [7, 3],
    ] as const) {
      if (chunk === 7 && length > 70_000) continue;
      const object = put(store!, { key: 'k', meta: 'm', body: bodyOf(length, chunk), chunk, expected });
      assert.ok(object, `${length} in ${chunk}`);
      assert.ok(readBody(object).equals(bodyOf(length, chunk)), `${length} in ${chunk}`);
      assert.ok(store!.doom(object));
      assertSound(store!);
    }
  }
  assert.equal(store!.stats().freeBytes, store!.stats().arenaBytes);
});

test('variants of one key are found one after the other, the newest first, and another key is not', () => {
  const [store] = makeStores(MIB);
  for (const meta of ['a', 'b', 'c']) put(store!, { key: 'k', meta });
  put(store!, { key: 'l', meta: 'd' });
  assert.deepEqual(
    listOf(store!, 'k').map((object) => object.meta),
    ['c', 'b', 'a'],
  );
  assert.equal(store!.find('m'), -1);
});

test('publishing drops what it replaces and nothing else', () => {
  const [store, other] = makeStores(MIB);
  const [a, b] = [put(store!, { key: 'k', meta: 'a' })!, put(store!, { key: 'k', meta: 'b' })!];
  put(other!, { key: 'k', meta: 'c' }, [a]);
  assert.deepEqual(
    listOf(store!, 'k').map((object) => object.meta),
    ['c', 'b'],
  );
  assert.ok(!store!.isCurrent(a));
  assert.ok(store!.isCurrent(b));
  put(other!, { key: 'k', meta: 'd' }, [a, b]);
  assert.equal(store!.stats().objects, 2);
  assertSound(store!);
});

test('a fill is not found before it is published, and never after it was aborted', () => {
  const [store, other] = makeStores(MIB);
  const fill = store!.begin({ key: 'k', meta: '', numbers: numbersOf(), expectedBytes: 5 })!;
  fill.write(bodyOf(5, 0));
  assert.equal(other!.find('k'), -1);
  fill.abort();
  fill.abort();
  assert.equal(fill.publish([]), undefined);
  assert.equal(fill.write(bodyOf(1, 0)), false);
  assert.equal(other!.find('k'), -1);
  assert.equal(store!.stats().failedFills.aborted, 1);
  assert.equal(store!.stats().freeBytes, store!.stats().arenaBytes);
  assertSound(store!);
});

test('a new meta takes the place of the old one while the body stays where it is', () => {
  const [store, other] = makeStores(MIB);
  const object = put(store!, { key: 'k', meta: 'old', body: bodyOf(3000, 2), numbers: numbersOf(1, 2) })!;
  store!.setFlags(object, 1);
  assert.ok(other!.pin(object));
  const { pieces } = object;
  let updated = store!.update(object, 'new and longer', numbersOf(3, 4))!;
  assert.ok(!store!.isCurrent(object));
  assert.equal(store!.update(object, 'x', numbersOf()), undefined);
  const seen = other!.open(other!.find('k'))!;
  assert.deepEqual([seen.meta, seen.numbers[0], seen.numbers[1], seen.key], ['new and longer', 3, 4, 'k']);
  assert.equal(store!.flagsOf(seen), 0);
  assert.ok(Buffer.concat(pieces).equals(bodyOf(3000, 2)));
  assertSound(store!);
  for (let round = 0; round < 50; round += 1) updated = store!.update(updated, 'm'.repeat(round * 20), numbersOf(round))!;
  assertSound(store!);
  assert.ok(store!.doom(updated));
  other!.unpin(object);
  put(store!, { key: 'other' });
  store!.doom(store!.open(store!.find('other'))!);
  assert.equal(store!.stats().freeBytes, store!.stats().arenaBytes);
});

test('a doomed object is gone for readers at once, and its bytes stay until the last pin goes', () => {
  const [store, one, two] = makeStores(MIB);
  const object = put(store!, { key: 'k', body: bodyOf(5000, 3) })!;
  assert.ok(one!.pin(object));
  assert.ok(one!.pin(object));
  const seenByTwo = two!.open(two!.find('k'))!;
  assert.ok(two!.pin(seenByTwo));
  assert.ok(store!.doom(object));
  assert.ok(!store!.doom(object));
  assert.equal(store!.find('k'), -1);
  assert.ok(!two!.pin(seenByTwo), 'no new pin');
  assert.equal(store!.stats().objects, 0);
  for (let round = 0; round < 300; round += 1) put(store!, { key: `x${round}`, body: bodyOf(9000, round) });
  assert.ok(readBody(object).equals(bodyOf(5000, 3)));
  one!.unpin(object);
  two!.unpin(seenByTwo);
  for (let round = 0; round < 300; round += 1) put(store!, { key: `y${round}`, body: bodyOf(9000, round) });
  assert.ok(readBody(object).equals(bodyOf(5000, 3)));
  one!.unpin(object);
  assertSound(store!);
  for (let round = 0; round < 300; round += 1) put(store!, { key: `z${round}`, body: bodyOf(9000, round) });
  assert.ok(!readBody(object).equals(bodyOf(5000, 3)), 'now they are reused');
  assertSound(store!);
});

test('flags are set for all participants, on this object only', () => {
  const [store, other] = makeStores(MIB);
  const object = put(store!, { key: 'k' })!;
  assert.equal(store!.flagsOf(object), 0);
  assert.ok(store!.setFlags(object, 1));
  assert.ok(other!.setFlags(object, 4));
  assert.equal(other!.flagsOf(object), 5);
  store!.doom(object);
  assert.ok(!store!.setFlags(object, 2));
  const successor = put(store!, { key: 'other' })!;
  assert.equal(successor.entry, object.entry, 'the entry is used again');
  assert.ok(!store!.setFlags(object, 2));
  assert.equal(store!.flagsOf(successor), 0);
  assert.equal(store!.flagsOf(object), 0);
});

test('a claim is had by one participant, and ends with release, update, doom and after a minute', async () => {
  const [store, other] = makeStores(MIB);
  const object = put(store!, { key: 'k' })!;
  assert.equal(other!.waitClaim(object, 1000), undefined);
  assert.ok(store!.claim(object, 5000));
  assert.ok(!store!.claim(object, 5000), 'not twice');
  assert.ok(!other!.claim(object, 65_000));
  other!.release(object);
  assert.ok(!other!.claim(object, 4000), 'a release by somebody else is none, and clocks may differ by a moment');
  const released = other!.waitClaim(object, 60_000);
  assert.ok(released);
  store!.release(object);
  await released;
  assert.ok(other!.claim(object, 70_000));
  assert.ok(store!.claim(object, 132_000), 'forgotten for more than a minute');
  other!.release(object);
  assert.ok(!other!.claim(object, 132_000), 'the claim that was taken over is no more the first one’s to release');
  const waitsForUpdate = other!.waitClaim(object, 60_000);
  const updated = store!.update(object, 'm', numbersOf())!;
  await waitsForUpdate;
  assert.ok(!other!.claim(object, 132_000), 'not current');
  assert.ok(other!.claim(updated, 132_000));
  store!.release(object);
  assert.ok(!store!.claim(updated, 132_000));
  const waitsForDoom = store!.waitClaim(updated, 60_000);
  store!.doom(updated);
  await waitsForDoom;
  assert.equal(store!.waitClaim(updated, 60_000), undefined);
});

test('a wait for a claim ends with its time', async () => {
  const [store, other] = makeStores(MIB);
  const object = put(store!, { key: 'k' })!;
  store!.claim(object, 0);
  // Such a wait alone does not keep a process running; the workers' listeners do.
  const keptRunning = setInterval(() => {}, 1000);
  await other!.waitClaim(object, 5);
  clearInterval(keptRunning);
});

test('what is past its use is swept, in parts, and nothing else', () => {
  const [store] = makeStores(MIB);
  for (let at = 0; at < 100; at += 1) put(store!, { key: `k${at}`, numbers: numbersOf(at % 3 === 0 ? 0 : at * 10) });
  put(store!, { key: 'forever', numbers: numbersOf(Number.POSITIVE_INFINITY) });
  let dropped = 0;
  for (let part = 0; part < 11; part += 1) dropped += store!.sweepExpired(500, 10);
  assert.equal(dropped, 33);
  for (let at = 0; at < 100; at += 1) assert.equal(store!.find(`k${at}`) !== -1, at % 3 === 0 || at >= 50, `k${at}`);
  assert.notEqual(store!.find('forever'), -1);
  assert.equal(store!.stats().dooms, 33);
  assertSound(store!);
});

test('forEach sees every live object once, in parts', () => {
  const [store] = makeStores(MIB);
  for (let at = 0; at < 50; at += 1) put(store!, { key: `k${at}` });
  store!.doom(store!.open(store!.find('k7'))!);
  const keys: string[] = [];
  let from = 0;
  while (from !== -1) from = store!.forEach((object) => void keys.push(object.key), { from, maxEntries: 7 });
  assert.equal(keys.length, 49);
  assert.equal(new Set(keys).size, 49);
});

test('what is too large is refused and counted, and a fill that failed cannot be published', () => {
  const [store] = makeStores(MIB);
  const { maxBodyBytes } = store!;
  assert.equal(store!.begin({ key: 'k', meta: '', numbers: numbersOf(), expectedBytes: maxBodyBytes + 1 }), undefined);
  assert.equal(store!.begin({ key: 'k'.repeat(61_441), meta: '', numbers: numbersOf(), expectedBytes: 0 }), undefined);
  assert.equal(store!.begin({ key: 'k', meta: 'm'.repeat(61_440), numbers: numbersOf(), expectedBytes: 0 }), undefined);
  const fill = store!.begin({ key: 'k', meta: '', numbers: numbersOf(), expectedBytes: -1 })!;
  assert.ok(fill.write(Buffer.alloc(maxBodyBytes)));
  assert.ok(!fill.write(Buffer.alloc(1)));
  assert.ok(!fill.write(Buffer.alloc(0)));
  assert.equal(fill.publish([]), undefined);
  assert.deepEqual(store!.stats().failedFills, { tooLarge: 4, noRoom: 0, lockTimeout: 0, aborted: 0 });
  assert.equal(store!.stats().freeBytes, store!.stats().arenaBytes);
  assertSound(store!);
});

test('the longest head is stored', () => {
  const [store] = makeStores(MIB);
  const object = put(store!, { key: 'k'.repeat(40_000), meta: 'm'.repeat(21_440), body: bodyOf(10_000, 4) })!;
  assert.ok(readBody(object).equals(bodyOf(10_000, 4)));
  assert.equal(store!.open(store!.find('k'.repeat(40_000)))!.meta.length, 21_440);
  assertSound(store!);
});

test('when everything is pinned or being filled there is no room, and later there is again', () => {
  const [store] = makeStores(128 * 1024);
  const pinned = [];
  for (let at = 0; ; at += 1) {
    const object = put(store!, { key: `k${at}`, body: bodyOf(5000, at) });
    if (object === undefined) break;
    assert.ok(store!.pin(object));
    pinned.push(object);
  }
  assert.ok(pinned.length > 10);
  assert.ok(store!.stats().failedFills.noRoom + store!.stats().failedFills.aborted > 0);
  for (const [at, object] of pinned.entries()) assert.ok(readBody(object).equals(bodyOf(5000, at)));
  assertSound(store!);
  for (const object of pinned) store!.unpin(object);
  assert.ok(put(store!, { key: 'again', body: bodyOf(5000, 0) }));
  assertSound(store!);
});

test('a store is never larger than asked for, and uses nearly all of it', () => {
  for (const bytes of [65_536, 65_537, 100_000, 2 ** 20 + 17, 2 ** 24]) {
    const memory = createObjectStore({ bytes, participants: 4, seed: SEED });
    assert.ok(memory.byteLength <= bytes && memory.byteLength > bytes - 256);
    const { arenaBytes } = new ObjectStore(memory, 0).stats();
    assert.ok(arenaBytes > bytes * 0.7 && arenaBytes < bytes, `${arenaBytes} of ${bytes}`);
  }
  assert.throws(() => createObjectStore({ bytes: 1000, participants: 4, seed: SEED }), /bytes/);
  assert.throws(() => createObjectStore({ bytes: MIB, participants: 129, seed: SEED }), /participants/);
  assert.throws(() => createObjectStore({ bytes: MIB, participants: 1, seed: SEED.subarray(1) }), /seed/);
  assert.throws(() => new ObjectStore(createObjectStore({ bytes: MIB, participants: 2, seed: SEED }), 2), /participant/);
});

test('running fills may have half of the arena, so that many slow ones do not push out everything', () => {
  const [store] = makeStores(MIB);
  for (let at = 0; at < 40; at += 1) put(store!, { key: `k${at}`, body: bodyOf(10_000, at) });
  const fills = [];
  for (;;) {
    const fill = store!.begin({ key: 'slow', meta: '', numbers: numbersOf(), expectedBytes: 30_000 });
    if (fill === undefined) break;
    fill.write(bodyOf(1000, 0));
    fills.push(fill);
  }
  const { arenaBytes, fillingBytes, failedFills } = store!.stats();
  assert.ok(fillingBytes <= arenaBytes / 2 && fillingBytes > arenaBytes / 2 - 32_000);
  assert.equal(failedFills.noRoom, 1);
  assert.ok(listOf(store!, 'k39').length === 1);
  assertSound(store!);
  const growing = fills.pop()!;
  assert.ok(!growing.write(bodyOf(200_000, 1)), 'neither may one grow beyond that');
  growing.abort();
  for (const fill of fills.slice(0, 5)) fill.abort();
  assert.ok(put(store!, { key: 'next', body: bodyOf(30_000, 1) }));
  for (const fill of fills) fill.publish([]);
  assert.equal(store!.stats().fillingBytes, 0);
  assertSound(store!);
});

test('numbers that are not given are 0, also the one that says when the object is useless', () => {
  const [store] = makeStores(MIB);
  const object = put(store!, { key: 'k', numbers: [] })!;
  assert.deepEqual(store!.open(object.entry)?.numbers, numbersOf());
  const updated = store!.update(object, 'm', [])!;
  assert.deepEqual(store!.open(updated.entry)?.numbers, numbersOf());
  put(store!, { key: 'l', numbers: [5, 6] });
  assert.deepEqual(store!.open(store!.find('l'))?.numbers, numbersOf(5, 6));
  assert.equal(store!.sweepExpired(1e15, 100), 1);
});

test('nothing is opened where nothing was found, and what was not pinned is not unpinned', () => {
  const [store, other] = makeStores(MIB);
  assert.equal(store!.open(store!.find('k')), undefined);
  const object = put(store!, { key: 'k', body: bodyOf(500, 1) })!;
  assert.ok(store!.pin(object));
  other!.unpin(object);
  store!.doom(object);
  assert.ok(readBody(object).equals(bodyOf(500, 1)));
  store!.unpin(object);
  assertSound(store!);
});

test('of keys with one hash only the one that is asked for is found', () => {
  const [store] = makeStores(MIB);
  const { records, buckets, seed } = new StoreMemory(store!.memory);
  const hash = new KeyedHash(seed);
  hash.hash('a key');
  const bucket = hash.low & (buckets.length - 1);
  for (const key of ['b key', 'a longer key']) {
    // As if their hashes were those of another key.
    const { entry } = put(store!, { key })!;
    records[entry * RECORD_WORDS + RECORD.HASH_LOW] = hash.low;
    records[entry * RECORD_WORDS + RECORD.HASH_HIGH] = hash.high;
    records[entry * RECORD_WORDS + RECORD.CHAIN_NEXT] = buckets[bucket]!;
    buckets[bucket] = entry + 1;
  }
  assert.equal(store!.find('a key'), -1);
  assert.equal(store!.find('no key'), -1);
});

test('of a body that changes under its reader there are no pieces, whatever its blocks seem to say', () => {
  const [store] = makeStores(MIB);
  const { records, words } = new StoreMemory(store!.memory);
  for (const [cell, value] of [
    [BLOCK.NEXT, 0],
    [BLOCK.NEXT, 2 ** 30],
    [BLOCK.USED, -1],
    [BLOCK.USED, 2 ** 30],
    [BLOCK.BODY_AT, 3],
    [BLOCK.GRANULES, 0],
  ] as const) {
    const { entry } = put(store!, { key: 'k', body: bodyOf(70_000, 1) })!;
    words[records[entry * RECORD_WORDS + RECORD.FIRST]! * GRANULE_WORDS + cell] = value;
    assert.deepEqual(store!.open(entry)?.pieces, [], `${cell} is ${value}`);
  }
  // A block behind the first that holds nothing.
  const { entry } = put(store!, { key: 'k', body: bodyOf(70_000, 1) })!;
  const next = words[records[entry * RECORD_WORDS + RECORD.FIRST]! * GRANULE_WORDS + BLOCK.NEXT]! - 1;
  words[next * GRANULE_WORDS + BLOCK.USED] = 0;
  assert.deepEqual(store!.open(entry)?.pieces, []);
});

test('a head whose lengths cannot be right is none', () => {
  const memory = createStoreMemory({ bytes: MIB, participants: 1, seed: SEED });
  const last = memory.granules - 1;
  const first = last - 1;
  for (const [block, cell, value] of [
    [first, BLOCK.KEY_LENGTH, -1],
    [first, BLOCK.KEY_LENGTH, MAX_HEAD_BYTES + 1],
    [first, BLOCK.KEY_LENGTH, 1000],
    [last, BLOCK.KEY_LENGTH, -1],
    [last, BLOCK.KEY_LENGTH, MAX_HEAD_BYTES + 1],
    [last, BLOCK.META_LENGTH, -1],
    [last, BLOCK.META_LENGTH, MAX_HEAD_BYTES + 1],
    [last, BLOCK.META_LENGTH, 1000],
  ] as const) {
    memory.words.fill(0);
    memory.words[block * GRANULE_WORDS + cell] = value;
    assert.equal(readHead(memory, first, last), undefined, `${cell} is ${value}`);
  }
});
