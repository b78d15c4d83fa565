import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import fc from 'fast-check';
import type { BodyCursor } from '../../../src/shm/body-cursor.ts';
import type { Fill } from '../../../src/shm/fill.ts';
import type { FillingObject } from '../../../src/shm/filling-object.ts';
import type { ObjectStore } from '../../../src/shm/object-store.ts';
import { OwnerLock } from '../../../src/shm/owner-lock.ts';
import { CONTROL, RECORD, RECORD_WORDS, StoreMemory } from '../../../src/shm/store-layout.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { assertSound, bodyOf, makeStores, numbersOf, put, readBody } from './store-fixture.ts';

const KEY = 'GET https://example.com/';
const BYTES = 512 * 1024;

function begin(store: ObjectStore, expectedBytes = -1): Fill {
  const fill = store.begin({ key: KEY, meta: 'the meta', numbers: numbersOf(0, 7), expectedBytes });
  assert.ok(fill !== undefined);
  return fill;
}

function open(store: ObjectStore, fill: Fill): FillingObject {
  const object = store.openFilling(fill.entry, fill.generation, KEY);
  assert.ok(object !== undefined);
  return object;
}

function readOn(object: FillingObject, cursor: BodyCursor, maxBytes = 65_536): Buffer {
  const parts: Buffer[] = [];
  const { length } = object;
  for (let bytes = cursor.next(length, maxBytes); bytes !== undefined; bytes = cursor.next(length, maxBytes)) {
    assert.ok(bytes.length > 0 && bytes.length <= maxBytes);
    parts.push(Buffer.from(bytes));
  }
  assert.equal(cursor.position, length);
  return Buffer.concat(parts);
}

function waiterOf(): { told: number; onChange(): void } {
  return {
    told: 0,
    onChange(): void {
      this.told += 1;
    },
  };
}

/** Puts objects until everything that may go has gone. */
function press(store: ObjectStore): void {
  for (let at = 0; at < 60; at += 1) put(store, { key: `other ${at}`, body: bodyOf(20_000, at) });
}

