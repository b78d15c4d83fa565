import { OwnerLock } from '../../../src/shm/owner-lock.ts';
import type { Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';

/** Cells: the lock's two words, how many are inside, how often somebody was, and what one inside leaves half done. */
const LOCK = 0;
const INSIDE = 4;
const DONE = 5;
const HALVES = 6;

type Work = (lock: OwnerLock, cells: Int32Array) => unknown;

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: (memories, { self }) => {
      const cells = new Int32Array(memories[0]!);
      const lock = new OwnerLock(cells, LOCK, self);
      return () => work(lock, cells);
    },
  };
}

/** What the lock protects: two cells that are equal whenever nobody is inside. */
function work(cells: Int32Array): void {
  if (Atomics.add(cells, INSIDE, 1) !== 0) throw new Error('two are inside');
  if (Atomics.load(cells, HALVES) !== Atomics.load(cells, HALVES + 1)) throw new Error('somebody left it half done');
  Atomics.add(cells, HALVES, 1);
  Atomics.add(cells, HALVES + 1, 1);
  Atomics.add(cells, DONE, 1);
  Atomics.sub(cells, INSIDE, 1);
}

const hold: Work = (lock, cells) => {
  const outcome = lock.acquire();
  if (outcome !== 'mine') return outcome;
  work(cells);
  lock.release();
  return outcome;
};

const holdTwice: Work = (lock, cells) => [hold(lock, cells), hold(lock, cells)].join();

const tryToHold: Work = (lock, cells) => {
  const outcome = lock.tryAcquire();
  if (outcome !== 'mine') return outcome;
  work(cells);
  lock.release();
  return outcome;
};

/** Mends what participant 0 left half done, if it died inside. */
const mend: Work = (lock, cells) => {
  if (!lock.breakFor(0)) return 'not broken';
  Atomics.store(cells, INSIDE, 0);
  Atomics.store(cells, HALVES + 1, Atomics.load(cells, HALVES));
  work(cells);
  lock.release();
  return 'broken';
};

function lockCase(participants: readonly Participant[], check: (cells: Int32Array, result: RunResult) => readonly string[]): StepCase {
  return {
    create: () => [new SharedArrayBuffer(256)],
    participants,
    check: ([memory], result) => {
      const cells = new Int32Array(memory!);
      const left = cells[LOCK] === 0 ? [] : [`the lock is left as ${cells[LOCK]}`];
      return [...left, ...(cells[HALVES] === cells[HALVES + 1] ? [] : ['half done']), ...check(cells, result)];
    },
  };
}

function noTimeouts({ timeouts }: RunResult): readonly string[] {
  return timeouts === 0 ? [] : [`${timeouts} waits ended by their time: a wake-up is lost`];
}

const allIn =
  (times: number) =>
  (cells: Int32Array, result: RunResult): readonly string[] => [
    ...(cells[DONE] === times ? [] : [`${cells[DONE]} were inside, not ${times}`]),
    ...noTimeouts(result),
  ];

export const STEP_CASES: StepCases = {
  'two take the lock': lockCase([participant(hold), participant(hold)], allIn(2)),
  'two take the lock twice': lockCase([participant(holdTwice), participant(holdTwice)], allIn(4)),
  'three take the lock': lockCase([participant(hold), participant(hold), participant(hold)], allIn(3)),
  'one takes it, one tries': lockCase([participant(hold), participant(tryToHold)], (cells, result) => [
    ...((cells[DONE] ?? 0) >= 1 ? [] : ['nobody was inside']),
    ...noTimeouts(result),
  ]),
  'two take the lock and may run out of time': lockCase([participant(hold), participant(hold)], (cells, { endings }) => {
    const taken = endings.filter((ending) => ending.kind === 'returned' && ending.value === 'mine').length;
    return cells[DONE] === taken && taken >= 1 ? [] : [`${taken} took it, ${cells[DONE]} were inside`];
  }),
  'the owner dies, one waits, one breaks the lock': lockCase(
    [participant(hold), participant(hold), participant(mend, [0])],
    (_, { endings, timeouts }) => {
      const [, waiting, mending] = endings.map((ending) => (ending.kind === 'returned' ? ending.value : ending.kind));
      if (waiting !== 'mine') return [`the one that waits got ${waiting}`];
      if (mending === 'broken' && timeouts > 0) return ['the breaker has not woken the one that waits'];
      return mending === 'broken' || mending === 'not broken' ? [] : [`the breaker got ${mending}`];
    },
  ),
};
