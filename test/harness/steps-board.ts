import { type Cells, realAtomics, STEP_KINDS, type StepKind } from './steps.ts';
import { BoardCells, byteOf } from './steps-board-cells.ts';
import {
  MAX_PARTICIPANTS,
  MAX_STEPS,
  TEXT_BYTES,
  FINISHED,
  VERDICT,
  COUNT,
  PREFIX,
  DECISIONS,
  STEPS,
  EVENTS,
  PREVIOUS,
  RANDOM,
  TIMEOUTS,
  KILL_WHO,
  KILL_STEP,
  MAY_TIME_OUT,
  ORDER,
  NOW_MS,
  WAKE,
  STATE,
  AFTER,
  TAKEN,
  WAIT_BUFFER,
  WAIT_BYTE,
  WAIT_MODE,
  WAIT_ORDER,
  SPIN_BUFFER,
  SPIN_BYTE,
  SPIN_VALUE,
  TEXT_LENGTH,
  SWAP_BUFFER,
  SWAP_BYTE,
  SWAP_EXPECTED,
  WAITS,
  VERDICTS,
  COMMANDS,
  DECISIONS_AT,
  PREFIX_AT,
  LOG_AT,
  LOG_CELLS,
  TEXT_AT,
} from './steps-board-layout.ts';
import { StepChoice } from './steps-choice.ts';

/**
 * What the scheduler and the participants' threads share. Only the thread that holds the baton reads or writes it, so its cells
 * are plain; a participant gives the baton to another by storing to that one's wake word and waiting on its own. Whoever holds
 * the baton at a step decides who takes the next one: a run of steps of one participant costs no change of threads.
 */

/** A choice among several: who could have taken the step, who took the one before, who took it. */
export type Decision = { readonly mask: number; readonly previous: number; readonly chosen: number };

