import { setImmediate as nextTurn } from 'node:timers/promises';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Killed } from './kill-at.ts';
import { type AsyncWait, type Cells, interceptSteps, realAtomics, type StepKind, type WaitEnd } from './steps.ts';
import { Board } from './steps-board.ts';
import { COMMANDS, STATES, VERDICTS } from './steps-board-layout.ts';
import { makePlainStoresSteps, NOT_SHARED } from './steps-plain.ts';
import type { NotedCall, Participant, StepCases } from './steps-case.ts';

/** The thread of one participant. Between two steps of its own it sleeps until it is given the baton. */
export type StepWorkerData = {
  readonly board: SharedArrayBuffer;
  readonly who: number;
  readonly module: string;
  /** Plain stores in the files of this folder are steps too; see steps-plain.ts. */
  readonly plainStoresOf: string | undefined;
};
export type StepWorkerLoad = { readonly name: string; readonly memories: readonly SharedArrayBuffer[] };

class Aborted extends Error {}

/** `outside`: steps are not counted. `dead`: every step throws. */
type Mode = 'outside' | 'acting' | 'dead';
type OpenCall = { -readonly [K in keyof NotedCall]: NotedCall[K] };

const MAX_IDLE_TURNS = 1000;
const SPIN_FROM = 3;
const SPIN_TO = 256;
const { board: memory, who, module, plainStoresOf } = workerData as StepWorkerData;
const board = new Board(memory);

let mode: Mode = 'outside';
let isFirstStep = true;
let isAborted = false;
let calls: OpenCall[] = [];
let wakeAsync: ((end: 'ok' | 'timed-out') => void) | undefined;
let asyncTimeoutMs = 0;
const spin: { cells: Cells | undefined; index: number; value: number | undefined; times: number } = {
  cells: undefined,
  index: 0,
  value: 0,
  times: 0,
};

function hand(next: number): void {
  if (next >= 0) board.wake(next, COMMANDS.go);
  else board.finish(next === -1 ? VERDICTS.good : VERDICTS.deadlock);
}

function passBaton(): void {
  const next = board.choose();
  if (next === who) return;
  hand(next);
  awaitBaton();
}

function awaitBaton(): void {
  if (board.sleep(who) === COMMANDS.go) return;
  isAborted = true;
  mode = 'dead';
  throw new Aborted('the run was cut');
}

/**
 * The same load with the same answer again and again, nothing else in between: the first few are steps as any other, the
 * following go by without a choice, so that a spin of so many loads ends in what comes after it. A reader that looks two or three
 * times is overtaken between its looks as ever.
 */
function isSpinning(kind: StepKind, cells: Cells, index: number): boolean {
  const value = kind === 'load' ? realAtomics.load(cells as Int32Array, index) : undefined;
  const isSame = kind === 'load' && spin.cells === cells && spin.index === index && spin.value === value;
  spin.times = isSame ? spin.times + 1 : 0;
  spin.cells = cells;
  spin.index = index;
  spin.value = value;
  return spin.times >= SPIN_FROM && spin.times < SPIN_TO;
}

function before(kind: StepKind, cells: Cells, index: number, expected?: number): void {
  if (mode === 'outside') return;
  if (mode === 'dead') throw isAborted ? new Aborted('the run was cut') : new Killed(board.takenBy(who), kind);
  if (kind === 'swap') board.noteSwap(who, cells, index, expected ?? 0);
  else board.forgetSwap(who);
  // What a participant does before its first step touches nothing shared (but for half a copy): it takes that step at once.
  if ((!isFirstStep || kind === 'copy') && !isSpinning(kind, cells, index)) passBaton();
  isFirstStep = false;
  if (board.isTooLong) {
    board.finish(VERDICTS.tooLong);
    awaitBaton();
  }
  if (!board.countStep(who, kind, cells, index)) return;
  mode = 'dead';
  throw new Killed(board.takenBy(who), kind);
}

function wait(cells: Cells, index: number, value: number, timeoutMs: number): WaitEnd {
  if (mode === 'outside') return realAtomics.wait(cells as Int32Array, index, value, timeoutMs);
  if (Number(realAtomics.load(cells as Int32Array, index)) !== value) return 'not-equal';
  if (timeoutMs <= 0) return 'timed-out';
  if (board.hasWait(who)) throw new Error('a participant waits for one thing at a time');
  board.beginWait(who, { cells, index }, timeoutMs);
  board.setState(who, STATES.waiting);
  passBaton();
  board.setState(who, STATES.ready);
  return board.endWait(who, timeoutMs) ? 'ok' : 'timed-out';
}