describe('an object that is read while it fills', () => {
  test('another thread has its head at once, and its body as it grows', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const object = open(b, fill);
    const cursor = object.cursor();
    assert.deepEqual([object.key, object.meta, object.numbers[1]], [KEY, 'the meta', 7]);
    assert.deepEqual([object.state, object.length, cursor.next(object.length, 100)], ['filling', 0, undefined]);
    const body = bodyOf(30_000, 1);
    for (let at = 0; at < body.length; at += 5000) {
      assert.ok(fill.write(body.subarray(at, at + 5000)));
      assert.equal(object.length, at + 5000);
      assert.deepEqual(readOn(object, cursor), body.subarray(at, at + 5000));
    }
    assert.equal(a.find(KEY), -1, 'nobody finds it yet');
    object.unpin();
    fill.abort();
    assertSound(a);
  });

  test('published it is the same entry: whoever reads goes on, and it ends whole', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const body = bodyOf(100_000, 2);
    fill.write(body.subarray(0, 70_000));
    const object = open(b, fill);
    const cursor = object.cursor();
    const first = Buffer.from(cursor.next(object.length, 1000)!);
    fill.write(body.subarray(70_000));
    const stored = fill.publish([])!;
    assert.deepEqual([object.state, object.length], ['whole', body.length]);
    assert.equal(b.find(KEY), object.entry);
    assert.deepEqual(Buffer.concat([first, readOn(object, cursor)]), body);
    assert.deepEqual(readBody(stored), body);
    object.unpin();
    assertSound(a);
  });

  test('who comes when it has just become whole opens it by the same name', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const body = bodyOf(10_000, 3);
    fill.write(body);
    fill.publish([]);
    const object = open(b, fill);
    assert.equal(object.state, 'whole');
    assert.deepEqual(readOn(object, object.cursor()), body);
    object.unpin();
  });

  test('doomed, updated or pressed for room in the middle of being read: its bytes stay until the last unpin', () => {
    for (const end of ['doomed', 'updated', 'pressed'] as const) {
      const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
      const fill = begin(a);
      const body = bodyOf(50_000, 4);
      fill.write(body.subarray(0, 20_000));
      const object = open(b, fill);
      const cursor = object.cursor();
      const first = Buffer.from(cursor.next(object.length, 300)!);
      fill.write(body.subarray(20_000));
      const stored = fill.publish([])!;
      if (end === 'doomed') a.doom(stored);
      if (end === 'updated') assert.ok(a.update(stored, 'another meta', numbersOf(0)) !== undefined);
      press(a);
      assert.equal(object.state, 'whole');
      assert.deepEqual(Buffer.concat([first, readOn(object, cursor)]), body, end);
      assert.equal(object.pin(), end !== 'updated', 'after an update the object is to be looked up');
      if (end !== 'updated') object.unpin();
      object.unpin();
      assertSound(a);
      if (end !== 'pressed') assert.equal(b.openFilling(fill.entry, fill.generation, KEY), undefined);
    }
  });

  test('a fill that is given up is gone, but what was published can be read until the last unpin', () => {
    const [a, b, c] = makeStores(BYTES) as [ObjectStore, ObjectStore, ObjectStore];
    const fill = begin(a);
    const body = bodyOf(60_000, 5);
    fill.write(body);
    const readers = [open(b, fill), open(c, fill)];
    assert.ok(readers[0]!.pin());
    fill.abort();
    press(a);
    for (const object of readers) {
      assert.deepEqual([object.state, object.length], ['gone', body.length]);
      assert.deepEqual(readOn(object, object.cursor()), body);
    }
    assert.equal(a.openFilling(fill.entry, fill.generation, KEY), undefined, 'nobody new comes to it');
    assert.ok(readers[0]!.pin(), 'but who holds it already may hand it on');
    const freeBytes = () => a.stats().freeBytes;
    for (const at of [0, 0, 0, 1]) {
      press(a);
      const before = readOn(readers[at]!, readers[at]!.cursor());
      assert.deepEqual(before, body);
      readers[at]!.unpin();
    }
    const freed = freeBytes();
    a.doom(put(a, { key: 'next', body: bodyOf(10, 1) })!);
    assert.ok(freeBytes() >= freed + 60_000);
    assertSound(a);
  });

  test('nobody reads: a fill that is given up is free at once', () => {
    const [a] = makeStores(BYTES) as [ObjectStore];
    const free = a.stats().freeBytes;
    const fill = begin(a);
    fill.write(bodyOf(40_000, 1));
    fill.abort();
    assert.equal(a.stats().freeBytes, free);
  });

  test('it is whole for those who read it also when it cannot be published', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const body = bodyOf(9000, 6);
    fill.write(body);
    const object = open(b, fill);
    const { control } = new StoreMemory(a.memory);
    const lock = new OwnerLock(control, CONTROL.LOCK, 2);
    assert.equal(lock.acquire(), 'mine');
    assert.equal(fill.publish([]), undefined);
    assert.equal(object.state, 'whole');
    lock.release();
    press(a);
    assert.deepEqual(readOn(object, object.cursor()), body);
    object.unpin();
    assertSound(a);
  });

  test('a write that fails and the abort after it: gone, never whole', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const object = open(b, fill);
    assert.ok(fill.write(bodyOf(1000, 1)));
    assert.ok(!fill.write(bodyOf(BYTES, 1)));
    assert.equal(fill.publish([]), undefined);
    assert.deepEqual([object.state, object.length], ['gone', 1000]);
    object.unpin();
    assertSound(a);
  });

  test('only by its own name: another key, generation or entry is nothing', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    fill.write(bodyOf(100, 1));
    const { entry, generation } = fill;
    for (const [at, of, key] of [
      [entry, generation, `${KEY}x`],
      [entry, generation + 1, KEY],
      [entry, generation - 1, KEY],
      [entry + 1, generation, KEY],
      [-1, generation, KEY],
      [1e9, generation, KEY],
    ] as const) {
      assert.equal(b.openFilling(at, of, key), undefined);
    }
    fill.abort();
    assert.equal(b.openFilling(entry, generation, KEY), undefined);
    assertSound(a);
    const next = begin(a);
    assert.equal(next.entry, entry, 'the entry is used again, and nothing pins it');
    assert.equal(b.openFilling(entry, generation, KEY), undefined);
    next.abort();
  });

  test('a dead filler: its readers are told that it has gone, and keep what there is', async () => {
    const [a, b, c] = makeStores(BYTES) as [ObjectStore, ObjectStore, ObjectStore];
    const fill = begin(a);
    const body = bodyOf(20_000, 8);
    fill.write(body);
    const object = open(b, fill);
    const waiter = waiterOf();
    assert.ok(object.watch(object.length, waiter));
    assert.equal(c.recover(0).fills, 1);
    await waitFor('the reader is told', () => waiter.told === 1);
    assert.equal(object.state, 'gone');
    press(c);
    assert.deepEqual(readOn(object, object.cursor()), body);
    object.unpin();
    assertSound(c);
  });

  test('a reader that dies with its pin leaves nothing', () => {
    const [a, b, c] = makeStores(BYTES) as [ObjectStore, ObjectStore, ObjectStore];
    const free = a.stats().freeBytes;
    const fill = begin(a);
    fill.write(bodyOf(20_000, 8));
    open(b, fill);
    fill.abort();
    assert.ok(a.stats().freeBytes < free);
    assert.equal(c.recover(1).pins, 1);
    assert.equal(a.stats().freeBytes, free);
    assertSound(c);
  });
});

