import { STATE } from '../../../src/shm/key-cells.ts';
import { LIMIT_CELL, LimitMemory, layLimitTable } from '../../../src/shm/limit-memory.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import { compileLimit, type CompiledLimit } from '../../../src/shm/rolling-limit.ts';
import type { Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';
import { faultsOfLimits, LIMITS_SEED } from '../limits-world.ts';

/** Takers, sweepers and evictors of few keys in a bucket of few cells. All keys are in the one bucket; a taker's answer is how much it got. */

const NOW_MS = 1_000_000_000;
const HOUR_MS = 3_600_000;
const one = compileLimit({ algorithm: 'token-bucket', amount: 1, windowMs: HOUR_MS, burst: 1 });
const two = compileLimit({ algorithm: 'token-bucket', amount: 2, windowMs: HOUR_MS, burst: 2 });
const window = compileLimit({ algorithm: 'sliding-window', amount: 2, windowMs: HOUR_MS, burst: 1 });
const window3 = compileLimit({ algorithm: 'sliding-window', amount: 3, windowMs: HOUR_MS, burst: 1 });
/** Windows of the clock begin here. */
const WINDOW_MS = Math.ceil(NOW_MS / HOUR_MS) * HOUR_MS;
const K = 100;
const J = 200;
/** A key's first slot is `LOW` of its bucket. */
const LOW = 1;

type Work = (table: LimitTable) => number;

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: ([memory], { self }) => {
      const table = new LimitTable(memory!, self);
      return () => work(table);
    },
  };
}

type TakeOf = { readonly limit?: CompiledLimit; readonly atMs?: number; readonly times?: number };

function taking(key: number, { limit = one, atMs = NOW_MS, times = 1 }: TakeOf = {}): Work {
  return (table) => {
    let admitted = 0;
    for (let time = 0; time < times; time += 1) if (table.take(limit, LOW, key, atMs, 1, 0)) admitted += 1;
    return admitted;
  };
}

const inTurn =
  (...works: readonly Work[]): Work =>
  (table) => {
    let sum = 0;
    for (const work of works) sum += work(table);
    return sum;
  };
const giving: Work = (table) => {
  table.give(two, LOW, K, NOW_MS, 1);
  return -1;
};
const resetting: Work = (table) => {
  table.reset(one, LOW, K);
  return 0;
};
const sweeping: Work = (table) => {
  table.sweep(NOW_MS, 16);
  return 0;
};
const mending: Work = (table) => {
  table.recover(0);
  return 0;
};

/** `before` has happened: on a thread of its own kind, whose index is used by nobody else. */
function limitCase(setting: {
  readonly slots: number;
  readonly participants: readonly Participant[];
  readonly before?: (table: LimitTable, memory: LimitMemory) => void;
  /** Deaths may leave the number of live cells wrong by one. */
  readonly isDeadly?: boolean;
  readonly check: (got: readonly (number | undefined)[], table: LimitTable) => readonly string[];
}): StepCase {
  return {
    create: () => {
      const memory = layLimitTable(1, setting.slots, LIMITS_SEED);
      setting.before?.(new LimitTable(memory, 9), new LimitMemory(memory));
      return [memory];
    },
    participants: setting.participants,
    isAtomicOnly: true,
    check: ([memory], { endings }: RunResult) => {
      const got = endings.map((ending) => (ending.kind === 'returned' ? (ending.value as number) : undefined));
      return [...faultsOfLimits(memory!, setting.isDeadly ?? false), ...setting.check(got, new LimitTable(memory!, 9))];
    },
  };
}

const sumOf = (got: readonly (number | undefined)[]): number => got.reduce<number>((sum, value) => sum + (value ?? 0), 0);

function exactly(count: number) {
  return (got: readonly (number | undefined)[]): readonly string[] => {
    return sumOf(got) === count ? [] : [`${sumOf(got)} were admitted, not ${count}`];
  };
}

