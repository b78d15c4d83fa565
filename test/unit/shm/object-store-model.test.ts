import type { Numbers } from '../../../src/base/numbers.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ObjectStore } from '../../../src/shm/object-store.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';
import { assertSound, bodyOf, listOf, makeStores, numbersOf, put, readBody } from './store-fixture.ts';

const PARTICIPANTS = 3;

const who = fc.nat(PARTICIPANTS - 1);
const KEYS = ['a', 'b', 'c', 'http://long.example/with/a/path?and=query', ''];
const key = fc.constantFrom(...KEYS);
const size = fc.oneof(fc.nat(200), fc.nat(5000), fc.nat(40_000));
const which = fc.nat(5);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      who,
      key,
      size,
      isKnown: fc.boolean(),
      isReplacing: fc.boolean(),
      meta: fc.nat(3000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), who, key, size }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('update' as const), who, key, which, meta: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('doom' as const), who, key, which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flag' as const), who, key, which, bits: fc.nat(255) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pin' as const), who, key, which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('unpin' as const), which: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('touch' as const), who, key, which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep' as const), who, hostMs: fc.integer({ min: 1, max: 100 }) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What the plain reference remembers of an object. */
type Plain = { readonly meta: string; readonly body: Buffer; readonly numbers: Numbers; readonly flags: number };

/** The store and a plain reference of it: for each key a list, the newest first. */
class Twin {
  readonly stores: ObjectStore[];
  readonly lists = new Map<string, Plain[]>();
  readonly pins: { readonly store: ObjectStore; readonly object: StoredObject; readonly body: Buffer }[] = [];
  #salt = 0;

  constructor(bytes: number) {
    this.stores = makeStores(bytes, PARTICIPANTS);
  }

  list(key: string): Plain[] {
    return this.lists.get(key) ?? [];
  }

  run(action: Step): void {
    this.#salt += 1;
    if (action.kind === 'unpin') {
      const [pin] = this.pins.splice(action.which % Math.max(this.pins.length, 1), 1);
      pin?.store.unpin(pin.object);
      return;
    }
    const store = this.stores[action.who]!;
    if (action.kind === 'sweep') {
      store.sweepExpired(action.hostMs, 1000);
      const isUseless = ({ numbers }: Plain) => numbers[0]! > 0 && numbers[0]! < action.hostMs;
      for (const [key, list] of this.lists)
        this.lists.set(
          key,
          list.filter((plain) => !isUseless(plain)),
        );
      return;
    }
    if (action.kind === 'put') this.#put(store, action);
    else if (action.kind === 'abort') this.#abort(store, action);
    else this.#change(store, action);
  }

  #put(store: ObjectStore, action: Step & { kind: 'put' }): void {
    const made = { meta: 'm'.repeat(action.meta), body: bodyOf(action.size, this.#salt), numbers: numbersOf(this.#salt % 120, this.#salt) };
    const replaced = action.isReplacing ? listOf(store, action.key) : [];
    const object = put(store, { ...made, key: action.key, chunk: 9000, expected: action.isKnown ? action.size : -1 }, replaced);
    if (object === undefined) return;
    this.lists.set(action.key, [{ ...made, flags: 0 }, ...(action.isReplacing ? [] : this.list(action.key))]);
  }

  #abort(store: ObjectStore, action: Step & { kind: 'abort' }): void {
    const fill = store.begin({ key: action.key, meta: '', numbers: numbersOf(), expectedBytes: -1 });
    fill?.write(bodyOf(action.size, this.#salt));
    fill?.abort();
  }

  #change(store: ObjectStore, action: Step & { kind: 'update' | 'doom' | 'flag' | 'pin' | 'touch' }): void {
    const objects = listOf(store, action.key);
    const at = action.which % Math.max(objects.length, 1);
    const object = objects[at];
    if (object === undefined) return;
    // The tight store has dropped some: find what it is by its second number.
    const list = this.list(action.key);
    const plainAt = list.findIndex((plain) => plain.numbers[1] === object.numbers[1]);
    const plain = list[plainAt]!;
    if (action.kind === 'touch') store.touch(object);
    else if (action.kind === 'pin') {
      assert.ok(store.pin(object));
      this.pins.push({ store, object, body: plain.body });
    } else if (action.kind === 'flag') {
      assert.ok(store.setFlags(object, action.bits));
      list[plainAt] = { ...plain, flags: plain.flags | action.bits };
    } else if (action.kind === 'doom') {
      assert.ok(store.doom(object));
      list.splice(plainAt, 1);
    } else {
      const changed = { ...plain, meta: 'n'.repeat(action.meta), numbers: numbersOf(plain.numbers[0]!, this.#salt), flags: 0 };
      if (store.update(object, changed.meta, changed.numbers) !== undefined) list[plainAt] = changed;
    }
  }

  /** Whoever looks sees the same; with `isTight`, some may have been dropped. */
  check(isTight: boolean): void {
    for (const key of [...KEYS, 'never']) {
      for (const store of this.stores) {
        const objects = listOf(store, key);
        let plains = this.list(key);
        if (isTight) plains = plains.filter((plain) => objects.some((object) => object.numbers[1] === plain.numbers[1]));
        assert.deepEqual(
          objects.map((object) => [object.meta, object.numbers, store.flagsOf(object)]),
          plains.map((plain) => [plain.meta, plain.numbers, plain.flags]),
        );
        for (const [at, object] of objects.entries()) assert.ok(readBody(object).equals(plains[at]!.body));
      }
    }
    for (const { object, body } of this.pins) assert.ok(readBody(object).equals(body), 'what is pinned stays');
    const stats = this.stores[0]!.stats();
    assert.ok(stats.payloadBytes <= stats.arenaBytes - stats.freeBytes);
  }

  /** At the end nothing may be left of anything. */
  empty(): void {
    for (const { store, object } of this.pins.splice(0)) store.unpin(object);
    const [store] = this.stores;
    store!.forEach((object) => void store!.doom(object));
    assertSound(store!);
    const stats = store!.stats();
    assert.deepEqual([stats.objects, stats.payloadBytes, stats.freeBytes], [0, 0, stats.arenaBytes]);
    assert.equal(stats.largestFreeBytes, stats.arenaBytes);
  }
}

test('a roomy store agrees with a plain map of lists, whatever is done to it by three participants', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const twin = new Twin(8 * 2 ** 20);
      for (const action of steps) twin.run(action);
      twin.check(false);
      assertSound(twin.stores[0]!);
      twin.empty();
    }),
    { numRuns: 80 },
  );
});

test('a tight store holds some of what the map holds, whole and in order, and keeps its invariants at every step', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const twin = new Twin(192 * 1024);
      for (const action of steps) {
        twin.run(action);
        assertSound(twin.stores[1]!);
      }
      twin.check(true);
      twin.empty();
    }),
    { numRuns: 60 },
  );
});

test('recovery of a participant that has left nothing changes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const twin = new Twin(8 * 2 ** 20);
      for (const action of steps) if (action.kind === 'unpin' || action.who !== 2 || action.kind !== 'pin') twin.run(action);
      const report = twin.stores[0]!.recover(2);
      assert.deepEqual(report, { isComplete: true, brokeLock: false, fills: 0, pins: 0, claims: 0 });
      twin.check(false);
      assertSound(twin.stores[0]!);
    }),
    { numRuns: 30 },
  );
});
