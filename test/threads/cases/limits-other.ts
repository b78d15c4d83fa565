import { ConcurrencyTable, layConcurrencyTable } from '../../../src/shm/concurrency-table.ts';
import { layQuotaTable, QuotaTable } from '../../../src/shm/quota-table.ts';
import type { Participant, StepCase, StepCases } from '../../harness/steps-case.ts';
import { LIMITS_SEED } from '../limits-world.ts';

/** What is in flight, and quotas: few threads, few keys, one bucket. A participant's answer is how much it holds, or was granted. */

const LOW = 1;
const K = 100;
const J = 200;
const NOW_SEC = 1_764_000_000;
const MONTH_SEC = 32 * 86_400 + 60;

type Got = readonly (number | undefined)[];
const sumOf = (got: Got): number => got.reduce<number>((sum, value) => sum + (value ?? 0), 0);

function acting<Table>(
  open: (memory: SharedArrayBuffer, self: number) => Table,
  work: (table: Table) => number,
  after: readonly number[] = [],
): Participant {
  return {
    after,
    prepare: ([memory], { self }) => {
      const table = open(memory!, self);
      return () => work(table);
    },
  };
}

function caseOf(
  create: () => SharedArrayBuffer,
  participants: readonly Participant[],
  check: (got: Got, memory: SharedArrayBuffer) => readonly string[],
): StepCase {
  return {
    create: () => [create()],
    participants,
    isAtomicOnly: true,
    check: ([memory], { endings }) =>
      check(
        endings.map((ending) => (ending.kind === 'returned' ? (ending.value as number) : undefined)),
        memory!,
      ),
  };
}

// --- what is in flight ---

const openFlying = (memory: SharedArrayBuffer, self: number): ConcurrencyTable => new ConcurrencyTable(memory, self);
const flying = (work: (table: ConcurrencyTable) => number, after: readonly number[] = []): Participant => acting(openFlying, work, after);
const acquiring =
  (key: number, max: number) =>
  (table: ConcurrencyTable): number =>
    table.acquire(LOW, key, max) >= 0 ? 1 : 0;
const passing =
  (key: number, max: number) =>
  (table: ConcurrencyTable): number => {
    const handle = table.acquire(LOW, key, max);
    if (handle >= 0) table.release(handle);
    return 0;
  };

/** Participant 3 has opened it before: `held` of K are in flight for it; J's cell may be there too. */
function flyingCase(
  slots: number,
  held: number,
  participants: readonly Participant[],
  check: (got: Got, memory: SharedArrayBuffer) => readonly string[],
): StepCase {
  const create = (): SharedArrayBuffer => {
    const memory = layConcurrencyTable([1, slots, 4], LIMITS_SEED);
    const table = new ConcurrencyTable(memory, 3);
    for (let count = 0; count < held; count += 1) table.acquire(LOW, K, 10);
    if (slots > 2) table.release(table.acquire(LOW, J, 1));
    return memory;
  };
  return caseOf(create, participants, check);
}

const inFlightIs =
  (others: number) =>
  (got: Got, memory: SharedArrayBuffer): readonly string[] => {
    const held = new ConcurrencyTable(memory, 3).inFlight(LOW, K);
    return held === sumOf(got) + others ? [] : [`${held} are in flight, ${got} and ${others} hold them`];
  };

// --- quotas ---

const openQuotas = (memory: SharedArrayBuffer, self: number): QuotaTable => new QuotaTable(memory, self);
const using = (work: (table: QuotaTable) => number, after: readonly number[] = []): Participant => acting(openQuotas, work, after);
const taking =
  (key: number, amount: number, startSec = NOW_SEC) =>
  (table: QuotaTable): number =>
    table.take(LOW, key, startSec, amount, 1) ? 1 : 0;

/** What is used of K, as whoever writes it to disk has been told: `told` before the run, the rest at the end. */
function quotaCase(
  slots: number,
  usedSec: number,
  participants: readonly Participant[],
  check: (got: Got, used: number, seen: number) => readonly string[],
): StepCase {
  const create = (): SharedArrayBuffer => {
    const memory = layQuotaTable(1, slots, LIMITS_SEED);
    const table = new QuotaTable(memory, 9);
    table.take(LOW, K, usedSec, 10, 1);
    table.forEachChanged(() => {});
    return memory;
  };
  return caseOf(create, participants, (got, memory) => {
    const table = new QuotaTable(memory, 9);
    let seen = -1;
    table.forEachChanged((_low, high, startSec, used) => {
      if (high === K && startSec === NOW_SEC) seen = used;
    });
    return check(got, table.peek(LOW, K, NOW_SEC), seen);
  });
}

