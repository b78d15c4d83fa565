import { lookUp, metaOf, numbersOf, put, readByCopy, readByPin, replace, stampOf } from '../store-world.ts';
import type { StepCases } from '../../harness/steps-case.ts';
import {
  KEY,
  OTHER,
  SMALL,
  LARGE,
  LARGE_STORE,
  participant,
  storeCase,
  must,
  checkOrder,
  reading,
  replacing,
  dooming,
  fillOne,
  fillUp,
  lastVersions,
  expectVersions,
  countTrue,
  reusing,
  updating,
  claiming,
  claimOrWait,
  recovering,
  canGoOn,
} from './store-work.ts';

/** The object store, step by step: readers against writers, writers against each other, and deaths among them. */

export const STEP_CASES: StepCases = {
  'a reader by copy, a replacement': storeCase([participant(reading(readByCopy)), participant(replacing(2, SMALL))], {
    fill: fillOne(SMALL),
    check: expectVersions([2]),
  }),
  'a reader by pin, a replacement': storeCase([participant(reading(readByPin)), participant(replacing(2, SMALL))], {
    fill: fillOne(SMALL),
    check: expectVersions([2]),
  }),
  'a reader by copy, bytes dropped and reused': storeCase([participant((store) => readByCopy(store, KEY)), participant(reusing)], {
    fill: fillOne(SMALL),
    check: (store) => (readByCopy(store, OTHER) === 7 ? [] : ['the other object is not there']),
  }),
  'a reader by pin, bytes dropped and reused': storeCase([participant((store) => readByPin(store, KEY)), participant(reusing)], {
    fill: fillOne(SMALL),
    check: (store) => (readByPin(store, OTHER) === 7 ? [] : ['the other object is not there']),
  }),
  'a reader by pin of many pieces, dropped and reused': storeCase([participant((store) => readByPin(store, KEY)), participant(reusing)], {
    bytes: LARGE_STORE,
    fill: fillOne(LARGE),
  }),
  'a reader by copy, an eviction': storeCase(
    [participant((store) => readByCopy(store, KEY)), participant((store) => must(put(store, `${OTHER}/new`, 7, LARGE)))],
    { bytes: LARGE_STORE, fill: fillUp },
  ),
  'a reader by pin, an eviction': storeCase(
    [participant((store) => readByPin(store, KEY)), participant((store) => must(put(store, `${OTHER}/new`, 7, LARGE)))],
    { bytes: LARGE_STORE, fill: fillUp },
  ),
  'a reader by copy, an update': storeCase([participant((store) => readByCopy(store, KEY)), participant(updating(2))], {
    fill: fillOne(SMALL),
    check: (store) => (lastVersions(store).join() === '2' ? [] : ['the update is lost']),
  }),
  'a reader by pin, an update': storeCase([participant((store) => readByPin(store, KEY)), participant(updating(2))], {
    fill: fillOne(SMALL),
    check: (store) => (lastVersions(store).join() === '2' ? [] : ['the update is lost']),
  }),
  'two replacements of one object': storeCase([participant(replacing(2, SMALL)), participant(replacing(3, SMALL))], {
    fill: fillOne(SMALL),
    // Both may have replaced version 1 alone; never is none left.
    check: (store) => (/^(2|3|2,3|3,2)$/.test(lastVersions(store).join()) ? [] : [`versions ${lastVersions(store).join()}`]),
  }),
  'two replacements of one object, and waits may run out of time': storeCase(
    [participant(replacing(2, SMALL)), participant(replacing(3, SMALL))],
    {
      fill: fillOne(SMALL),
      isDeadly: true,
      // Without the lock one is given up, and what it would have replaced stays.
      check: (store) => {
        const versions = lastVersions(store).join();
        return /^(1|2|3|2,3|3,2)$/.test(versions) ? [] : [`versions ${versions}`];
      },
    },
  ),
  'an update, an eviction': storeCase([participant(updating(2)), participant((store) => must(put(store, `${OTHER}/new`, 7, LARGE)))], {
    bytes: LARGE_STORE,
    fill: fillUp,
    check: (store, { calls }) => {
      const versions = lastVersions(store).join();
      const isUpdated = calls.some(({ result }) => result === true);
      return versions === '' || versions === (isUpdated ? '2' : '1') ? [] : [`updated: ${isUpdated}, versions ${versions}`];
    },
  }),
  'a pinned object is dropped, another comes': storeCase(
    [
      participant((store) => {
        const object = lookUp(store, KEY);
        if (object === undefined || !store.pin(object)) return undefined;
        const isMine = store.doom(object);
        store.unpin(object);
        return isMine;
      }),
      participant((store) => must(put(store, OTHER, 7, LARGE))),
    ],
    {
      bytes: LARGE_STORE,
      fill: fillOne(SMALL),
      check: (store) => (store.find(KEY) < 0 && readByPin(store, OTHER) === 7 ? [] : ['not what was asked for']),
    },
  ),
  'two drop two objects': storeCase(
    [KEY, OTHER].map((key) =>
      participant((store) => {
        const object = lookUp(store, key);
        return object !== undefined && store.doom(object);
      }),
    ),
    {
      fill: (store) => {
        must(put(store, KEY, 1, SMALL));
        must(put(store, OTHER, 1, SMALL));
      },
      check: (store) => (store.find(KEY) < 0 && store.find(OTHER) < 0 ? [] : ['one is still there']),
    },
  ),
  'two drop one object': storeCase([participant(dooming), participant(dooming)], {
    fill: fillOne(SMALL),
    check: (store, { calls }) => [
      ...(countTrue(calls) === 1 ? [] : [`${countTrue(calls)} have dropped it`]),
      ...(store.find(KEY) < 0 ? [] : ['it is still there']),
    ],
  }),
  'a drop, a replacement': storeCase([participant(dooming), participant(replacing(2, SMALL))], {
    fill: fillOne(SMALL),
    check: expectVersions([2], []),
  }),
  'two updates of one object': storeCase([participant(updating(2)), participant(updating(3))], {
    fill: fillOne(SMALL),
    check: (store, { calls }) => {
      const last = lastVersions(store).join();
      const winners = calls.filter(({ result }) => result === true).map(({ args }) => String(args[0]));
      // The second may have opened what the first had made: then both win, one after the other.
      return winners.includes(last) ? [] : [`updates ${winners.join()} succeeded, ${last || 'none'} is live`];
    },
  }),
  'an update, a drop': storeCase([participant(updating(2)), participant(dooming)], {
    fill: fillOne(SMALL),
    check: (store, { calls }) => {
      const [update, doom] = ['update', 'doom'].map((name) => calls.find((call) => call.name === name)?.result);
      const last = lastVersions(store).join();
      if (doom === true) return last === '' ? [] : [`dropped, and version ${last} is live`];
      return update === true && last === '2' ? [] : [`update ${update}, doom ${doom}, and version ${last} is live`];
    },
  }),
  'flags of two': storeCase(
    [1, 2].map((bit) => participant((store, { note }) => note('flags', [bit], () => store.setFlags(lookUp(store, KEY)!, bit)))),
    {
      fill: fillOne(SMALL),
      check: (store) => (store.flagsOf(lookUp(store, KEY)!) === 3 ? [] : ['a flag is lost']),
    },
  ),
  'a flag, bytes dropped and reused': storeCase(
    [
      participant((store) => {
        const object = lookUp(store, KEY);
        return object !== undefined && store.setFlags(object, 1);
      }),
      participant(reusing),
    ],
    {
      fill: fillOne(SMALL),
      check: (store) => (store.flagsOf(lookUp(store, OTHER)!) === 0 ? [] : ["the flag came to another's object"]),
    },
  ),
  'two claims': storeCase([participant(claiming), participant(claiming)], {
    fill: fillOne(SMALL),
    check: (_, { calls }) => (countTrue(calls) === 1 ? [] : [`${countTrue(calls)} claims at once`]),
  }),
  'a claim, an update': storeCase([participant(claiming), participant(updating(2))], {
    fill: fillOne(SMALL),
    // Who claims what is updated then has a claim no more, and none of what came of it. (Who claims that may lose it early.)
    check: (store, { calls }) => {
      const isClaimedAnew = calls.some(({ name, args, result }) => name === 'claim' && args[0] === 2 && result === true);
      return isClaimedAnew || store.claim(lookUp(store, KEY)!, 0) ? [] : ['a claim is left on what was made new'];
    },
  }),
  'a claim, bytes dropped and reused': storeCase([participant(claiming), participant(reusing)], {
    fill: fillOne(SMALL),
    check: (store) => (store.claim(lookUp(store, OTHER)!, 0) ? [] : ["a claim is left on another's object"]),
  }),
  'a claim and one who waits for it': storeCase([participant(claimOrWait), participant(claimOrWait)], {
    fill: fillOne(SMALL),
    check: (_, { calls }) => (countTrue(calls) >= 1 ? [] : ['nobody had the claim']),
  }),
  'a claim, an update, one who waits': storeCase(
    [
      participant((store, { nowMs }) => {
        const object = lookUp(store, KEY)!;
        const stamp = { ...stampOf(object, KEY), version: 2 };
        if (store.claim(object, nowMs())) store.update(object, metaOf(stamp), numbersOf(stamp));
      }),
      participant(claimOrWait),
    ],
    { fill: fillOne(SMALL) },
  ),
  'a claim dies and is broken, one waits for it': storeCase(
    [participant(claiming), participant(claimOrWait), participant(recovering(0), [0])],
    {
      fill: fillOne(SMALL),
      isDeadly: false,
      check: (store) => canGoOn(store),
    },
  ),
  'a mark, an eviction': storeCase(
    [
      participant((store) => {
        const object = lookUp(store, KEY);
        if (object !== undefined) store.touch(object);
      }),
      participant((store) => must(put(store, `${OTHER}/new`, 7, LARGE))),
    ],
    { bytes: LARGE_STORE, fill: fillUp },
  ),
  'a run through the table, a replacement': storeCase(
    [
      participant((store) => store.forEach((object) => void (object.key === KEY && stampOf(object, KEY)))),
      participant(replacing(2, SMALL)),
    ],
    { fill: fillOne(SMALL), check: expectVersions([2]) },
  ),
  'a sweep of what is expired, a reader by pin': storeCase(
    [participant((store) => store.sweepExpired(10_000, 1_000_000)), participant((store) => readByPin(store, KEY))],
    {
      fill: (store) => must(put(store, KEY, 1, SMALL, { expiresMs: 5_000 })),
      check: (store) => (store.find(KEY) < 0 ? [] : ['it is still there']),
    },
  ),
  'three: a reader by pin, a replacement, a drop': storeCase(
    [participant((store) => readByPin(store, KEY)), participant(replacing(2, SMALL)), participant(dooming)],
    { fill: fillOne(SMALL), check: (store) => (/^2?$/.test(lastVersions(store).join()) ? [] : [`versions ${lastVersions(store).join()}`]) },
  ),
  'three readers by pin of a dropped object': storeCase(
    [participant((store) => readByPin(store, KEY)), participant((store) => readByPin(store, KEY)), participant(reusing)],
    { fill: fillOne(SMALL) },
  ),
  'a filler dies, a reader reads, a third mends': storeCase(
    [participant(replacing(2, SMALL)), participant(reading(readByPin)), participant(recovering(0), [0])],
    { fill: fillOne(SMALL), isDeadly: true, check: (store, result) => [...checkOrder(result), ...canGoOn(store)] },
  ),
  'a filler dies, another fills, a third mends': storeCase(
    [participant(replacing(2, SMALL)), participant((store) => replace(store, KEY, 3, SMALL)), participant(recovering(0), [0])],
    { fill: fillOne(SMALL), isDeadly: true, check: (store) => canGoOn(store) },
  ),
  'an updater dies, a reader reads, a third mends': storeCase(
    [participant(updating(2)), participant((store) => readByPin(store, KEY)), participant(recovering(0), [0])],
    { fill: fillOne(SMALL), isDeadly: true, check: (store) => canGoOn(store) },
  ),
  'a reader dies with its pin, another drops, a third mends': storeCase(
    [participant((store) => readByPin(store, KEY)), participant(reusing), participant(recovering(0), [0])],
    { fill: fillOne(SMALL), isDeadly: true, check: (store) => canGoOn(store) },
  ),
};
