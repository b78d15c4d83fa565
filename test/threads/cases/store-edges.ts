import { KeyedHash } from '../../../src/shm/keyed-hash.ts';
import { ObjectStore } from '../../../src/shm/object-store.ts';
import { StoreMemory } from '../../../src/shm/store-layout.ts';
import type { StepCase, StepCases } from '../../harness/steps-case.ts';
import { lookUp, makeStore, put, readByCopy, readByPin, SEED, wearEntries } from '../store-world.ts';
import { KEY, must, OTHER, participant, reusing, SMALL, storeCase, updating } from './store-work.ts';

/** The store at its edges: generations that wrap, keys that share a bucket. */

const BYTES = 64 * 1024;
const LAST_GENERATION = 2 ** 30 - 1;

function acrossTheWrap(work: StepCase): StepCase {
  return {
    ...work,
    create: () => {
      const memory = makeStore(BYTES);
      wearEntries(memory, LAST_GENERATION);
      must(put(new ObjectStore(memory, 3), KEY, 1, SMALL));
      return [memory];
    },
  };
}

/** Keys of one bucket, and one of another. */
function keysOfOneBucket(): { readonly same: readonly string[]; readonly other: string } {
  const mask = new StoreMemory(makeStore(BYTES)).buckets.length - 1;
  const hash = new KeyedHash(SEED);
  const bucketOf = (key: string): number => {
    hash.hash(key);
    return hash.low & mask;
  };
  const keys = Array.from({ length: 2000 }, (_, at) => `https://a.example/${at}`);
  const same = keys.filter((key) => bucketOf(key) === bucketOf('https://a.example/0')).slice(0, 4);
  return { same, other: keys.find((key) => bucketOf(key) !== bucketOf('https://a.example/0')) ?? '' };
}

const { same, other } = keysOfOneBucket();

function bucketCase(write: (store: ObjectStore) => unknown): StepCase {
  return storeCase(
    [
      participant((store, { note }) => {
        // The oldest is at the end of the chain.
        for (let i = 0; i < 2; i += 1) note('read', [], () => readByPin(store, same[0]!) ?? null);
      }),
      participant(write),
    ],
    {
      bytes: BYTES,
      fill: (store) => {
        for (const key of same.slice(0, 3)) must(put(store, key, 1, SMALL));
      },
      check: (store, { calls }) => [
        ...(calls.every(({ result }) => result === 1 || result === null) ? [] : ['another version']),
        ...(readByCopy(store, same[0]!) === 1 ? [] : ['what nobody has dropped cannot be found']),
      ],
    },
  );
}

export const STEP_CASES: StepCases = {
  'across the wrap: a reader by copy, bytes dropped and reused': acrossTheWrap(
    storeCase([participant((store) => readByCopy(store, KEY)), participant(reusing)], {
      fill: () => {},
      check: (store) => (readByCopy(store, OTHER) === 7 ? [] : ['the other object is not there']),
    }),
  ),
  'across the wrap: a reader by pin, an update': acrossTheWrap(
    storeCase([participant((store) => readByPin(store, KEY)), participant(updating(2))], {
      fill: () => {},
      check: (store) => (readByPin(store, KEY) === 2 ? [] : ['the update is lost']),
    }),
  ),
  'one bucket: a walk to its end, one of it dropped and reused': bucketCase((store) => {
    const object = lookUp(store, same[1]!);
    if (object !== undefined) store.doom(object);
    // The entry comes back in another bucket, while the walker may stand on it.
    must(put(store, other, 5, SMALL));
  }),
  'one bucket: a walk to its end, one more in it': bucketCase((store) => must(put(store, same[3]!, 5, SMALL))),
};
