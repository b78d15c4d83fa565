import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Board, type Decision } from './steps-board.ts';
import { COMMANDS, STATES, VERDICTS } from './steps-board-layout.ts';
import type { Ending, NotedCall, RunResult, StepCase, StepCases } from './steps-case.ts';
import type { StepWorkerData, StepWorkerLoad } from './steps-worker.ts';

/**
 * Runs two to four participants, each on its own thread, in every order of their atomic steps: stateless model checking by
 * depth-first search and replay. Where that is too much the number of preemptions (a change away from a participant that could
 * go on) is bounded: nearly all errors of real programmes show with two (Musuvathi and Qadeer, PLDI 2007).
 *
 * Waits: `Atomics.wait` and `waitAsync` end by `notify`; by their time only when nobody else can go on (counted in
 * `RunResult.timeouts`: a lost wake-up is one), or at any moment with `mayTimeOut`.
 */

export type ExploreOptions = {
  /** Runs with more preemptions are left out. Default: none is. */
  readonly maxPreemptions?: number;
  /** The participant `who` dies in place of its step number `step` (from 1). */
  readonly kill?: { readonly who: number; readonly step: number };
  /** A bounded wait may time out at any moment. */
  readonly mayTimeOut?: boolean;
  /** More runs than this are a failure: the case is too large for a test. */
  readonly maxRuns?: number;
};

export type Exploration = {
  readonly runs: number;
  readonly longestSteps: number;
  readonly timeouts: number;
  /** Runs in which the kill happened. */
  readonly kills: number;
};

type Frame = Decision & { tried: number; readonly spent: number };
const HANG_MS = 20_000;

export class StepRig {
  readonly #board: Board;
  readonly #workers: readonly Worker[];
  readonly #cases: StepCases;
  #case: StepCase | undefined;
  #name = '';
  #memories: readonly SharedArrayBuffer[] = [];
  #originals: readonly Uint8Array[] = [];
  /** No run of the case yet: the board's log is of another one. */
  #isFresh = true;

  private constructor(board: Board, workers: readonly Worker[], cases: StepCases) {
    this.#board = board;
    this.#workers = workers;
    this.#cases = cases;
  }

  /** Starts the threads for a module that exports `STEP_CASES`. `plainStoresOf`: plain stores in the files of that folder are steps too. */
  static async open(module: URL, participants: number, plainStoresOf?: URL): Promise<StepRig> {
    const { STEP_CASES } = (await import(module.href)) as { readonly STEP_CASES: StepCases };
    const board = new Board();
    const workers = Array.from({ length: participants }, (_, who) => {
      const workerData: StepWorkerData = { board: board.memory, who, module: module.href, plainStoresOf: plainStoresOf?.href };
      return new Worker(new URL('./steps-worker.ts', import.meta.url), { workerData });
    });
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    return new StepRig(board, workers, STEP_CASES);
  }

  /** Every order of the case's steps within the options; throws at the first run that is not good. */
  async explore(name: string, options: ExploreOptions = {}): Promise<Exploration> {
    await this.#load(name);
    const { maxPreemptions = Number.POSITIVE_INFINITY, maxRuns = 1_000_000 } = options;
    const total = { runs: 0, longestSteps: 0, timeouts: 0, kills: 0 };
    let frames: Frame[] = [];
    let prefix: readonly number[] | undefined = [];
    while (prefix !== undefined) {
      assert.ok(total.runs < maxRuns, `${name}: more than ${maxRuns} runs`);
      this.#runAndCount(prefix, 0, options, total);
      frames = this.#extend(frames, prefix.length);
      prefix = nextPrefix(frames, maxPreemptions);
    }
    return total;
  }

  /** As many runs at random, by the seeds `seed`, `seed` + 1 …: for cases too large to explore. */
  async sample(name: string, runs: number, options: ExploreOptions & { readonly seed?: number } = {}): Promise<Exploration> {
    await this.#load(name);
    const total = { runs: 0, longestSteps: 0, timeouts: 0, kills: 0 };
    for (let run = 0; run < runs; run += 1) this.#runAndCount([], Math.imul((options.seed ?? 1) + run, 0x9e3779b1) | 1, options, total);
    return total;
  }

  /**
   * `explore` once for each step at which the participant can die, until it comes to its end alive.
   * The answer sums up the explorations; `kills` counts the runs with a death.
   */
  async exploreKills(name: string, who: number, options: Omit<ExploreOptions, 'kill'> = {}): Promise<Exploration> {
    const total = { runs: 0, longestSteps: 0, timeouts: 0, kills: 0 };
    for (let step = 1; ; step += 1) {
      const found = await this.explore(name, { ...options, kill: { who, step } });
      total.runs += found.runs;
      total.kills += found.kills;
      total.timeouts += found.timeouts;
      total.longestSteps = Math.max(total.longestSteps, found.longestSteps);
      if (found.kills === 0) return total;
    }
  }

