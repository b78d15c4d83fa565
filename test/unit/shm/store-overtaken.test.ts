import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Fill } from '../../../src/shm/fill.ts';
import type { ObjectStore } from '../../../src/shm/object-store.ts';
import { PresenceCells } from '../../../src/shm/presence-cells.ts';
import { overtakeAtEveryStep, runOvertaken } from '../../harness/overtake.ts';
import { realAtomics } from '../../harness/steps.ts';
import { assertSound, bodyOf, listOf, makeStores, numbersOf, put, readBody } from './store-fixture.ts';

/** One thread stands still at some step while another does something whole. All orders of two that both go on: test/threads/store-orders.test.ts. */

const BYTES = 64 * 1024;
const KEY = 'GET https://example.com/';
const BODY = bodyOf(1000, 1);

function makeWorld(): [ObjectStore, ObjectStore] {
  return makeStores(BYTES, 2) as [ObjectStore, ObjectStore];
}

function begin(store: ObjectStore): Fill {
  const fill = store.begin({ key: KEY, meta: 'the meta', numbers: numbersOf(0, 7), expectedBytes: -1 });
  assert.ok(fill !== undefined);
  return fill;
}

describe('a filling object', () => {
  test('while it is begun nobody opens it before its head is there', () => {
    let opened = 0;
    const steps = overtakeAtEveryStep({
      prepare: makeWorld,
      act: ([a]) => begin(a),
      other: ([, b]) => {
        const object = b.openFilling(0, 0, KEY);
        if (object === undefined) return;
        opened += 1;
        assert.deepEqual([object.meta, object.numbers[1], object.length], ['the meta', 7, 0]);
        object.unpin();
      },
      check: ([a, b], fill) => {
        b.openFilling(fill.entry, fill.generation, KEY)!.unpin();
        fill.abort();
        assertSound(a);
      },
    });
    assert.ok(opened < steps);
  });

  for (const end of ['published', 'dropped', 'updated', 'aborted'] as const) {
    test(`${end} at any step of being opened it opens as it was, or not at all`, () => {
      overtakeAtEveryStep({
        prepare: () => {
          const [a, b] = makeWorld();
          const fill = begin(a);
          fill.write(BODY);
          return { a, b, fill };
        },
        act: ({ b, fill }) => b.openFilling(fill.entry, fill.generation, KEY),
        other: ({ a, fill }) => {
          if (end === 'aborted') return fill.abort();
          const stored = fill.publish([])!;
          if (end === 'dropped') a.doom(stored);
          if (end === 'updated') a.update(stored, 'another meta', numbersOf());
        },
        check: ({ a }, object) => {
          if (object === undefined) assert.notEqual(end, 'published');
          else {
            assert.deepEqual([object.meta, object.state], ['the meta', end === 'aborted' ? 'gone' : 'whole']);
            assert.deepEqual(Buffer.from(object.cursor().next(object.length, 1000)!), BODY);
            object.unpin();
          }
          put(a, { key: 'next' });
          assertSound(a);
        },
      });
    });
  }

  test('a cursor gives no more than has been written, whatever length it is told', () => {
    const [a, b] = makeStores(2 ** 20) as [ObjectStore, ObjectStore];
    const fill = begin(a);
    const body = bodyOf(9000, 1);
    fill.write(body);
    assert.equal(fill.isRead, false);
    const object = b.openFilling(fill.entry, fill.generation, KEY)!;
    assert.equal(fill.isRead, true);
    const cursor = object.cursor();
    const parts: Buffer[] = [];
    for (let bytes = cursor.next(1e9, 5000); bytes !== undefined; bytes = cursor.next(1e9, 5000)) parts.push(Buffer.from(bytes));
    assert.deepEqual(Buffer.concat(parts), body);
    assert.equal(object.cursor().skip(1e9, 1e6), 9000);
  });
});

describe('a stored object', () => {
  test('of which another takes the place in mid-opening opens as it was, or not at all', () => {
    overtakeAtEveryStep({
      prepare: () => {
        const [a, b] = makeWorld();
        return { a, b, object: put(a, { key: KEY, meta: 'the meta', body: BODY })! };
      },
      act: ({ b }) => b.open(b.find(KEY), KEY),
      other: ({ a, object }) => {
        a.doom(object);
        // The same entry, and the same bytes.
        assert.equal(put(a, { key: `${KEY}/next`, meta: '\xff'.repeat(900), body: Buffer.alloc(3000, 0xff) })?.entry, object.entry);
      },
      check: ({ a, b }, opened) => {
        if (opened !== undefined) assert.deepEqual([opened.key, opened.meta, opened.bodyLength], [KEY, 'the meta', 1000]);
        assert.deepEqual(readBody(listOf(b, `${KEY}/next`)[0]!), Buffer.alloc(3000, 0xff));
        assertSound(a);
      },
    });
  });

  for (const call of ['release', 'claim', 'setFlags', 'pin', 'update', 'doom'] as const) {
    test(`${call}, overtaken at any step by one that takes over its claim, updates or drops it`, () => {
      for (const other of ['claim', 'update', 'doom'] as const) {
        overtakeAtEveryStep({
          prepare: () => {
            const [a, b] = makeWorld();
            const object = put(a, { key: KEY, meta: 'the meta', body: BODY })!;
            if (call === 'release') assert.ok(a.claim(object, 1000));
            return { a, b, object, hasActed: false };
          },
          act: ({ a, object }) => {
            if (call === 'claim') return a.claim(object, 200_000);
            if (call === 'setFlags') return a.setFlags(object, 1);
            if (call === 'update') return a.update(object, 'new', numbersOf()) !== undefined;
            if (call === 'pin') {
              const isPinned = a.pin(object);
              if (isPinned) a.unpin(object);
              return isPinned;
            }
            return a[call](object);
          },
          other: (world) => {
            const { b, object } = world;
            if (other === 'claim') world.hasActed = b.claim(object, 200_000);
            else if (other === 'update') world.hasActed = b.update(object, 'newer', numbersOf()) !== undefined;
            else world.hasActed = b.doom(object);
          },
          check: ({ a, b, object, hasActed }, isDone) => {
            // What waits for the lock to come free.
            put(a, { key: 'next' });
            const [live] = listOf(b, KEY);
            if (other === 'doom' && hasActed) assert.equal(live, undefined);
            if (other === 'claim' && hasActed && call !== 'update' && call !== 'doom')
              assert.ok(!a.claim(object, 200_001), 'the claim holds');
            if (other === 'update' && call === 'update') assert.ok(isDone !== hasActed, 'one of the two');
            if (live !== undefined) assert.deepEqual(readBody(live), BODY);
            assertSound(a);
          },
        });
      }
    });
  }
});

test('a removal that is always overtaken is given up: whoever has to removes the whole slot then', () => {
  const cells = new Uint16Array(new SharedArrayBuffer(16));
  const presence = new PresenceCells(cells);
  const isBlocked = runOvertaken(
    () => presence.block(3),
    ({ kind }) => {
      if (kind === 'swap') realAtomics.add(cells as never, 3, 1);
    },
  );
  assert.equal(isBlocked, false);
  assert.ok(presence.isReadable(3));
});
