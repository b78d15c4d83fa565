import { BREAKER, BreakerCell, stateOf, successesOf } from '../../../src/upstream/breaker-cell.ts';
import type { Participant, RunResult, StepCase, StepCases } from '../../harness/steps-case.ts';

/**
 * Workers and the keeper at one breaker. Beside its words: how many probes are under way, which whoever has a ticket raises as the first thing it
 * does, and lowers as the last before it tells what came of it.
 */
const WORDS = { breaker: 0, run: 1, version: 2 };
const UNDER_WAY = 4;
const PROBES = 5;
const FAILURES = 2;
const WINDOW_MS = 1000;
const NOW_MS = 5_000_000;

type Hand = { readonly cell: BreakerCell; readonly words: Int32Array; readonly self: number };
type Work = (hand: Hand) => unknown;
type End = (hand: Hand, ticket: number) => void;

function participant(work: Work, after: readonly number[] = []): Participant {
  return {
    after,
    prepare: ([memory], { self }) => {
      const words = new Int32Array(memory!);
      const hand = { cell: new BreakerCell({ words, ...WORDS }), words, self };
      return () => work(hand);
    },
  };
}

/** Asks once; a probe ends as `end` says. The answer is what it got. */
const asking =
  (end: End): Work =>
  (hand) => {
    const ticket = hand.cell.admit(hand.self);
    if (ticket <= 0) return ticket === 0 ? 'pass' : 'refused';
    if (Atomics.add(hand.words, UNDER_WAY, 1) !== 0) throw new Error('two probes at a time');
    Atomics.add(hand.words, PROBES, 1);
    Atomics.sub(hand.words, UNDER_WAY, 1);
    end(hand, ticket);
    return 'probe';
  };

/** The same where a probe may be given up for lost: then the next one begins beside it. */
const askingUnderLease =
  (end: End): Work =>
  (hand) => {
    const ticket = hand.cell.admit(hand.self);
    if (ticket > 0) end(hand, ticket);
    return ticket > 0 ? 'probe' : ticket;
  };

const succeeds =
  (needed: number): End =>
  ({ cell }, ticket) =>
    cell.onProbeSuccess(ticket, needed);
const fails: End = ({ cell }, ticket) => cell.onProbeFailure(ticket);
const leaves: End = ({ cell }, ticket) => cell.onProbeAbandoned(ticket);
const isNeverHeardOf: End = () => {};

const failing =
  (times: number): Work =>
  ({ cell }) => {
    for (let i = 0; i < times; i += 1) cell.onFailure(FAILURES, WINDOW_MS, NOW_MS);
  };
const succeeding: Work = ({ cell }) => cell.onSuccess();

/** Ends the lease of whoever has the probe now, and makes it ready again. */
const endingLease: Work = ({ cell }) => {
  const word = cell.load();
  if (stateOf(word) !== BREAKER.PROBING) return 'nobody had it';
  if (!cell.open(word)) return 'too late';
  return cell.makeReady(cell.load()) ? 'ready again' : 'changed';
};
const opening: Work = ({ cell }) => cell.open(cell.load());
const makingReady: Work = ({ cell }) => {
  const word = cell.load();
  return stateOf(word) === BREAKER.OPEN && cell.makeReady(word);
};
const mending: Work = ({ cell, words }) => {
  Atomics.store(words, UNDER_WAY, 0);
  cell.recover(0);
  cell.raiseVersion();
};

const inTurn =
  (...works: readonly Work[]): Work =>
  (hand) =>
    works.map((work) => work(hand)).join();

type Check = (seen: {
  readonly state: number;
  readonly words: Int32Array;
  readonly got: readonly unknown[];
  readonly successes: number;
}) => readonly string[];

function breakerCase(from: 'closed' | 'open' | 'ready', participants: readonly Participant[], check: Check): StepCase {
  return {
    create: () => {
      const memory = new SharedArrayBuffer(64);
      const cell = new BreakerCell({ words: new Int32Array(memory), ...WORDS });
      if (from !== 'closed') cell.open(cell.load());
      if (from === 'ready') cell.makeReady(cell.load());
      return [memory];
    },
    participants,
    check: ([memory], result: RunResult) => {
      const words = new Int32Array(memory!);
      const word = words[WORDS.breaker]!;
      const got = result.endings.map((ending) => (ending.kind === 'returned' ? ending.value : ending.kind));
      const threw = result.endings.flatMap((ending) => (ending.kind === 'threw' ? [ending.text] : []));
      // Each change has its generation, and is told once; a thread that died may have left one to the keeper.
      const untold = (word >>> 14) - words[WORDS.version]!;
      const isDeadly = result.endings.some(({ kind }) => kind === 'killed');
      const told = untold <= 0 || isDeadly ? [] : [`${untold} changes were not told`];
      return [...threw, ...told, ...check({ state: stateOf(word), words, got, successes: successesOf(word) })];
    },
  };
}