function atMost(count: number, atLeast = 0) {
  return (got: readonly (number | undefined)[]): readonly string[] => {
    return sumOf(got) <= count && sumOf(got) >= atLeast ? [] : [`${sumOf(got)} were admitted, not ${atLeast} to ${count}`];
  };
}

/** The key's cell exists, and its bucket is full for long. */
function idling(...keys: readonly number[]) {
  return (table: LimitTable): void => {
    for (const key of keys) table.take(one, LOW, key, NOW_MS - 10 * HOUR_MS, 1, 0);
  };
}

/** The key's cell is of long ago, and what it says now would say `ahead` units. */
function wrapped(ahead: number) {
  return (table: LimitTable, { cells }: LimitMemory): void => {
    table.take(one, LOW, K, NOW_MS, 1, 0);
    for (let cell = 0; cell < 4 * LIMIT_CELL.WORDS; cell += LIMIT_CELL.WORDS) {
      if (cells[cell] !== K) continue;
      cells[cell + STATE] = (cells[cell + STATE]! + ahead - one.capacity) | 1;
      cells[cell + LIMIT_CELL.FULL_AT] = Math.floor(NOW_MS / 100) - 1;
    }
  };
}

const two1: readonly Participant[] = [participant(taking(K)), participant(taking(K))];

