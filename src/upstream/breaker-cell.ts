/**
 * The state of one circuit breaker in shared memory: all threads see one, and change it by `Atomics` only.
 *
 * CLOSED: requests pass, and failures in a row are counted in RUN. OPEN: none passes. READY: time has come to try; whoever comes first takes
 * the probe. PROBING: one thread on the whole host has it; all others are refused.
 *
 * ```
 *   CLOSED --failures in a row, or the keeper's judgement--> OPEN --the keeper, after openFor--> READY --admit--> PROBING
 *   PROBING --success--> READY, or CLOSED after enough of them     PROBING --failure--> OPEN
 *   PROBING --abandoned, or its thread died--> READY               PROBING --the keeper, its lease ran out--> OPEN
 * ```
 *
 * Invariants
 * - BREAKER changes by compareExchange only, and each change raises its generation: who acts on what it has seen acts on that very state or not
 *   at all. So of all that see READY one gets the probe, and the outcome of a probe that was given up for lost changes nothing.
 * - A probe's ticket is the word that its thread has put there. Only who has the ticket, or the keeper, leads away from PROBING.
 * - OPEN ends by the keeper alone, CLOSED begins by a probe's success alone.
 * - RUN is set to nothing before BREAKER says CLOSED. It may count one failure of each thread that saw CLOSED before it was opened and stood still
 *   until it was closed again: no more, since each counts after it has looked.
 * - RUN at or above the threshold with CLOSED is a thread that died, or has not yet got to its second step: the next failure opens.
 * - VERSION is raised after each change. Who dies in between leaves that to the keeper, which raises it for every change that it sees.
 *
 * Wraps: generations (18 bits) are compared for equality, and between a probe's beginning and the end of its lease there are a few dozen of
 * them. Times in RUN (64 ms, 22 bits: three days) are compared by difference; the keeper clears a run as soon as it is too old to matter.
 */
export const BREAKER = Object.freeze({ CLOSED: 0, OPEN: 1, READY: 2, PROBING: 3 });

/** What `admit` says beside a ticket, which is above 0. */
export const PASS = 0;
export const REFUSED = -1;

/** Threads that may hold a probe. */
export const MAX_PROBERS = 128;
export const MAX_RUN = 1023;

const STATE_MASK = 7;
const WORKER_SHIFT = 3;
const WORKER_MASK = MAX_PROBERS - 1;
const SUCCESSES_SHIFT = 10;
/** The configuration allows as many `halfOpenProbes`. */
const SUCCESSES_MASK = 15;
const GENERATION_SHIFT = 14;

const RUN_TIME_SHIFT = 10;
const RUN_TIME_MASK = 0x3fffff;
const RUN_UNIT_SHIFT = 6;

/** Where the words of a breaker stand. */
export type BreakerPlace = { readonly words: Int32Array; readonly breaker: number; readonly run: number; readonly version: number };

export class BreakerCell {
  readonly #words: Int32Array;
  readonly #breaker: number;
  readonly #run: number;
  readonly #version: number;

  constructor({ words, breaker, run, version }: BreakerPlace) {
    this.#words = words;
    this.#breaker = breaker;
    this.#run = run;
    this.#version = version;
  }

