import type { Participant, StepCase, StepCases } from '../../harness/steps-case.ts';

/** Small right and wrong protocols, to see that the scheduler finds what it must and counts what there is. */

function cellsOf(memories: readonly SharedArrayBuffer[]): Int32Array {
  return new Int32Array(memories[0]!);
}

function twice(act: (cells: Int32Array, self: number) => unknown): readonly Participant[] {
  return [0, 1].map(() => ({
    prepare:
      (memories, { self }) =>
      () =>
        act(cellsOf(memories), self),
  }));
}

function caseOf(participants: readonly Participant[], check: StepCase['check'] = () => []): StepCase {
  return { create: () => [new SharedArrayBuffer(256)], participants, check };
}

function additions(count: number): readonly Participant[] {
  return twice((cells) => {
    for (let i = 0; i < count; i += 1) Atomics.add(cells, 0, 1);
  });
}

function isTwo(memories: readonly SharedArrayBuffer[]): readonly string[] {
  const count = cellsOf(memories)[1];
  return count === 2 ? [] : [`the count is ${count}`];
}

function lock(cells: Int32Array, self: number): void {
  while (Atomics.compareExchange(cells, 0, 0, self + 1) !== 0) {}
}

function countUp(cells: Int32Array): void {
  Atomics.store(cells, 1, Atomics.load(cells, 1) + 1);
}

/** Sleeps until cell 0 is not 0. */
const SLEEPER: Participant = {
  prepare: (memories) => () => {
    const cells = cellsOf(memories);
    while (Atomics.load(cells, 0) === 0) if (Atomics.wait(cells, 0, 0, 50) === 'timed-out') return 'timed-out';
    return 'seen';
  },
};

const ASYNC_SLEEPER: Participant = {
  prepare: (memories) => async () => {
    const wait = Atomics.waitAsync(cellsOf(memories), 0, 0, 50);
    return wait.async ? await wait.value : wait.value;
  },
};

function raiser(isWaking: boolean): Participant {
  return {
    prepare: (memories) => () => {
      Atomics.store(cellsOf(memories), 0, 1);
      if (isWaking) Atomics.notify(cellsOf(memories), 0);
    },
  };
}

function copier(byte: number): Participant {
  return { prepare: (memories) => () => void Buffer.from(memories[0]!, 64, 8).set(Buffer.alloc(8, byte)) };
}

export const STEP_CASES: StepCases = {
  'two times three additions': caseOf(additions(3), (memories) => (cellsOf(memories)[0] === 6 ? [] : ['an addition is lost'])),
  'two times five additions': caseOf(additions(5)),
  'a count without a lock': caseOf(twice(countUp), isTwo),
  'a count under a lock': caseOf(
    twice((cells, self) => {
      lock(cells, self);
      countUp(cells);
      Atomics.store(cells, 0, 0);
    }),
    isTwo,
  ),
  'a lock that is never let go': caseOf(twice(lock)),
  'a sleeper that is woken': caseOf([SLEEPER, raiser(true)], (_, { timeouts }) => (timeouts === 0 ? [] : ['a wake-up is lost'])),
  'a sleeper that is forgotten': caseOf([SLEEPER, raiser(false)], (_, { timeouts }) => (timeouts === 0 ? [] : ['a wake-up is lost'])),
  'an asynchronous sleeper': caseOf([ASYNC_SLEEPER, raiser(true)], (_, { endings, timeouts }) => {
    const [ending] = endings;
    const isRight = ending?.kind === 'returned' && (ending.value === 'ok' || ending.value === 'not-equal');
    return isRight && timeouts === 0 ? [] : [`ended with ${JSON.stringify(ending)}`];
  }),
  'two copies to one place': caseOf([copier(1), copier(2)], (memories) => {
    const bytes = Buffer.from(memories[0]!, 64, 8);
    return bytes.every((byte) => byte === bytes[0]) ? [] : ['torn'];
  }),
  'one after the other': caseOf(
    [{ prepare: (memories) => () => countUp(cellsOf(memories)) }, { after: [0], prepare: (memories) => () => countUp(cellsOf(memories)) }],
    (memories, { endings }) => (endings[0]?.kind === 'killed' ? [] : isTwo(memories)),
  ),
};
