import type { Fill } from '../../../src/shm/fill.ts';
import type { FillingObject } from '../../../src/shm/filling-object.ts';
import { ObjectStore } from '../../../src/shm/object-store.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';
import type { Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';
import { allOf, bodyOf, isObject, makeStore, metaOf, numbersOf, put, readByPin } from '../store-world.ts';

/**
 * One fills, others read while it does. The second memory hands the fill's name on, as a flight does: ready, entry, generation.
 * A reader compares every byte at once and again at the end, under its pin.
 */

const KEY = 'GET https://example.com/';
const OTHER = 'GET https://example.com/other';
const BYTES = 64 * 1024;
/** In place of a name: the filler died before it had one. */
const NOTHING = 2;
const PARTICIPANTS = 4;
/** Parts of a body: the second one needs a further block. */
const PARTS = [700, 5000];
const LENGTH = 5700;
const BODY = bodyOf(KEY, 2, LENGTH);
const STAMP = { version: 2, bodyVersion: 2, length: LENGTH };
const NEWS = { ...STAMP, version: 3 };

type Run = { readonly store: ObjectStore; readonly hand: Int32Array };
type Work = (run: Run) => unknown;

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: ([memory, hand], { self }) => {
      const run = { store: new ObjectStore(memory!, self), hand: new Int32Array(hand!) };
      return () => work(run);
    },
  };
}

function beginAndHand({ store, hand }: Run): Fill | undefined {
  const fill = store.begin({ key: KEY, meta: metaOf(STAMP), numbers: numbersOf(STAMP), expectedBytes: -1 });
  if (fill !== undefined) handOn(hand, fill);
  return fill;
}

function handOn(hand: Int32Array, { entry, generation }: Fill): void {
  Atomics.store(hand, 1, entry);
  Atomics.store(hand, 2, generation);
  Atomics.store(hand, 0, 1);
  Atomics.notify(hand, 0);
}

function writeAll(fill: Fill): boolean {
  let at = 0;
  return PARTS.every((length) => {
    at += length;
    return fill.write(BODY.subarray(at - length, at));
  });
}

const filling: Work = (run) => {
  const fill = beginAndHand(run);
  if (fill === undefined) return 'no fill';
  if (writeAll(fill)) return fill.publish(allOf(run.store, KEY)) === undefined ? 'not published' : 'published';
  fill.abort();
  return 'no room';
};

const givingUp: Work = (run) => {
  const fill = beginAndHand(run);
  if (fill === undefined) return 'no fill';
  fill.write(BODY.subarray(0, PARTS[0]));
  fill.abort();
  return 'gave up';
};

/** Dooms the object as soon as it is published. */
const fillingForNobody: Work = (run) => {
  const fill = beginAndHand(run);
  if (fill === undefined || !writeAll(fill)) return 'no fill';
  const object = fill.publish([]);
  return object !== undefined && run.store.doom(object) ? 'doomed' : 'not doomed';
};

const fillingWithNews: Work = (run) => {
  const fill = beginAndHand(run);
  if (fill === undefined || !writeAll(fill)) return 'no fill';
  const object = fill.publish([]);
  return object !== undefined && run.store.update(object, metaOf(NEWS), numbersOf(NEWS)) !== undefined ? 'updated' : 'not updated';
};

/** Waits for the name, then reads to the end. */
const reading: Work = async (run) => {
  while (Atomics.load(run.hand, 0) === 0) {
    const wait = Atomics.waitAsync(run.hand, 0, 0, 1000);
    if (wait.async) await wait.value;
  }
  if (Atomics.load(run.hand, 0) === NOTHING) return 'nothing came';
  const object = run.store.openFilling(Atomics.load(run.hand, 1), Atomics.load(run.hand, 2), KEY);
  if (object === undefined) return 'not opened';
  const got = await readToEnd(object);
  object.unpin();
  return got;
};

async function readToEnd(object: FillingObject): Promise<string> {
  if (object.meta !== metaOf(STAMP) || object.numbers[1] !== STAMP.version) throw new Error(`torn head: ${object.meta}`);
  const cursor = object.cursor();
  const views: Buffer[] = [];
  for (;;) {
    const { state } = object;
    const { length } = object;
    for (let bytes = cursor.next(length, LENGTH); bytes !== undefined; bytes = cursor.next(length, LENGTH)) {
      views.push(bytes);
      compare(Buffer.concat(views));
    }
    if (cursor.position !== length) throw new Error(`${cursor.position} of ${length} bytes could be read`);
    if (state === 'whole' && length !== LENGTH) throw new Error(`whole with ${length} bytes`);
    if (state !== 'filling') {
      compare(Buffer.concat(views));
      return `${state} ${length}`;
    }
    await changed(object, length);
  }
}

