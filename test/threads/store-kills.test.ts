import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ObjectStore as Store } from '../../src/shm/object-store.ts';
import type { StoredObject } from '../../src/shm/stored-object.ts';
import { killAtEveryStep, type KilledRun, runKilledAt } from '../harness/kill-at.ts';
import { makePlainStoresSteps, NOT_SHARED } from '../harness/steps-plain.ts';

// What is done under the lock is plain: a thread can end between any two of its stores.
makePlainStoresSteps(new URL('../../src/shm/', import.meta.url), NOT_SHARED);
const { ObjectStore } = await import('../../src/shm/object-store.ts');
const {
  checkBody,
  copyBody,
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
} = await import('./store-world.ts');

/** Participants: the one that dies, one that lives on, the coordinator that mends, and 3, which only looks. */
const VICTIM = 0;
const OTHER = 1;
const COORDINATOR = 2;

const BYTES = 1 << 20;
const KEY = 'https://a.example/a';
const ELSE = 'https://a.example/else';
const fresh = new ObjectStore(makeStore(BYTES), 3).stats();

type World = { readonly memory: SharedArrayBuffer; readonly victim: Store; readonly other: Store; pinned?: StoredObject };
type Protocol = {
  readonly name: string;
  readonly act: (world: World) => unknown;
  readonly prepare?: (world: World) => unknown;
  /** What another does between the death and the mending of it, and after that. */
  readonly meanwhile?: (world: World) => unknown;
  readonly afterwards?: (world: World) => unknown;
};

function makeWorld(prepare?: Protocol['prepare']): World {
  const memory = makeStore(BYTES);
  const world: World = { memory, victim: new ObjectStore(memory, VICTIM), other: new ObjectStore(memory, OTHER) };
  assert.ok(isObject(put(world.other, KEY, 1, 300)));
  assert.ok(isObject(put(world.other, ELSE, 1, 3_000)));
  prepare?.(world);
  return world;
}

function fillUp({ other }: World): void {
  for (let i = 0; other.stats().evictions === 0 && i < 10_000; i += 1) put(other, `${ELSE}/${i}`, 1, 1_000 + (i % 7) * 9_000);
  assert.ok(isObject(replace(other, KEY, 1, 300)));
}

function update({ victim }: World, version: number): void {
  const object = lookUp(victim, KEY);
  assert.ok(object !== undefined);
  const stamp = { ...stampOf(object, KEY), version };
  victim.update(object, metaOf(stamp), numbersOf(stamp));
}

const PROTOCOLS: readonly Protocol[] = [
  { name: 'a lookup and a read by pin', act: ({ victim }) => readByPin(victim, KEY) },
  {
    name: 'a pin that is never given back, of an object that was dropped meanwhile',
    act: ({ victim }) => victim.pin(lookUp(victim, KEY)!),
    meanwhile: ({ other }) => {
      const object = lookUp(other, KEY);
      if (object !== undefined) other.doom(object);
    },
  },
  { name: 'a mark', act: ({ victim }) => victim.touch(lookUp(victim, KEY)!) },
  { name: 'a flag', act: ({ victim }) => victim.setFlags(lookUp(victim, KEY)!, 1) },
  { name: 'a drop', act: ({ victim }) => victim.doom(lookUp(victim, KEY)!) },
  {
    name: 'a drop of what another reads',
    prepare: (world) => {
      const object = lookUp(world.other, KEY)!;
      assert.ok(world.other.pin(object));
      world.pinned = object;
    },
    act: ({ victim }) => victim.doom(lookUp(victim, KEY)!),
    afterwards: ({ other, pinned }) => {
      checkBody(pinned!, copyBody(pinned!), KEY);
      other.unpin(pinned!);
    },
  },
  {
    name: 'a claim and its release',
    act: ({ victim }) => {
      const object = lookUp(victim, KEY)!;
      if (victim.claim(object, 1_000)) victim.release(object);
    },
  },
  {
    name: 'a claim and an update',
    act: (world) => {
      world.victim.claim(lookUp(world.victim, KEY)!, 1_000);
      update(world, 2);
    },
  },
  { name: 'an update', act: (world) => update(world, 2) },
  { name: 'an update with a far longer meta', act: (world) => update(world, 39) },
  { name: 'a fill of a new key', act: ({ victim }) => put(victim, `${KEY}/new`, 1, 500) },
  { name: 'a fill without a body', act: ({ victim }) => put(victim, `${KEY}/new`, 1, 0) },
  {
    name: 'a fill of unknown length in chunks',
    act: ({ victim }) => put(victim, `${KEY}/new`, 1, 9_000, { chunkBytes: 700, isLengthKnown: false }),
  },
  { name: 'a fill of many pieces', act: ({ victim }) => put(victim, `${KEY}/new`, 1, 200_000) },
  {
    name: 'a fill that is given up',
    act: ({ victim }) => {
      const stamp = { version: 1, bodyVersion: 1, length: 100_000 };
      const fill = victim.begin({ key: `${KEY}/new`, meta: metaOf(stamp), numbers: numbersOf(stamp), expectedBytes: -1 });
      fill?.write(Buffer.alloc(50_000));
      fill?.abort();
    },
  },
  { name: 'a replacement', act: ({ victim }) => replace(victim, KEY, 2, 400) },
  { name: 'a replacement of many pieces', act: ({ victim }) => replace(victim, KEY, 2, 150_000) },
  { name: 'a fill that evicts', prepare: fillUp, act: ({ victim }) => put(victim, `${KEY}/new`, 1, 60_000) },
  {
    name: 'a large fill that evicts many',
    prepare: fillUp,
    act: ({ victim }) => put(victim, `${KEY}/new`, 1, 250_000, { isLengthKnown: false }),
  },
  {
    name: 'a sweep of what is expired',
    prepare: ({ other }) => {
      for (let i = 0; i < 5; i += 1) put(other, `${ELSE}/${i}`, 1, 500, { expiresMs: i === 2 ? 0 : 1_000 });
    },
    act: ({ victim }) => victim.sweepExpired(2_000, 1_000_000),
  },
  { name: 'a run through the table', act: ({ victim }) => victim.forEach((object) => void victim.doom(object)) },
];