function waitAsync(cells: Cells, index: number, value: number, timeoutMs: number): AsyncWait {
  if (mode === 'outside') return realAtomics.waitAsync(cells as Int32Array, index, value, timeoutMs) as AsyncWait;
  if (Number(realAtomics.load(cells as Int32Array, index)) !== value) return { async: false, value: 'not-equal' };
  if (timeoutMs <= 0) return { async: false, value: 'timed-out' };
  if (board.hasWait(who)) throw new Error('a participant waits for one thing at a time');
  board.beginWait(who, { cells, index }, timeoutMs);
  asyncTimeoutMs = timeoutMs;
  return {
    async: true,
    value: new Promise((resolve) => {
      wakeAsync = resolve;
    }),
  };
}

function notify(cells: Cells, index: number, count: number): number {
  return mode === 'outside' ? realAtomics.notify(cells as Int32Array, index, count) : board.notify(cells, index, count);
}

function note<T>(name: string, args: readonly unknown[], call: () => T): T {
  const noted: OpenCall = { who, name, args, result: undefined, begin: board.nextEvent(), end: Number.POSITIVE_INFINITY };
  calls.push(noted);
  const result = call();
  const finish = (value: unknown): void => {
    noted.result = value;
    noted.end = board.nextEvent();
  };
  if (!(result instanceof Promise)) finish(result);
  else {
    result.then(finish, () => {});
  }
  return result;
}

/** Waits for an act that waits for shared memory: whenever nothing is left to do here, the others go on. */
async function settle(promise: Promise<unknown>): Promise<unknown> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  promise.then(settled, settled);
  const isOver = (): boolean => isSettled || mode === 'dead';
  for (let idle = 0; !isOver(); idle += 1) {
    await nextTurn();
    if (isOver()) break;
    if (idle > MAX_IDLE_TURNS) throw new Error('the participant waits for something that is no step');
    if (wakeAsync === undefined) continue;
    idle = 0;
    board.setState(who, STATES.waiting);
    passBaton();
    board.setState(who, STATES.ready);
    const wake = wakeAsync;
    wakeAsync = undefined;
    wake(board.endWait(who, asyncTimeoutMs) ? 'ok' : 'timed-out');
  }
  return isSettled ? promise : undefined;
}

async function act(body: () => unknown): Promise<unknown> {
  const result = body();
  return result instanceof Promise ? await settle(result) : result;
}

async function run(participant: Participant, memories: readonly SharedArrayBuffer[]): Promise<void> {
  mode = 'outside';
  isFirstStep = true;
  isAborted = false;
  calls = [];
  wakeAsync = undefined;
  spin.cells = undefined;
  let ending: unknown;
  try {
    const body = participant.prepare(memories, { self: who, nowMs: () => board.nowMs, note });
    board.setState(who, STATES.ready);
    mode = 'acting';
    ending = { kind: 'returned', value: (await act(body)) ?? null };
  } catch (error) {
    ending = { kind: 'threw', text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const isKilled = (mode as Mode) === 'dead';
  mode = 'outside';
  if (isAborted) return board.finish();
  board.setText(who, JSON.stringify({ ending: isKilled ? { kind: 'killed' } : ending, calls }));
  board.setState(who, isKilled ? STATES.killed : STATES.done);
  hand(board.choose());
}

function useClockOfTheCase(): void {
  Object.defineProperty(performance, 'now', { configurable: true, value: () => board.nowMs });
  Object.defineProperty(process.hrtime, 'bigint', { configurable: true, value: () => BigInt(board.nowMs) * 1_000_000n });
  Object.defineProperty(Date, 'now', { configurable: true, value: () => board.nowMs });
}

if (plainStoresOf !== undefined) makePlainStoresSteps(new URL(plainStoresOf), NOT_SHARED);
const { STEP_CASES } = (await import(module)) as { readonly STEP_CASES: StepCases };
useClockOfTheCase();
interceptSteps({ before, wait, waitAsync, notify });
let participant: Participant | undefined;
let memories: readonly SharedArrayBuffer[] = [];
for (;;) {
  const command = board.sleep(who);
  if (command === COMMANDS.quit) break;
  if (command === COMMANDS.load) {
    const load = receiveMessageOnPort(parentPort!)?.message as StepWorkerLoad;
    participant = STEP_CASES[load.name]?.participants[who];
    memories = load.memories;
    board.watch(memories);
    board.finish();
  } else if (participant !== undefined) await run(participant, memories);
}
parentPort?.close();
