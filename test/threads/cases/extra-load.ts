import { CELL, WORD } from '../../../src/upstream/endpoint-memory.ts';
import { ExtraLoad, ExtraLoadKeeper, type ExtraMemory } from '../../../src/upstream/extra-load.ts';
import type { Participant, StepCase, StepCases } from '../../harness/steps-case.ts';

/** Takers, and a keeper that allows less from now on. */
const WRITERS = 3;

/** One slot, in a few bytes. */
function memoryOver(shared: SharedArrayBuffer): ExtraMemory {
  const cells = new Float64Array(shared, 64);
  const countsOf = (writer: number): Float64Array => cells.subarray(writer * CELL.SAMPLES, (writer + 1) * CELL.SAMPLES);
  return {
    words: new Int32Array(shared, 0, 16),
    wordAt: (_, word) => word,
    countsOf,
    countsOfWorkers: () => [countsOf(0), countsOf(1)],
    coordinator: WRITERS - 1,
  };
}

function taking(times: number): Participant {
  return {
    prepare: ([shared], { self }) => {
      const extra = new ExtraLoad(memoryOver(shared!), self, 0);
      return () => Array.from({ length: times }, () => extra.take('retry')).filter(Boolean).length;
    },
  };
}

/** Another window begins, in which nothing is allowed. The answer is how many were taken before. */
const forbidding: Participant = {
  prepare: ([shared]) => {
    const memory = memoryOver(shared!);
    return () => {
      new ExtraLoadKeeper(memory, 0, 0).tick(0);
      return takenIn(shared!);
    };
  },
};

function takenIn(shared: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(shared), WORD.EXTRA) & 0xffffff;
}

/** Five are allowed, by 25 first attempts. */
function extraCase(participants: readonly Participant[], check: (got: readonly number[], taken: number) => readonly string[]): StepCase {
  return {
    create: () => {
      const shared = new SharedArrayBuffer(64 + WRITERS * CELL.SAMPLES * 8);
      const memory = memoryOver(shared);
      const keeper = new ExtraLoadKeeper(memory, 0, 0.2);
      keeper.tick(0);
      const extra = new ExtraLoad(memory, 0, 0);
      for (let i = 0; i < 25; i += 1) extra.countFirst();
      keeper.tick(50);
      return [shared];
    },
    participants,
    check: ([shared], { endings }) => {
      const got = endings.map((ending) => (ending.kind === 'returned' ? Number(ending.value) : Number.NaN));
      return check(got, takenIn(shared!));
    },
  };
}

export const STEP_CASES: StepCases = {
  'two take the last': extraCase([taking(3), taking(3)], ([one = 0, two = 0], taken) => {
    return one + two === 5 && taken === 5 ? [] : [`${one} and ${two} were taken, ${taken} are known`];
  }),
  'two take until nothing is allowed': extraCase([taking(2), taking(2), forbidding], ([one = 0, two = 0, before = 0], taken) => {
    return taken === before && one + two === taken ? [] : [`${one} and ${two} were taken, ${before} before the end, ${taken} are known`];
  }),
};
