import { ObjectStore } from '../../../src/shm/object-store.ts';
import type { NotedCall, Participant, RunResult, StepCase } from '../../harness/steps-case.ts';
import { isLinearizable, printCalls, type Reference } from '../../harness/steps-linearizable.ts';
import { allOf, faultsOfStore, isObject, lookUp, makeStore, metaOf, numbersOf, put, replace, stampOf } from '../store-world.ts';

/**
 * What the participants of the store's cases do. Each has its own index; 3 is the one that looks at the end.
 */

/** The smallest there is: every run begins with a copy of it, and ends with a look at all of it. */
const BYTES = 64 * 1024;
/** For bodies of `LARGE`, and full of others. */
export const LARGE_STORE = 384 * 1024;
export const KEY = 'https://a.example/a';
export const OTHER = 'https://a.example/other';
export const SMALL = 100;
/** More than one piece. */
export const LARGE = 70_000;

export type Work = (store: ObjectStore, stage: Parameters<Participant['prepare']>[1]) => unknown;

export function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: (memories, stage) => {
      const store = new ObjectStore(memories[0]!, stage.self);
      return () => work(store, stage);
    },
  };
}

type Shape = {
  /** Of the store; the smallest there is without it. */
  readonly bytes?: number;
  readonly fill: (store: ObjectStore) => void;
  readonly check?: (store: ObjectStore, result: RunResult) => readonly string[];
  /** Waits that end by their time are no fault: somebody dies. */
  readonly isDeadly?: boolean;
};

export function storeCase(participants: readonly Participant[], { bytes = BYTES, fill, check, isDeadly }: Shape): StepCase {
  return {
    create: () => {
      const memory = makeStore(bytes);
      fill(new ObjectStore(memory, 3));
      return [memory];
    },
    participants,
    check: (memories, result) => {
      const lost = result.timeouts > 0 && isDeadly !== true ? ['a wait ended by its time: a wake-up is lost'] : [];
      return [...lost, ...faultsOfStore(memories[0]!), ...(check?.(new ObjectStore(memories[0]!, 3), result) ?? [])];
    },
  };
}

export function must(result: unknown): void {
  if (typeof result === 'string') throw new Error(result);
}

/** `name(version)`; a read gives the version or null. A miss is always allowed; a version that is gone, or not yet there, is not. */
const ONE_KEY: Reference<readonly number[]> = {
  initial: [1],
  apply: (versions, { name, args, result, end }) => {
    const [version] = args as [number];
    if (name === 'read') return result === null || versions[0] === result ? [versions] : [];
    if (name === 'replace') return result === true || end === Number.POSITIVE_INFINITY ? [[version]] : [versions];
    if (name === 'doom')
      return end === Number.POSITIVE_INFINITY || result === versions.includes(version)
        ? [versions.filter((other) => other !== version)]
        : [];
    throw new Error(`${name} is not in the reference`);
  },
};

export function checkOrder({ calls }: RunResult, reference: Reference<readonly number[]> = ONE_KEY): readonly string[] {
  return isLinearizable(calls, reference) ? [] : [`not linearizable: ${printCalls(calls)}`];
}

export const reading = (read: (store: ObjectStore, key: string) => number | undefined): Work => {
  return (store, { note }) => {
    for (let i = 0; i < 2; i += 1) note('read', [], () => read(store, KEY) ?? null);
  };
};

export const replacing = (version: number, length: number): Work => {
  return (store, { note }) => {
    const old = allOf(store, KEY);
    note('replace', [version], () => isObject(put(store, KEY, version, length, { replaces: old })));
  };
};

export const dooming: Work = (store, { note }) => {
  const object = lookUp(store, KEY);
  if (object !== undefined) note('doom', [stampOf(object, KEY).version], () => store.doom(object));
};

export const fillOne = (length: number) => (store: ObjectStore) => must(put(store, KEY, 1, length));

/** Fills the arena up with objects of others, so that the next one has to take somebody's place. */
export function fillUp(store: ObjectStore): void {
  must(put(store, KEY, 1, SMALL));
  for (let i = 0; store.stats().evictions === 0 && i < 10_000; i += 1) put(store, `${OTHER}/${i}`, 1, 60_000);
  if (store.find(KEY) < 0) must(put(store, KEY, 1, SMALL));
}

export const lastVersions = (store: ObjectStore): readonly number[] => allOf(store, KEY).map((object) => stampOf(object, KEY).version);

export const expectVersions = (...wanted: readonly (readonly number[])[]) => {
  return (store: ObjectStore, result: RunResult): readonly string[] => {
    const found = lastVersions(store).join();
    const isWanted = wanted.some((versions) => versions.join() === found);
    return [...checkOrder(result), ...(isWanted ? [] : [`at the end the versions ${found || '(none)'} are live`])];
  };
};

export function countTrue(calls: readonly NotedCall[]): number {
  return calls.filter(({ result }) => result === true).length;
}

/** Drops the object and puts another key's in the bytes that came free. */
export const reusing: Work = (store) => {
  const object = lookUp(store, KEY);
  if (object !== undefined) store.doom(object);
  must(put(store, OTHER, 7, SMALL));
};

export const updating = (version: number): Work => {
  return (store, { note }) => {
    const object = lookUp(store, KEY);
    if (object === undefined) return;
    const stamp = { ...stampOf(object, KEY), version };
    note('update', [version], () => store.update(object, metaOf(stamp), numbersOf(stamp)) !== undefined);
  };
};

export const claiming: Work = (store, { nowMs, note }) => {
  const object = lookUp(store, KEY);
  if (object !== undefined) note('claim', [stampOf(object, KEY).version], () => store.claim(object, nowMs()));
};

/** Claims, or waits until whoever has the claim is done. */
export const claimOrWait: Work = async (store, { nowMs, note }) => {
  const object = lookUp(store, KEY);
  if (object === undefined) return 'gone';
  if (note('claim', [], () => store.claim(object, nowMs()))) {
    store.release(object);
    return 'claimed';
  }
  const wait = store.waitClaim(object, 5_000);
  if (wait === undefined) return 'already over';
  await wait;
  return 'waited';
};

export const recovering = (dead: number): Work => {
  return (store) => {
    const report = store.recover(dead);
    return report.isComplete ? 'complete' : 'not complete';
  };
};

/** After a death: all can go on. */
export function canGoOn(store: ObjectStore): readonly string[] {
  const result = replace(store, KEY, 99, SMALL);
  if (!isObject(result)) return [`after the recovery nothing can be stored: ${result}`];
  const versions = lastVersions(store).join();
  return versions === '99' ? faultsOfStore(store.memory) : [`after the recovery the versions ${versions} are live`];
}