export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #parts: BoardCells;
  readonly #cells: Int32Array;
  readonly #texts: readonly Buffer[];
  readonly #choice: StepChoice;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(TEXT_AT + MAX_PARTICIPANTS * TEXT_BYTES)) {
    this.memory = memory;
    this.#parts = new BoardCells(memory);
    this.#cells = this.#parts.cells;
    this.#choice = new StepChoice(this.#parts);
    this.#texts = Array.from({ length: MAX_PARTICIPANTS }, (_, who) => Buffer.from(memory, TEXT_AT + who * TEXT_BYTES, TEXT_BYTES));
  }

  /** The memory of the case, the same list on every thread. */
  watch(memories: readonly SharedArrayBuffer[]): void {
    this.#parts.watch(memories);
  }

  // --- the main thread ---

  /** Clears what the last run left. `after[p]` is a mask of participants that must have ended before `p` begins. */
  reset(run: {
    readonly after: readonly number[];
    readonly prefix: readonly number[];
    readonly random: number;
    readonly kill: { readonly who: number; readonly step: number } | undefined;
    readonly mayTimeOut: boolean;
  }): void {
    const cells = this.#cells;
    cells.fill(0, 0, DECISIONS_AT);
    cells[COUNT] = run.after.length;
    cells[PREVIOUS] = -1;
    cells[RANDOM] = run.random;
    cells[KILL_WHO] = run.kill?.who ?? -1;
    cells[KILL_STEP] = run.kill?.step ?? 0;
    cells[MAY_TIME_OUT] = run.mayTimeOut ? 1 : 0;
    cells[NOW_MS] = 1000;
    cells[PREFIX] = run.prefix.length;
    run.prefix.forEach((who, at) => {
      cells[PREFIX_AT + at] = who;
    });
    run.after.forEach((mask, who) => {
      this.#parts.set(who, AFTER, mask);
      this.#parts.set(who, SPIN_BUFFER, -1);
      this.#parts.set(who, SWAP_BUFFER, -1);
    });
  }

  /** Sends a participant's thread a command and waits until it has done it (`go` ends with the whole run). */
  command(who: number, command: number, timeoutMs: number): void {
    realAtomics.store(this.#cells, FINISHED, 0);
    this.wake(who, command);
    // The notification of an earlier command may come late and wake us for nothing.
    while (realAtomics.load(this.#cells, FINISHED) === 0) {
      if (realAtomics.wait(this.#cells, FINISHED, 0, timeoutMs) === 'timed-out')
        throw new Error(`a thread did nothing for ${timeoutMs} ms`);
    }
  }

  decisions(): readonly Decision[] {
    const count = this.#cells[DECISIONS] ?? 0;
    return Array.from({ length: count }, (_, at) => {
      const cell = this.#cells[DECISIONS_AT + at] ?? 0;
      return { mask: cell & 0xff, previous: ((cell >> 8) & 0xff) - 1, chosen: cell >> 16 };
    });
  }

  /** The steps taken, for people. */
  log(): readonly string[] {
    return Array.from({ length: Math.min(this.steps, MAX_STEPS) }, (_, at) => {
      const head = this.#cells[LOG_AT + at * LOG_CELLS] ?? 0;
      const byte = this.#cells[LOG_AT + at * LOG_CELLS + 1] ?? 0;
      return `${head >> 16}: ${STEP_KINDS[head & 0xff]} ${(head >> 8) & 0xff}+${byte}`;
    });
  }

  /** Where the steps were taken: calls `visit` with the index of the memory and the byte. */
  forEachStep(visit: (buffer: number, byte: number) => void): void {
    for (let at = 0; at < Math.min(this.steps, MAX_STEPS); at += 1) {
      const head = this.#cells[LOG_AT + at * LOG_CELLS] ?? 0;
      visit((head >> 8) & 0xff, this.#cells[LOG_AT + at * LOG_CELLS + 1] ?? 0);
    }
  }

  get verdict(): number {
    return this.#cells[VERDICT] ?? 0;
  }

  get steps(): number {
    return this.#cells[STEPS] ?? 0;
  }

  get timeouts(): number {
    return this.#cells[TIMEOUTS] ?? 0;
  }

  /** What the participant ended with, as JSON. */
  textOf(who: number): string {
    return this.#texts[who]!.toString('utf8', 0, this.#parts.get(who, TEXT_LENGTH));
  }

  // --- both ---

  stateOf(who: number): number {
    return this.#parts.get(who, STATE);
  }

  takenBy(who: number): number {
    return this.#parts.get(who, TAKEN);
  }

  /** Says that all is over, or that a command is done. */
  finish(verdict: number = VERDICTS.good): void {
    if (verdict !== VERDICTS.good) this.#cells[VERDICT] = verdict;
    realAtomics.store(this.#cells, FINISHED, 1);
    realAtomics.notify(this.#cells, FINISHED);
  }

  wake(who: number, command: number): void {
    const cell = this.#parts.cellOf(who, WAKE);
    realAtomics.store(this.#cells, cell, command);
    realAtomics.notify(this.#cells, cell);
  }

  // --- the participants' threads ---

  /** Sleeps until the next command. */
  sleep(who: number): number {
    const cell = this.#parts.cellOf(who, WAKE);
    for (;;) {
      const command = realAtomics.load(this.#cells, cell);
      if (command !== COMMANDS.sleep) {
        realAtomics.store(this.#cells, cell, COMMANDS.sleep);
        return command;
      }
      realAtomics.wait(this.#cells, cell, COMMANDS.sleep);
    }
  }

  setState(who: number, state: number): void {
    this.#parts.set(who, STATE, state);
  }

  setText(who: number, text: string): void {
    const written = this.#texts[who]!.write(text, 'utf8');
    this.#parts.set(who, TEXT_LENGTH, written);
    if (Buffer.byteLength(text) > TEXT_BYTES) throw new Error('the outcome is too long for the board');
  }

  /** Milliseconds of the case's own clock: it stands still but for waits that time out. */
  get nowMs(): number {
    return this.#cells[NOW_MS] ?? 0;
  }

  nextEvent(): number {
    this.#cells[EVENTS] = (this.#cells[EVENTS] ?? 0) + 1;
    return this.#cells[EVENTS];
  }

  /** Counts a step that is about to happen; true when its taker has to die instead. */
  countStep(who: number, kind: StepKind, cells: Cells, index: number): boolean {
    const taken = this.#parts.get(who, TAKEN) + 1;
    this.#parts.set(who, TAKEN, taken);
    const at = this.steps;
    this.#cells[STEPS] = at + 1;
    if (at < MAX_STEPS) {
      this.#cells[LOG_AT + at * LOG_CELLS] = (who << 16) | ((this.#parts.bufferOf(cells) & 0xff) << 8) | STEP_KINDS.indexOf(kind);
      this.#cells[LOG_AT + at * LOG_CELLS + 1] = byteOf(cells, index);
    }
    return this.#cells[KILL_WHO] === who && this.#cells[KILL_STEP] === taken;
  }

  get isTooLong(): boolean {
    return this.steps >= MAX_STEPS;
  }

  /**
   * A swap that fails as the very same swap failed right before is a spin: its taker goes on when the word has changed, or when
   * nobody else can. Loads are never taken for spins, because a reader that looks twice must be overtaken between its looks.
   */
  noteSwap(who: number, cells: Cells, index: number, expected: number): void {
    const buffer = this.#parts.bufferOf(cells);
    const byte = byteOf(cells, index);
    const isFailing = cells instanceof Int32Array && realAtomics.load(cells, index) !== expected;
    const isSame =
      this.#parts.get(who, SWAP_BUFFER) === buffer &&
      this.#parts.get(who, SWAP_BYTE) === byte &&
      this.#parts.get(who, SWAP_EXPECTED) === expected;
    this.#parts.set(who, SPIN_BUFFER, isFailing && isSame ? buffer : -1);
    this.#parts.set(who, SPIN_BYTE, byte);
    this.#parts.set(who, SPIN_VALUE, isFailing ? realAtomics.load(cells, index) : 0);
    this.#parts.set(who, SWAP_BYTE, byte);
    this.#parts.set(who, SWAP_EXPECTED, expected);
    this.#parts.set(who, SWAP_BUFFER, buffer);
  }

  forgetSwap(who: number): void {
    this.#parts.set(who, SPIN_BUFFER, -1);
    this.#parts.set(who, SWAP_BUFFER, -1);
  }

  beginWait(who: number, place: { readonly cells: Cells; readonly index: number }, timeoutMs: number): void {
    this.#parts.set(who, WAIT_BUFFER, this.#parts.bufferOf(place.cells));
    this.#parts.set(who, WAIT_BYTE, byteOf(place.cells, place.index));
    this.#parts.set(who, WAIT_MODE, timeoutMs === Number.POSITIVE_INFINITY ? WAITS.forever : WAITS.bounded);
    this.#cells[ORDER] = (this.#cells[ORDER] ?? 0) + 1;
    this.#parts.set(who, WAIT_ORDER, this.#cells[ORDER]);
  }

  hasWait(who: number): boolean {
    return this.#parts.get(who, WAIT_MODE) !== WAITS.none;
  }

  /** Ends a wait: was it a wake-up? If not, the case's clock moves on by the time waited. */
  endWait(who: number, timeoutMs: number): boolean {
    const isNotified = this.#parts.get(who, WAIT_MODE) === WAITS.notified;
    this.#parts.set(who, WAIT_MODE, WAITS.none);
    if (isNotified) return true;
    this.#cells[TIMEOUTS] = this.timeouts + 1;
    this.#cells[NOW_MS] = this.nowMs + Math.ceil(timeoutMs);
    return false;
  }

  /** Wakes up to `count` of those who wait there, the longest waiting first. */
  notify(cells: Cells, index: number, count: number): number {
    let woken = 0;
    for (; woken < count; woken += 1) {
      const who = this.#choice.firstWaiter(this.#parts.bufferOf(cells), byteOf(cells, index));
      if (who < 0) break;
      this.#parts.set(who, WAIT_MODE, WAITS.notified);
    }
    return woken;
  }

  /** Chooses who takes the next step and notes the choice. -1: all have ended. -2: nobody can ever go on. */
  choose(): number {
    return this.#choice.choose();
  }
}
