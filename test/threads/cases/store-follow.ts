import type { FillingObject } from '../../../src/shm/filling-object.ts';
import { ObjectStore } from '../../../src/shm/object-store.ts';
import type { Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';
import { bodyOf, faultsOfEmptying, faultsOfStore, isObject, lookUp, makeStore, metaOf, numbersOf, put, readByPin } from '../store-world.ts';

/** Objects that are read while they fill. The second memory is where the filler says what it fills: entry + 1, generation. */

const BYTES = 64 * 1024;
const KEY = 'https://a.example/a';
const OTHER = 'https://a.example/other';
/** Longer than the room that is taken with the head, so that it goes on in another block. */
const LENGTH = 5_000;
const STAMP = { version: 1, bodyVersion: 1, length: LENGTH };
const BODY = bodyOf(KEY, 1, LENGTH);
const fresh = new ObjectStore(makeStore(BYTES), 3).stats();

type Work = (store: ObjectStore, told: Int32Array) => unknown;

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: ([memory, told], { self }) => {
      const store = new ObjectStore(memory!, self);
      return () => work(store, new Int32Array(told!));
    },
  };
}

function followCase(participants: readonly Participant[], check: (result: RunResult, store: ObjectStore) => readonly string[]): StepCase {
  return {
    create: () => [makeStore(BYTES), new SharedArrayBuffer(64)],
    participants,
    check: (memories, result) => {
      const store = new ObjectStore(memories[0]!, 3);
      return [...faultsOfStore(memories[0]!), ...check(result, store), ...faultsOfEmptying(memories[0]!, fresh)];
    },
  };
}

/** Fills in two writes and then publishes or gives up. */
const filling =
  (end: 'publish' | 'abort' | 'publish and drop'): Work =>
  (store, told) => {
    const fill = store.begin({ key: KEY, meta: metaOf(STAMP), numbers: numbersOf(STAMP), expectedBytes: -1 });
    if (fill === undefined) return 'no fill';
    Atomics.store(told, 1, fill.generation);
    Atomics.store(told, 0, fill.entry + 1);
    for (const [from, to] of [
      [0, 1_000],
      [1_000, LENGTH],
    ]) {
      if (!fill.write(BODY.subarray(from, to))) return 'no room';
    }
    if (end === 'abort') return fill.abort();
    const object = fill.publish([]);
    if (end === 'publish and drop' && object !== undefined) {
      store.doom(object);
      put(store, OTHER, 7, 3_000);
    }
    return object === undefined ? 'not published' : 'published';
  };

/** Reads along until the end. What it got, and how it ended; the bytes are checked as they come. */
const following: Work = async (store, told) => {
  const entry = Atomics.load(told, 0) - 1;
  if (entry < 0) return 'nothing yet';
  const object = store.openFilling(entry, Atomics.load(told, 1), KEY);
  if (object === undefined) return 'gone';
  if (object.meta !== metaOf(STAMP) || object.numbers[1] !== 1) throw new Error('another head');
  const cursor = object.cursor();
  for (;;) {
    const state = object.state;
    const { length } = object;
    for (let bytes = cursor.next(length, 3_000); bytes !== undefined; bytes = cursor.next(length, 3_000)) {
      const copy = Buffer.alloc(bytes.length);
      copy.set(bytes);
      if (!copy.equals(BODY.subarray(cursor.position - copy.length, cursor.position)))
        throw new Error(`other bytes before ${cursor.position}`);
    }
    if (cursor.position !== length) throw new Error(`${length} bytes are said to be there, ${cursor.position} are`);
    if (state !== 'filling') {
      object.unpin();
      return `${state} ${length}`;
    }
    await change(object, length);
  }
};

function change(object: FillingObject, length: number): Promise<void> | undefined {
  let tell = (): void => {};
  const changed = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return object.watch(length, { onChange: () => tell() }) ? changed : undefined;
}

const MISSED = ['nothing yet', 'gone'];

function expectEnds(...wanted: readonly string[]): (result: RunResult) => readonly string[] {
  return ({ endings, timeouts }) => {
    const followers = endings.slice(1).flatMap((ending) => (ending.kind === 'returned' ? [String(ending.value)] : []));
    const wrong = followers.filter((end) => !MISSED.includes(end) && end !== 'mended' && !wanted.some((start) => end.startsWith(start)));
    return [...wrong.map((end) => `a follower ended with ${end}`), ...(timeouts === 0 ? [] : ['a wake-up is lost'])];
  };
}

function canGoOn(store: ObjectStore): readonly string[] {
  if (!isObject(put(store, KEY, 9, 4_000, { replaces: [lookUp(store, KEY)].flatMap((object) => object ?? []) })))
    return ['nothing can be stored'];
  return readByPin(store, KEY) === 9 ? [] : ['another version'];
}

const mending: Work = (store) => (store.recover(0).isComplete ? 'mended' : 'not mended');

export const STEP_CASES: StepCases = {
  'a fill, one who follows': followCase([participant(filling('publish')), participant(following)], (result, store) => [
    ...expectEnds(`whole ${LENGTH}`)(result),
    ...(readByPin(store, KEY) === 1 ? [] : ['it cannot be found']),
  ]),
  'a fill that is given up, one who follows': followCase([participant(filling('abort')), participant(following)], expectEnds('gone ')),
  'a fill that is dropped and another in its place, one who follows': followCase(
    [participant(filling('publish and drop')), participant(following)],
    expectEnds(`whole ${LENGTH}`),
  ),
  'a fill, two who follow': followCase(
    [participant(filling('publish')), participant(following), participant(following)],
    expectEnds(`whole ${LENGTH}`),
  ),
  'a filler dies, one follows, one mends': followCase(
    [participant(filling('publish')), participant(following), participant(mending, [0])],
    (result, store) => [...expectEnds(`whole ${LENGTH}`, 'gone ')(result), ...canGoOn(store)],
  ),
};