const is =
  (...states: readonly number[]): Check =>
  ({ state, got }) =>
    states.includes(state) ? [] : [`the state is ${state} after ${got.join()}`];
const probes =
  (atLeast: number, atMost: number): Check =>
  ({ words, got }) => {
    const count = words[PROBES]!;
    return count >= atLeast && count <= atMost ? [] : [`${count} probes: ${got.join()}`];
  };
const all =
  (...checks: readonly Check[]): Check =>
  (seen) =>
    checks.flatMap((check) => check(seen));
const { CLOSED, OPEN, READY, PROBING } = BREAKER;

export const STEP_CASES: StepCases = {
  'two ask, the probe fails': breakerCase('ready', [participant(asking(fails)), participant(asking(fails))], all(is(OPEN), probes(1, 1))),
  'three ask, the probe fails': breakerCase(
    'ready',
    [participant(asking(fails)), participant(asking(fails)), participant(asking(fails))],
    all(is(OPEN), probes(1, 1)),
  ),
  'two ask, one probe is enough': breakerCase(
    'ready',
    [participant(asking(succeeds(1))), participant(asking(succeeds(1)))],
    all(is(CLOSED), probes(1, 1)),
  ),
  'two ask, two probes are wanted': breakerCase(
    'ready',
    [participant(asking(succeeds(2))), participant(asking(succeeds(2)))],
    all(is(CLOSED, READY), probes(1, 2), ({ state, words, successes }) => {
      return state === CLOSED ? [] : words[PROBES] === 1 && successes === 1 ? [] : ['a success is lost'];
    }),
  ),
  'one succeeds, one fails, two probes are wanted': breakerCase(
    'ready',
    [participant(asking(succeeds(2))), participant(asking(fails))],
    all(is(OPEN, READY), probes(1, 2)),
  ),
  'two ask twice, each leaves': breakerCase(
    'ready',
    [participant(inTurn(asking(leaves), asking(leaves))), participant(inTurn(asking(leaves), asking(leaves)))],
    all(is(READY), probes(2, 4)),
  ),
  'two ask as it is made ready': breakerCase(
    'open',
    [participant(asking(fails)), participant(asking(fails)), participant(makingReady)],
    all(is(OPEN, READY), probes(0, 1)),
  ),
  'a lease ends while its probe ends and another asks': breakerCase(
    'ready',
    [participant(askingUnderLease(succeeds(1))), participant(askingUnderLease(fails)), participant(endingLease)],
    is(CLOSED, OPEN, READY),
  ),
  'a lease ends, another probe begins, the first one is heard of': breakerCase(
    'ready',
    [participant(askingUnderLease(succeeds(1))), participant(inTurn(endingLease, ({ cell, self }) => cell.admit(self) > 0))],
    ({ state, got }) => {
      // Who has a probe that nobody has ended is still known as the one that has it.
      const isMine = String(got[1]).endsWith('true');
      return isMine === (state === PROBING) ? [] : [`the state is ${state} after ${got.join()}`];
    },
  ),
  'two fail as often as it takes': breakerCase('closed', [participant(failing(1)), participant(failing(1))], is(OPEN)),
  'three fail twice each': breakerCase('closed', [participant(failing(2)), participant(failing(2)), participant(failing(2))], is(OPEN)),
  'one fails twice, one succeeds': breakerCase('closed', [participant(failing(2)), participant(succeeding)], is(OPEN, CLOSED)),
  'two fail, one that asks, and the keeper opens': breakerCase(
    'closed',
    [participant(failing(2)), participant(opening), participant(asking(fails))],
    all(is(OPEN), probes(0, 0)),
  ),
  'a probe succeeds while others that passed before fail': breakerCase(
    'ready',
    [participant(asking(succeeds(1))), participant(failing(1))],
    ({ state, words }) =>
      state === CLOSED && (words[WORDS.run]! & 1023) <= 1 ? [] : [`the state is ${state}, the run ${words[WORDS.run]}`],
  ),
  'the prober dies, one mends, one asks': breakerCase(
    'ready',
    [participant(asking(succeeds(1))), participant(mending, [0]), participant(asking(fails), [0, 1])],
    ({ state, got }) => (state === (got[2] === 'probe' ? OPEN : CLOSED) ? [] : [`the state is ${state} after ${got.join()}`]),
  ),
  'who fails dies, another fails': breakerCase('closed', [participant(failing(2)), participant(failing(1), [0])], ({ state, words }) => {
    // One failure may be lost with its thread, or both be told already.
    return state === OPEN || (words[WORDS.run]! & 1023) === 1 ? [] : [`the state is ${state}, the run ${words[WORDS.run]}`];
  }),
  'one that is never heard of again': breakerCase(
    'ready',
    [participant(askingUnderLease(isNeverHeardOf)), participant(askingUnderLease(fails)), participant(endingLease)],
    is(PROBING, OPEN, READY),
  ),
};
