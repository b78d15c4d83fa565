import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { generationOf } from '../../src/shm/entry-table.ts';
import { ObjectStore } from '../../src/shm/object-store.ts';
import { CONTROL, StoreMemory } from '../../src/shm/store-layout.ts';
import { runKilledAt } from '../harness/kill-at.ts';
import { StepRig } from '../harness/step-scheduler.ts';
import {
  allOf,
  faultsOfEmptying,
  faultsOfStore,
  isObject,
  lookUp,
  makeStore,
  metaOf,
  numbersOf,
  put,
  readByPin,
  replace,
  stampOf,
  wearEntries,
} from './store-world.ts';

/** Every number in shared memory that wraps, set to just before it. */

const BYTES = 256 * 1024;
const KEY = 'https://a.example/a';
const MAX_GENERATION = 2 ** 30 - 1;

function storeWith(prepare: (views: StoreMemory) => void): { readonly memory: SharedArrayBuffer; readonly store: ObjectStore } {
  const memory = makeStore(BYTES);
  prepare(new StoreMemory(memory));
  return { memory, store: new ObjectStore(memory, 0) };
}

for (const generation of [MAX_GENERATION - 3, MAX_GENERATION - 1, MAX_GENERATION, 2 ** 29 - 1, 2 ** 22 - 1]) {
  test(`generations go on from ${generation}: nothing old is taken for current`, () => {
    const { memory, store } = storeWith(({ memory }) => wearEntries(memory, generation));
    const seen = new Set<number>();
    let version = 1;
    assert.ok(isObject(put(store, KEY, version, 300)));
    for (let round = 0; round < 8; round += 1) {
      const object = lookUp(store, KEY)!;
      const place = object.entry * 2 ** 31 + object.generation;
      assert.ok(!seen.has(place), 'a generation comes once');
      assert.ok(object.generation >= 0 && object.generation <= MAX_GENERATION);
      seen.add(place);
      assert.ok(store.setFlags(object, 1 << (round % 8)));
      assert.ok(store.claim(object, 1_000 * round));
      version += 1;
      const stamp = { ...stampOf(object, KEY), version };
      const next = round % 2 === 0 ? store.update(object, metaOf(stamp), numbersOf(stamp)) : replace(store, KEY, version, 300);
      assert.ok(typeof next === 'object');
      assert.ok(!store.isCurrent(object) && !store.pin(object) && !store.doom(object) && !store.setFlags(object, 1));
      assert.equal(store.flagsOf(next), 0, 'flags and claim end with the generation');
      assert.ok(store.claim(next, 1_000 * round));
      store.release(next);
      assert.equal(readByPin(store, KEY), version);
      assert.deepEqual(faultsOfStore(memory), []);
    }
  });
}

test('the words of a generation are those of the record: 30 bits, none negative', () => {
  assert.equal(generationOf((MAX_GENERATION << 2) | 2), MAX_GENERATION);
});

for (const turn of [0x7ffffffd, -4]) {
  test(`births and turns in the queues go on from ${turn}: after a rebuild the newest is still found first`, () => {
    const { memory, store } = storeWith(({ control }) => {
      control[CONTROL.BIRTH] = turn;
      control[CONTROL.QUEUE_TURN] = turn;
      control[CONTROL.GHOST_CLOCK] = turn;
    });
    for (let version = 1; version <= 8; version += 1) assert.ok(isObject(put(store, KEY, version, 200)));
    const newestFirst = [8, 7, 6, 5, 4, 3, 2, 1];
    const versions = () => allOf(store, KEY).map((object) => stampOf(object, KEY).version);
    assert.deepEqual(versions(), newestFirst);
    // Dies with the lock: everything is made anew from births and turns.
    const victim = new ObjectStore(memory, 1);
    let step = 1;
    while (lockOf(memory) === 0) {
      runKilledAt(step, () => put(victim, `${KEY}/other`, 1, 200));
      step += 1;
      if (lockOf(memory) === 0) new ObjectStore(memory, 2).recover(1);
    }
    assert.equal(new ObjectStore(memory, 2).recover(1).brokeLock, true);
    assert.deepEqual(versions(), newestFirst);
    assert.deepEqual(faultsOfStore(memory), []);
  });
}

function lockOf(memory: SharedArrayBuffer): number {
  return new StoreMemory(memory).control[CONTROL.LOCK] ?? 0;
}

test('a store whose counters wrap evicts and forgets as ever', () => {
  const fresh = new ObjectStore(makeStore(BYTES), 0).stats();
  const { memory, store } = storeWith(({ control }) => {
    control[CONTROL.GHOST_CLOCK] = -2_000;
    control[CONTROL.QUEUE_TURN] = -300;
    control[CONTROL.BIRTH] = 0x7fffffff - 300;
    control[CONTROL.TURN] = 0x7fffffff - 300;
    control[CONTROL.DOOMS] = -3;
    control[CONTROL.LOCK_TIMEOUTS] = -1;
  });
  for (let i = 0; i < 600; i += 1)
    assert.ok(isObject(put(store, `${KEY}/${i % 150}`, i + 1, 2_400, { replaces: allOf(store, `${KEY}/${i % 150}`) })));
  const stats = store.stats();
  assert.ok(stats.evictions > 100 && stats.dooms < 2 ** 32);
  assert.deepEqual(faultsOfStore(memory), []);
  assert.deepEqual(faultsOfEmptying(memory, fresh), []);
});

test('a claim holds for its time across the wrap of its seconds, and can be taken over after it', () => {
  const wrapMs = 2 ** 23 * 1000;
  const { memory, store } = storeWith(() => {});
  assert.ok(isObject(put(store, KEY, 1, 100)));
  const object = lookUp(store, KEY)!;
  const other = new ObjectStore(memory, 1);
  assert.ok(store.claim(object, wrapMs - 2_000));
  for (const laterMs of [0, 1_000, 3_000, 50_000]) assert.ok(!other.claim(object, wrapMs - 2_000 + laterMs), `${laterMs}`);
  assert.ok(other.claim(object, wrapMs + 65_000), 'its owner has forgotten it');
  assert.ok(!store.claim(object, wrapMs + 66_000));
});

describe('across the wrap of the generation, in every order of steps', () => {
  let rig: StepRig;
  before(async () => {
    rig = await StepRig.open(new URL('./cases/store-edges.ts', import.meta.url), 2);
  });
  after(() => rig.close());

  for (const name of ['across the wrap: a reader by copy, bytes dropped and reused', 'across the wrap: a reader by pin, an update']) {
    test(`${name}, at most one preemption`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 20, `${runs}`);
    });
  }

  for (const name of ['one bucket: a walk to its end, one of it dropped and reused', 'one bucket: a walk to its end, one more in it']) {
    test(`${name}, at most one preemption`, async () => {
      const { runs } = await rig.explore(name, { maxPreemptions: 1 });
      assert.ok(runs > 20, `${runs}`);
    });
  }
});