describe('waiting for more of an object', () => {
  test('all readers of a thread are told at each write and at the end, by one wait; the filler wakes once a write', async () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const object = open(b, fill);
    const again = open(b, fill);
    const waits = mock.method(Atomics, 'waitAsync');
    const notifies = mock.method(Atomics, 'notify');
    for (let round = 1; round <= 4; round += 1) {
      const waiters = Array.from({ length: 50 }, waiterOf);
      for (const [at, waiter] of waiters.entries()) assert.ok((at % 2 === 0 ? object : again).watch(object.length, waiter));
      assert.equal(waits.mock.callCount(), round);
      if (round < 4) fill.write(bodyOf(100, round));
      else fill.publish([]);
      assert.equal(notifies.mock.callCount(), round);
      await waitFor('all are told', () => waiters.every(({ told }) => told === 1));
    }
    assert.equal(object.state, 'whole');
    mock.restoreAll();
  });

  test('nobody is woken when nobody waits', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    open(b, fill);
    const notifies = mock.method(Atomics, 'notify');
    for (let at = 0; at < 10; at += 1) fill.write(bodyOf(100, at));
    fill.publish([]);
    assert.equal(notifies.mock.callCount(), 0);
    mock.restoreAll();
  });

  test('who has not seen all there is, or the end, does not wait', () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    for (const end of ['publish', 'abort'] as const) {
      const fill = begin(a);
      const object = open(b, fill);
      fill.write(bodyOf(100, 1));
      assert.ok(!object.watch(0, waiterOf()));
      assert.ok(object.watch(100, waiterOf()));
      if (end === 'publish') fill.publish([]);
      else fill.abort();
      assert.ok(!object.watch(100, waiterOf()));
      object.unpin();
    }
  });

  test('who has had enough is not told', async () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const object = open(b, fill);
    const [gone, there] = [waiterOf(), waiterOf()];
    object.watch(0, gone);
    object.watch(0, there);
    object.unwatch(gone);
    fill.write(bodyOf(1, 1));
    await waitFor('the other is told', () => there.told === 1);
    assert.equal(gone.told, 0);
  });

  test('the count of changes wraps', async () => {
    const [a, b] = makeStores(BYTES) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const object = open(b, fill);
    const { records } = new StoreMemory(a.memory);
    for (const change of [0x7ffffffe, -2]) {
      records[fill.entry * RECORD_WORDS + RECORD.CHANGE] = change;
      const waiter = waiterOf();
      assert.ok(object.watch(object.length, waiter));
      fill.write(bodyOf(10, 1));
      await waitFor('it is told', () => waiter.told === 1);
    }
    assert.equal(records[fill.entry * RECORD_WORDS + RECORD.CHANGE], 0);
  });
});

describe('readers against a plain copy', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(fc.constant('write' as const), fc.integer({ min: 0, max: 90_000 })) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('read' as const), fc.integer({ min: 1, max: 70_000 })) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('skip' as const), fc.integer({ min: 0, max: 100_000 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('other' as const), fc.integer({ min: 0, max: 30_000 })) },
  );

  test('two readers, writes of any size, other objects in between: each reads what was written', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.constantFrom(-1, 0, 5000, 200_000),
        fc.boolean(),
        (steps, expected, isPublished) => {
          const [a, b] = makeStores(2 ** 20) as [ObjectStore, ObjectStore];
          const fill = begin(a, expected);
          const object = open(b, fill);
          const cursors = [object.cursor(), object.cursor()];
          let body = Buffer.alloc(0);
          for (const [at, [what, size]] of steps.entries()) {
            const cursor = cursors[at % 2]!;
            const from = cursor.position;
            if (what === 'write' && body.length + size < a.maxBodyBytes) {
              const bytes = bodyOf(size, at);
              assert.ok(fill.write(bytes));
              body = Buffer.concat([body, bytes]);
            } else if (what === 'read') {
              const bytes = cursor.next(object.length, size);
              assert.equal(bytes === undefined, from === body.length);
              if (bytes !== undefined) assert.deepEqual(Buffer.from(bytes), body.subarray(from, from + bytes.length));
            } else if (what === 'skip') {
              assert.equal(cursor.skip(object.length, size), Math.min(size, body.length - from));
            } else if (what === 'other') put(a, { key: `other ${at}`, body: bodyOf(size, at) });
          }
          if (isPublished) assert.ok(fill.publish([]) !== undefined);
          else fill.abort();
          for (const cursor of cursors) {
            const from = cursor.position;
            assert.deepEqual(readOn(object, cursor, 3000), body.subarray(from));
          }
          object.unpin();
          assertSound(a);
        },
      ),
      { numRuns: 150 },
    );
  });
});