/** While the dead still has what it had, readers read on without waiting for it. */
function checkReaders({ other }: World): void {
  const version = readByPin(other, KEY);
  assert.ok(version === undefined || version < 40);
  readByPin(other, `${KEY}/new`);
}

function mend({ memory }: World): void {
  const report = new ObjectStore(memory, COORDINATOR).recover(VICTIM);
  assert.ok(report.isComplete, 'the recovery is complete');
  const again = new ObjectStore(memory, COORDINATOR).recover(VICTIM);
  assert.deepEqual(again, { isComplete: true, brokeLock: false, fills: 0, pins: 0, claims: 0 }, 'nothing is left to mend');
}

function checkMended(world: World): void {
  checkWorks(world);
  assert.equal(world.other.stats().lockTimeouts, 0);
}

function checkWorks(world: World): void {
  assert.deepEqual(faultsOfStore(world.memory), []);
  const object = lookUp(world.other, KEY);
  if (object !== undefined) {
    assert.ok(world.other.claim(object, 1_000), 'no claim is left');
    world.other.release(object);
  }
  assert.ok(isObject(replace(world.other, KEY, 5, 350)));
  assert.equal(readByPin(world.other, KEY), 5);
  const successor = new ObjectStore(world.memory, VICTIM);
  assert.ok(isObject(replace(successor, KEY, 6, 80_000)));
  assert.equal(readByPin(world.other, KEY), 6);
  assert.deepEqual(faultsOfStore(world.memory), []);
  assert.deepEqual(faultsOfEmptying(world.memory, fresh), []);
}

describe('a participant dies at every step, another mends', () => {
  for (const { name, act, prepare, meanwhile, afterwards } of PROTOCOLS) {
    test(`of ${name}`, () => {
      const deaths = killAtEveryStep<World>({
        prepare: () => makeWorld(prepare),
        act,
        after: (world) => {
          checkReaders(world);
          meanwhile?.(world);
          mend(world);
          afterwards?.(world);
          checkMended(world);
        },
      });
      assert.ok(deaths > 0);
    });
  }
});

/** Deaths that leave much to mend: at some steps of a large replacement that evicts. */
function killedWorld(step: number): { readonly world: World; readonly run: KilledRun<unknown> } {
  const world = makeWorld(fillUp);
  world.victim.pin(lookUp(world.victim, KEY)!);
  world.victim.claim(lookUp(world.victim, KEY)!, 1_000);
  return { world, run: runKilledAt(step, () => replace(world.victim, KEY, 2, 100_000)) };
}

/** Some steps only: each world takes a few milliseconds to make. */
const MEND_STRIDE = 13;

/** Runs the recovery killed at some of its steps, for deaths at some steps of what it has to mend. */
function killMending(afterwards: (world: World) => void): number {
  let deaths = 0;
  for (let step = 3; killedWorld(step).run.kind === 'killed'; step += 37) {
    for (let mendStep = 1 + (step % MEND_STRIDE); ; mendStep += MEND_STRIDE) {
      const { world } = killedWorld(step);
      const run = runKilledAt(mendStep, () => new ObjectStore(world.memory, COORDINATOR).recover(VICTIM));
      if (run.kind === 'finished') break;
      deaths += 1;
      afterwards(world);
      checkWorks(world);
    }
  }
  return deaths;
}

test('who mends dies at any step of it, its successor mends both', () => {
  const deaths = killMending((world) => {
    mend(world);
    const report = new ObjectStore(world.memory, COORDINATOR).recover(COORDINATOR);
    assert.ok(report.isComplete);
  });
  assert.ok(deaths > 30, `${deaths}`);
});

test('who mends dies at any step of it, another mends both, in whatever order that goes', () => {
  const deaths = killMending((world) => {
    const mender = new ObjectStore(world.memory, OTHER);
    // Either of the dead may have the lock: who has it not is mended completely only after the other.
    for (const dead of [COORDINATOR, VICTIM, COORDINATOR]) mender.recover(dead);
    mend(world);
  });
  assert.ok(deaths > 30, `${deaths}`);
});