export const STEP_CASES: StepCases = {
  'two take the last token': limitCase({
    slots: 4,
    before: (table) => table.take(two, LOW, K, NOW_MS, 1, 0),
    participants: [participant(taking(K, { limit: two })), participant(taking(K, { limit: two }))],
    check: exactly(1),
  }),
  'two make the cell of one key': limitCase({ slots: 4, participants: two1, check: exactly(1) }),
  'two make the cell of one key as the tag of the bucket wraps': limitCase({
    slots: 4,
    before: (_table, { cells }) => {
      cells[0] = ~0xff;
    },
    participants: two1,
    check: exactly(1),
  }),
  'three make the cell of one key': limitCase({ slots: 4, participants: [...two1, participant(taking(K))], check: exactly(1) }),
  'one makes a cell, another key is made, the first key comes again': limitCase({
    slots: 4,
    participants: [participant(taking(K)), participant(taking(J)), participant(taking(K))],
    check: exactly(2),
  }),
  'two make the cell of one key out of an idle one': limitCase({
    slots: 4,
    before: idling(J, 300, 400),
    participants: two1,
    check: exactly(1),
  }),
  // Who comes while the only cell is being made is decided upon by the cell of those that have none.
  'two make the only cell of a bucket': limitCase({ slots: 2, before: idling(J), participants: two1, check: atMost(2, 1) }),
  'two take of an idle cell': limitCase({ slots: 4, before: idling(K), participants: two1, check: exactly(1) }),
  'two take of a cell that has wrapped to ahead': limitCase({ slots: 4, before: wrapped(1000), participants: two1, check: exactly(1) }),
  'two take of a cell that has wrapped to behind': limitCase({ slots: 4, before: wrapped(-1000), participants: two1, check: exactly(1) }),
  'one takes twice while another key takes its idle cell': limitCase({
    slots: 2,
    before: idling(K),
    participants: [participant(taking(K, { times: 2 })), participant(taking(J))],
    // The two may share the cell of those that have none.
    check: (got) => ((got[0] ?? 0) <= 1 && (got[1] ?? 0) <= 1 && sumOf(got) >= 1 ? [] : [`${got} were admitted`]),
  }),
  'one takes twice while its idle cell is swept': limitCase({
    slots: 4,
    before: idling(K),
    participants: [participant(taking(K, { times: 2 })), participant(inTurn(sweeping, sweeping))],
    check: exactly(1),
  }),
  'one takes, one sweeps, one makes another key': limitCase({
    slots: 2,
    before: idling(K),
    participants: [participant(taking(K)), participant(sweeping), participant(taking(J))],
    check: (got) => ((got[0] ?? 0) <= 1 && (got[2] ?? 0) <= 1 && sumOf(got) >= 1 ? [] : [`${got} were admitted`]),
  }),
  'one takes and gives back, one takes': limitCase({
    slots: 4,
    participants: [participant(inTurn(taking(K, { limit: two }), giving)), participant(taking(K, { limit: two, times: 2 }))],
    check: (got, table) => {
      table.peek(two, LOW, K, NOW_MS);
      const left = 2 - sumOf(got);
      return table.remaining === left ? [] : [`${table.remaining} are left, not ${left}`];
    },
  }),
  'one takes, the bucket is reset': limitCase({
    slots: 4,
    participants: [participant(taking(K, { times: 2 })), participant(resetting)],
    check: atMost(2, 1),
  }),
  'two without a cell share one': limitCase({
    slots: 2,
    before: (table) => table.take(one, LOW, 300, NOW_MS, 1, 0),
    participants: [participant(taking(K)), participant(taking(J))],
    check: exactly(1),
  }),
  'a window: two take the last': limitCase({
    slots: 4,
    before: (table) => table.take(window, LOW, K, NOW_MS, 1, 0),
    participants: [participant(taking(K, { limit: window })), participant(taking(K, { limit: window }))],
    check: exactly(1),
  }),
  'a window: one in the old one, one as the next begins': limitCase({
    slots: 4,
    before: (table) => table.take(window, LOW, K, WINDOW_MS - 1, 1, 0),
    participants: [
      participant(taking(K, { limit: window, atMs: WINDOW_MS - 1, times: 2 })),
      participant(taking(K, { limit: window, atMs: WINDOW_MS, times: 2 })),
    ],
    check: exactly(1),
  }),
  'a window: three windows at once': limitCase({
    slots: 4,
    before: (table) => table.take(window, LOW, K, WINDOW_MS - 1, 1, 0),
    participants: [
      participant(taking(K, { limit: window, atMs: WINDOW_MS - 1, times: 2 })),
      participant(taking(K, { limit: window, atMs: WINDOW_MS, times: 2 })),
      participant(taking(K, { limit: window, atMs: WINDOW_MS + HOUR_MS, times: 2 })),
    ],
    check: atMost(3, 1),
  }),
  'a window: one in the old one, two as the next begins': limitCase({
    slots: 4,
    before: (table) => table.take(window3, LOW, K, WINDOW_MS - 1, 1, 0),
    participants: [
      participant(taking(K, { limit: window3, atMs: WINDOW_MS - 1 })),
      participant(taking(K, { limit: window3, atMs: WINDOW_MS })),
      participant(taking(K, { limit: window3, atMs: WINDOW_MS })),
    ],
    check: exactly(2),
  }),
  'a window: two begin a cell, in two windows': limitCase({
    slots: 4,
    participants: [
      participant(taking(K, { limit: window, atMs: WINDOW_MS - 1, times: 2 })),
      participant(taking(K, { limit: window, atMs: WINDOW_MS, times: 2 })),
    ],
    check: exactly(2),
  }),
  'one dies as it makes a cell, one makes the same': limitCase({
    isDeadly: true,
    slots: 4,
    participants: [participant(taking(K)), participant(taking(K)), participant(inTurn(mending, taking(K)), [0, 1])],
    check: () => [],
  }),
  'one dies as it makes a cell out of an idle one, one takes of that': limitCase({
    isDeadly: true,
    slots: 2,
    before: idling(J),
    participants: [participant(taking(K)), participant(taking(J)), participant(inTurn(mending, taking(K), taking(J)), [0, 1])],
    check: () => [],
  }),
  'one dies as it sweeps, one takes': limitCase({
    isDeadly: true,
    slots: 4,
    before: idling(K, J),
    participants: [participant(sweeping), participant(taking(K)), participant(inTurn(mending, taking(K)), [0, 1])],
    check: (got) => (sumOf(got) <= 1 ? [] : [`${got} were admitted`]),
  }),
};