  load(): number {
    return Atomics.load(this.#words, this.#breaker);
  }

  /** PASS, REFUSED, or the ticket of a probe, whose outcome must be told. */
  admit(worker: number): number {
    for (;;) {
      const word = this.load();
      const state = stateOf(word);
      if (state === BREAKER.CLOSED) return PASS;
      if (state !== BREAKER.READY) return REFUSED;
      const probing = wordAfter(word, BREAKER.PROBING, { worker, successes: successesOf(word) });
      if (this.#change(word, probing)) return probing >>> 0;
    }
  }

  /** Of a request that passed. A store only where there is something to clear: the line stays in every core's cache. */
  onSuccess(): void {
    if (Atomics.load(this.#words, this.#run) !== 0) Atomics.store(this.#words, this.#run, 0);
  }

  /** Of a request that passed. `failures` in a row within `windowMs` open; 0 = never. Host time. */
  onFailure(failures: number, windowMs: number, nowMs: number): void {
    const word = this.load();
    if (failures === 0 || stateOf(word) !== BREAKER.CLOSED) return;
    if (this.#countFailure(windowMs, nowMs) >= failures) this.#change(word, wordAfter(word, BREAKER.OPEN));
  }

  onProbeSuccess(ticket: number, needed: number): void {
    const word = ticket | 0;
    const successes = successesOf(word) + 1;
    if (successes < needed) {
      this.#change(word, wordAfter(word, BREAKER.READY, { worker: 0, successes }));
      return;
    }
    if (this.load() !== word) return;
    Atomics.store(this.#words, this.#run, 0);
    this.#change(word, wordAfter(word, BREAKER.CLOSED));
  }

  onProbeFailure(ticket: number): void {
    this.#change(ticket | 0, wordAfter(ticket | 0, BREAKER.OPEN));
  }

  /** Nothing is known of how it would have ended: another one tries. */
  onProbeAbandoned(ticket: number): void {
    const word = ticket | 0;
    this.#change(word, wordAfter(word, BREAKER.READY, { worker: 0, successes: successesOf(word) }));
  }

  // Below: the keeper's. Each acts on the word that it has seen, and says whether that was still so.

  open(seen: number): boolean {
    return this.#change(seen, wordAfter(seen, BREAKER.OPEN));
  }

  makeReady(seen: number): boolean {
    return this.#change(seen, wordAfter(seen, BREAKER.READY));
  }

  /** A thread has ended: if it had the probe, another one may take it. */
  recover(worker: number): void {
    const word = this.load();
    if (stateOf(word) === BREAKER.PROBING && workerOf(word) === worker) this.onProbeAbandoned(word);
  }

  /** Forgets failures that are too long ago to count. */
  clearOldRun(windowMs: number, nowMs: number): void {
    const run = Atomics.load(this.#words, this.#run);
    if (run !== 0 && ageOf(run, nowMs) > windowMs) Atomics.compareExchange(this.#words, this.#run, run, 0);
  }

  /** What a thread that died has changed and not told. */
  raiseVersion(): void {
    Atomics.add(this.#words, this.#version, 1);
  }

  /** Failures in a row with this one, those alone that are no longer than `windowMs` after their first. */
  #countFailure(windowMs: number, nowMs: number): number {
    for (;;) {
      const run = Atomics.load(this.#words, this.#run);
      const isNew = run === 0 || ageOf(run, nowMs) > windowMs;
      const count = isNew ? 1 : Math.min(MAX_RUN, countOf(run) + 1);
      const next = isNew ? (timeOf(nowMs) << RUN_TIME_SHIFT) | 1 : (run & ~MAX_RUN) | count;
      if (Atomics.compareExchange(this.#words, this.#run, run, next) === run) return count;
    }
  }

  #change(from: number, to: number): boolean {
    if (Atomics.compareExchange(this.#words, this.#breaker, from, to) !== from) return false;
    this.raiseVersion();
    return true;
  }
}

export function stateOf(word: number): number {
  return word & STATE_MASK;
}

/** Who has the probe. */
export function workerOf(word: number): number {
  return (word >>> WORKER_SHIFT) & WORKER_MASK;
}

/** Probes that have succeeded since it was opened. */
export function successesOf(word: number): number {
  return (word >>> SUCCESSES_SHIFT) & SUCCESSES_MASK;
}

type Holding = { readonly worker: number; readonly successes: number };
const NOBODY: Holding = Object.freeze({ worker: 0, successes: 0 });

function wordAfter(word: number, state: number, { worker, successes }: Holding = NOBODY): number {
  const generation = (word >>> GENERATION_SHIFT) + 1;
  return state | (worker << WORKER_SHIFT) | (successes << SUCCESSES_SHIFT) | (generation << GENERATION_SHIFT);
}

function countOf(run: number): number {
  return run & MAX_RUN;
}

function timeOf(nowMs: number): number {
  return (nowMs >>> RUN_UNIT_SHIFT) & RUN_TIME_MASK;
}

/** In ms, to 64. A clock that is a little behind the one that began the run sees one that has just begun. */
function ageOf(run: number, nowMs: number): number {
  const units = (timeOf(nowMs) - (run >>> RUN_TIME_SHIFT)) & RUN_TIME_MASK;
  return units > RUN_TIME_MASK >> 1 ? 0 : units << RUN_UNIT_SHIFT;
}