  async close(): Promise<void> {
    const exits = this.#workers.map((worker) => once(worker, 'exit'));
    for (const who of this.#workers.keys()) this.#board.wake(who, COMMANDS.quit);
    await Promise.all(exits);
  }

  async #load(name: string): Promise<void> {
    const found = this.#cases[name];
    assert.ok(found !== undefined, `${name} is a case of the module`);
    assert.ok(found.participants.length <= this.#workers.length, `${name} needs ${found.participants.length} threads`);
    if (this.#name === name) return;
    this.#name = name;
    this.#isFresh = true;
    this.#case = found;
    this.#memories = found.create();
    this.#originals = this.#memories.map((memory) => new Uint8Array(memory).slice());
    this.#board.watch(this.#memories);
    for (const [who, worker] of this.#workers.entries()) {
      const load: StepWorkerLoad = { name, memories: this.#memories };
      worker.postMessage(load);
      // A message is on its way for a moment before it can be received synchronously.
      await new Promise(setImmediate);
      this.#board.command(who, COMMANDS.load, HANG_MS);
    }
  }

  #runAndCount(
    prefix: readonly number[],
    random: number,
    options: ExploreOptions,
    total: { -readonly [K in keyof Exploration]: number },
  ): void {
    const result = this.#run(prefix, random, options);
    total.runs += 1;
    total.longestSteps = Math.max(total.longestSteps, result.steps);
    total.timeouts += result.timeouts;
    if (result.endings.some(({ kind }) => kind === 'killed')) total.kills += 1;
  }

  #run(prefix: readonly number[], random: number, options: ExploreOptions): RunResult {
    const current = this.#case!;
    this.#restore(current.isAtomicOnly ?? false);
    const after = current.participants.map((participant) => (participant.after ?? []).reduce((mask, who) => mask | (1 << who), 0));
    this.#board.reset({ after, prefix, random, kill: options.kill, mayTimeOut: options.mayTimeOut ?? false });
    this.#board.command(this.#board.choose(), COMMANDS.go, HANG_MS);
    const verdict = this.#board.verdict;
    if (verdict !== VERDICTS.good) {
      const log = this.#board.log();
      this.#abort();
      this.#fail([verdict === VERDICTS.deadlock ? 'nobody can go on' : 'no end: a livelock, or too many steps'], log);
    }
    const result = this.#result();
    const faults = [...result.endings.flatMap(faultsOf), ...current.check(this.#memories, result)];
    if (faults.length > 0) this.#fail(faults, this.#board.log());
    return result;
  }

  /** Makes the memory what it was before any run. */
  #restore(isAtomicOnly: boolean): void {
    if (!isAtomicOnly || this.#isFresh) {
      this.#memories.forEach((memory, at) => {
        new Uint8Array(memory).set(this.#originals[at]!);
      });
      this.#isFresh = false;
      return;
    }
    this.#board.forEachStep((buffer, byte) => {
      const from = byte & ~7;
      const original = this.#originals[buffer];
      if (original !== undefined) new Uint8Array(this.#memories[buffer]!).set(original.subarray(from, from + 8), from);
    });
  }

  #result(): RunResult {
    const texts = this.#case!.participants.map((_, who) => {
      return JSON.parse(this.#board.textOf(who)) as { readonly ending: Ending; readonly calls: readonly NotedCall[] };
    });
    // JSON has no Infinity: the end of a call that never ended comes as null.
    const calls = texts.flatMap((text) => text.calls).map((call) => ({ ...call, end: call.end ?? Number.POSITIVE_INFINITY }));
    return { endings: texts.map((text) => text.ending), calls, steps: this.#board.steps, timeouts: this.#board.timeouts };
  }

  #abort(): void {
    for (const who of this.#case!.participants.keys()) {
      const state = this.#board.stateOf(who);
      if (state === STATES.ready || state === STATES.waiting) this.#board.command(who, COMMANDS.abort, HANG_MS);
    }
  }

  #fail(faults: readonly string[], log: readonly string[]): never {
    const order = this.#board.decisions().map(({ chosen }) => chosen);
    const steps = log.length > 400 ? [...log.slice(0, 200), '…', ...log.slice(-200)] : log;
    assert.fail(`${this.#name}: ${faults.join('; ')}\nchoices: ${order.join('')}\nsteps (who: what buffer+byte):\n  ${steps.join('\n  ')}`);
  }

  /** The frames of the last run: those of its prefix are kept, so that what was tried there is known. */
  #extend(frames: readonly Frame[], kept: number): Frame[] {
    const decisions = this.#board.decisions();
    const extended = frames.slice(0, kept);
    for (const [at, frame] of extended.entries()) {
      const decision = decisions[at];
      assert.ok(
        decision !== undefined && decision.mask === frame.mask && decision.previous === frame.previous && decision.chosen === frame.chosen,
        `${this.#name}: a replay went another way; the participants must depend on nothing but the order of steps`,
      );
    }
    for (const decision of decisions.slice(kept)) {
      const last = extended.at(-1);
      const spent = last === undefined ? 0 : last.spent + costOf(last, last.chosen);
      extended.push({ ...decision, tried: 1 << decision.chosen, spent });
    }
    return extended;
  }
}

function faultsOf(ending: Ending): readonly string[] {
  return ending.kind === 'threw' ? [ending.text] : [];
}

/** A preemption is a change away from somebody who could have gone on. */
function costOf(decision: Decision, chosen: number): number {
  const couldGoOn = decision.previous >= 0 && (decision.mask & (1 << decision.previous)) !== 0;
  return couldGoOn && chosen !== decision.previous ? 1 : 0;
}

/** The deepest choice that has an alternative left within the bound; the frames below it are dropped. */
function nextPrefix(frames: Frame[], maxPreemptions: number): readonly number[] | undefined {
  for (let frame = frames.pop(); frame !== undefined; frame = frames.pop()) {
    for (let who = 0; who < 8; who += 1) {
      if ((frame.mask & ~frame.tried & (1 << who)) === 0) continue;
      if (frame.spent + costOf(frame, who) > maxPreemptions) continue;
      frames.push({ ...frame, chosen: who, tried: frame.tried | (1 << who) });
      return frames.map(({ chosen }) => chosen);
    }
  }
  return undefined;
}