/** The copy is made part by part, each cut in the middle by a step. */
function compare(body: Buffer): void {
  if (!body.equals(BODY.subarray(0, body.length))) throw new Error('torn bytes');
}

function changed(object: FillingObject, length: number): Promise<void> | undefined {
  const { promise, resolve } = Promise.withResolvers<void>();
  return object.watch(length, { onChange: resolve }) ? promise : undefined;
}

/** Takes all the room it can get. */
const pressing: Work = ({ store }) => {
  let stored = 0;
  for (let at = 0; at < 2; at += 1) if (isObject(put(store, `${OTHER}${at}`, 7, 15_000))) stored += 1;
  return stored;
};

const mending: Work = ({ store, hand }) => {
  const report = store.recover(0);
  Atomics.compareExchange(hand, 0, 0, NOTHING);
  Atomics.notify(hand, 0);
  return report.isComplete ? report.fills : 'not complete';
};

type CaseOptions = { readonly expected: RegExp; readonly before?: (store: ObjectStore) => void };

function fillingCase(participants: readonly Participant[], { expected, before }: CaseOptions): StepCase {
  return {
    create: () => {
      const memory = makeStore(BYTES, PARTICIPANTS);
      before?.(new ObjectStore(memory, PARTICIPANTS - 1));
      return [memory, new SharedArrayBuffer(64)];
    },
    participants,
    check: ([memory], result) => {
      const store = new ObjectStore(memory!, PARTICIPANTS - 1);
      const text = valuesOf(result).join();
      const waits = result.timeouts === 0 ? [] : ['a wake-up is lost'];
      return [...(expected.test(text) ? [] : [`ended with ${text}`]), ...waits, ...store.verify(), ...leftovers(store)];
    },
  };
}

function valuesOf({ endings }: RunResult): readonly unknown[] {
  return endings.map((ending) => (ending.kind === 'returned' ? ending.value : ending.kind));
}

/** When everything is dropped, everything is free: no pin, block or entry is left to the dead or to nobody. */
function leftovers(store: ObjectStore): readonly string[] {
  const objects: StoredObject[] = [];
  store.forEach((object) => void objects.push(object));
  const torn = objects.some(({ key }) => key === KEY) && readByPin(store, KEY) === undefined ? ['it cannot be read'] : [];
  for (const object of objects) store.doom(object);
  const { freeBytes, arenaBytes } = store.stats();
  return freeBytes === arenaBytes ? torn : [...torn, `${arenaBytes - freeBytes} bytes are not free in the end`];
}

export const STEP_CASES: StepCases = {
  'one fills, one reads': fillingCase([participant(filling), participant(reading)], { expected: /^published,whole 5700$/ }),
  'one fills, two read': fillingCase([participant(filling), participant(reading), participant(reading)], {
    expected: /^published,whole 5700,whole 5700$/,
  }),
  'one gives up, one reads': fillingCase([participant(givingUp), participant(reading)], { expected: /^gave up,(gone 700|not opened)$/ }),
  'one fills what is dropped at once, one reads': fillingCase([participant(fillingForNobody), participant(reading)], {
    expected: /^doomed,(whole 5700|not opened)$/,
  }),
  'one fills what is updated at once, one reads': fillingCase([participant(fillingWithNews), participant(reading)], {
    expected: /^updated,(whole 5700|not opened)$/,
  }),
  'one gives up, one reads, one takes all room': fillingCase([participant(givingUp), participant(reading), participant(pressing)], {
    expected: /^gave up,(gone 700|not opened),\d$/,
  }),
  'one fills what is dropped at once, one reads, one takes all room': fillingCase(
    [participant(fillingForNobody), participant(reading), participant(pressing)],
    { expected: /^(doomed|not doomed|no fill),(whole 5700|not opened|nothing came|gone \d+),\d$/ },
  ),
  'a filler dies, one reads, a third mends': fillingCase([participant(filling), participant(reading), participant(mending, [0])], {
    expected: /^(published|killed),(whole 5700|gone (0|700|5700)|not opened|nothing came),[01]$/,
  }),
  'one that gives up dies, one reads, a third mends': fillingCase(
    [participant(givingUp), participant(reading), participant(mending, [0])],
    {
      expected: /^(gave up|killed),(gone (0|700)|not opened|nothing came),[01]$/,
    },
  ),
  'a reader dies, one fills, a third mends': fillingCase([participant(reading), participant(filling), participant(mending, [0])], {
    expected: /^(whole 5700|killed),published,0$/,
  }),
};