const visiting = (table: QuotaTable): number => {
  let seen = 0;
  table.forEachChanged((_low, high, _startSec, used) => {
    if (high === K) seen = used;
  });
  return seen;
};

export const STEP_CASES: StepCases = {
  'in flight: two want the last place': flyingCase(2, 1, [flying(acquiring(K, 2)), flying(acquiring(K, 2))], (got, memory) => [
    ...(sumOf(got) === 1 ? [] : [`${got} were let in`]),
    ...inFlightIs(1)(got, memory),
  ]),
  'in flight: two make the cell': flyingCase(4, 0, [flying(acquiring(K, 1)), flying(acquiring(K, 1))], (got, memory) => [
    ...(sumOf(got) === 1 ? [] : [`${got} were let in`]),
    ...inFlightIs(0)(got, memory),
  ]),
  'in flight: three want two places': flyingCase(
    4,
    0,
    [flying(acquiring(K, 2)), flying(acquiring(K, 2)), flying(passing(K, 2))],
    (got, memory) => [...(sumOf(got) >= 1 && sumOf(got) <= 2 ? [] : [`${got} were let in`]), ...inFlightIs(0)(got, memory)],
  ),
  'in flight: one comes while its idle cell goes to another key': flyingCase(
    2,
    0,
    [flying((table) => passing(K, 1)(table) + acquiring(K, 1)(table)), flying(acquiring(J, 1))],
    // They may have no cell, and share one.
    (got) => (sumOf(got) >= 1 ? [] : ['nobody was let in']),
  ),
  'in flight: an idle cell goes to another key, or its own key comes back': flyingCase(
    4,
    0,
    [
      flying(acquiring(J, 1)),
      flying(acquiring(J, 1)),
      flying((table) => acquiring(K, 1)(table) + acquiring(300, 1)(table) + acquiring(400, 1)(table)),
    ],
    (got) => ((got[0] ?? 0) + (got[1] ?? 0) <= 2 ? [] : [`${got} were let in`]),
  ),
  'in flight: one dies, one holds': flyingCase(
    4,
    1,
    [
      flying((table) => passing(K, 9)(table) + acquiring(K, 9)(table)),
      flying(acquiring(K, 9)),
      flying((table) => -table.recover(0), [0, 1]),
    ],
    (got, memory) => inFlightIs(1 + (got[0] === undefined ? 0 : -1))([got[0], got[1]], memory),
  ),
  'a quota: two take the last': quotaCase(4, NOW_SEC, [using(taking(K, 2)), using(taking(K, 2))], (got, used, seen) => [
    ...(sumOf(got) === 1 && used === 2 ? [] : [`${got} were granted, ${used} are used`]),
    ...(seen === 2 ? [] : [`${seen} were seen`]),
  ]),
  'a quota: two begin the window': quotaCase(4, NOW_SEC - 3600, [using(taking(K, 1)), using(taking(K, 1))], (got, used) =>
    sumOf(got) === 1 && used === 1 ? [] : [`${got} were granted, ${used} are used`],
  ),
  'a quota: two make the cell': quotaCase(4, NOW_SEC, [using(taking(J, 1)), using(taking(J, 1))], (got) =>
    sumOf(got) === 1 ? [] : [`${got} were granted`],
  ),
  'a quota: what changes while it is visited is visited again': quotaCase(
    4,
    NOW_SEC,
    [using((table) => taking(K, 9)(table) + taking(K, 9)(table)), using(visiting)],
    (got, used, seen) => (seen === 3 || got[1] === 3 ? [] : [`${seen} and ${got[1]} were seen, ${used} are used`]),
  ),
  'a quota: an old cell goes to another key as its own begins a new window': quotaCase(
    2,
    NOW_SEC - MONTH_SEC,
    [using((table) => taking(K, 1)(table) + taking(K, 1)(table)), using(taking(J, 1))],
    // Without a cell nothing is counted.
    (got, used) =>
      got[1] === 1 && (used === 1 ? got[0] === 1 || got[0] === 2 : got[0] === 2) ? [] : [`${got} were granted, ${used} are used`],
  ),
  'a quota: one dies, what it used is seen': quotaCase(
    4,
    NOW_SEC,
    [using(taking(K, 9)), using(taking(J, 9)), using((table) => table.recover(0), [0, 1])],
    (got, used, seen) =>
      used >= 1 && (got[0] === undefined || used === 2) && seen === used ? [] : [`${used} are used, ${seen} were seen`],
  ),
};
