import type { BreakerSettings } from '../config/breaker-types.ts';
import { BREAKER, BreakerCell, stateOf } from './breaker-cell.ts';
import { type BreakerAt, breakerPlace } from './breaker.ts';
import { CELL, type EndpointMemory, FULL_WEIGHT, WORD } from './endpoint-memory.ts';
import { ErrorRateWindow } from './error-rate-window.ts';
import { sumOf } from './adaptive-cells.ts';

/** The share that is let through first after it has closed. */
const RAMP_START = FULL_WEIGHT / 10;
/** The share grows in steps: workers choose anew at each. */
const RAMP_STEP = FULL_WEIGHT / 20;

export type BreakerState = 'closed' | 'open' | 'half-open';

/** Why it opened: failures in a row, the share of failures, or a probe that failed or was lost. */
export type OpenCause = 'failures' | 'error-rate' | 'probe-failed' | 'probe-lost';

export type BreakerChange = { readonly to: 'open'; readonly cause: OpenCause } | { readonly to: 'half-open' } | { readonly to: 'closed' };

export type BreakerHooks = {
  onChange(change: BreakerChange): void;
  /** Thousandths of its usual share. */
  setShare(thousandths: number): void;
};

/**
 * The coordinator's side of one breaker: time and statistics. It alone leads out of OPEN, ends the lease of a probe, judges the share of failures,
 * and gives the endpoint its share back. Ticked every 50 ms, so all that is exact to that. Times are host time.
 */
export class BreakerKeeper {
  readonly #cell: BreakerCell;
  readonly #settings: BreakerSettings;
  readonly #leaseMs: number;
  readonly #hooks: BreakerHooks;
  readonly #words: Int32Array;
  readonly #readyAt: number;
  readonly #counts: readonly Float64Array[];
  readonly #window: ErrorRateWindow;
  #seen: number;
  /** Since when it is what was seen. */
  #sinceMs = 0;
  #readyMs = 0;
  #share = FULL_WEIGHT;
  #isRamping = false;
  /** Of what it has done itself; a worker opens for failures in a row, or by a probe. */
  #cause: OpenCause | undefined;
  #isBegun = false;

  /** `leaseMs`: how long a probe may take. */
  constructor(memory: EndpointMemory, at: BreakerAt, given: { settings: BreakerSettings; leaseMs: number; hooks: BreakerHooks }) {
    this.#cell = new BreakerCell(breakerPlace(memory, at));
    this.#settings = given.settings;
    this.#leaseMs = given.leaseMs;
    this.#hooks = given.hooks;
    this.#words = memory.words;
    this.#readyAt = memory.wordAt(at.slot, WORD.BREAKER_AT);
    this.#counts = memory.countsOfWorkers(at.slot);
    this.#window = new ErrorRateWindow(given.settings.windowMs);
    this.#seen = this.#cell.load();
  }

  get state(): BreakerState {
    const state = stateOf(this.#cell.load());
    if (state === BREAKER.CLOSED) return 'closed';
    return state === BREAKER.OPEN ? 'open' : 'half-open';
  }

  /** Thousandths of its usual share that it has while it recovers. */
  get share(): number {
    return this.#share;
  }

  get refusedTotal(): number {
    return sumOf(this.#counts, CELL.BREAKER_REFUSED);
  }

  tick(nowMs: number): void {
    if (!this.#isBegun) this.#begin(nowMs);
    const word = this.#cell.load();
    if (word !== this.#seen) this.#notice(word, nowMs);
    switch (stateOf(word)) {
      case BREAKER.CLOSED:
        this.#tickClosed(word, nowMs);
        return;
      case BREAKER.OPEN:
        if (nowMs >= this.#readyMs && this.#cell.makeReady(word)) this.#notice(this.#cell.load(), nowMs);
        return;
      case BREAKER.PROBING:
        if (nowMs - this.#sinceMs >= this.#leaseMs) this.#open(word, 'probe-lost', nowMs);
        return;
      default:
    }
  }

  /** A worker's thread has ended. */
  recover(worker: number): void {
    this.#cell.recover(worker);
  }

  /** Others look after it from now on, or nobody: then it holds nobody up. */
  end(): void {
    this.#setShare(FULL_WEIGHT);
  }

  /** It may have been looked after before, by other settings. */
  #begin(nowMs: number): void {
    this.#isBegun = true;
    this.#sinceMs = nowMs;
    this.#beginWindow(nowMs);
    if (stateOf(this.#seen) === BREAKER.CLOSED) return;
    const leftMs = (Atomics.load(this.#words, this.#readyAt) - (nowMs | 0)) | 0;
    this.#readyMs = nowMs + Math.min(this.#settings.openForMs, Math.max(0, leftMs));
    this.#holdBack();
  }

  #tickClosed(word: number, nowMs: number): void {
    const { errorRate, windowMs, rampMs } = this.#settings;
    this.#cell.clearOldRun(windowMs, nowMs | 0);
    if (this.#isRamping) this.#setShare(rampShare(nowMs - this.#sinceMs, rampMs));
    if (errorRate === undefined) return;
    this.#window.observe(nowMs, sumOf(this.#counts, CELL.BREAKER_CALLS), sumOf(this.#counts, CELL.BREAKER_FAILURES));
    if (this.#window.calls < errorRate.minRequests || this.#window.rate <= errorRate.over) return;
    this.#open(word, 'error-rate', nowMs);
  }

  #open(word: number, cause: OpenCause, nowMs: number): void {
    if (!this.#cell.open(word)) return;
    this.#cause = cause;
    this.#notice(this.#cell.load(), nowMs);
  }

  /** Whoever has changed it may have died before it told the others. */
  #notice(word: number, nowMs: number): void {
    const before = stateOf(this.#seen);
    const state = stateOf(word);
    this.#seen = word;
    this.#sinceMs = nowMs;
    this.#cell.raiseVersion();
    if (state === BREAKER.OPEN) this.#onOpened(before, nowMs);
    else if (state === BREAKER.CLOSED) this.#onClosed(nowMs);
    else if (before === BREAKER.OPEN || before === BREAKER.CLOSED) this.#hooks.onChange({ to: 'half-open' });
  }

  #onOpened(before: number, nowMs: number): void {
    this.#readyMs = nowMs + this.#settings.openForMs;
    Atomics.store(this.#words, this.#readyAt, this.#readyMs | 0);
    this.#holdBack();
    const cause = this.#cause ?? (before === BREAKER.CLOSED ? 'failures' : 'probe-failed');
    this.#cause = undefined;
    this.#hooks.onChange({ to: 'open', cause });
  }

  #onClosed(nowMs: number): void {
    this.#beginWindow(nowMs);
    this.#isRamping = this.#settings.rampMs > 0;
    if (!this.#isRamping) this.#setShare(FULL_WEIGHT);
    this.#hooks.onChange({ to: 'closed' });
  }

  /** Before it closes, so that it has no more than this in its first moment. */
  #holdBack(): void {
    this.#isRamping = false;
    this.#setShare(this.#settings.rampMs > 0 ? RAMP_START : FULL_WEIGHT);
  }

  #setShare(thousandths: number): void {
    if (thousandths === FULL_WEIGHT) this.#isRamping = false;
    if (thousandths === this.#share) return;
    this.#share = thousandths;
    this.#hooks.setShare(thousandths);
  }

  #beginWindow(nowMs: number): void {
    this.#window.begin(nowMs, sumOf(this.#counts, CELL.BREAKER_CALLS), sumOf(this.#counts, CELL.BREAKER_FAILURES));
  }
}

/** Thousandths after so long. */
export function rampShare(elapsedMs: number, rampMs: number): number {
  if (elapsedMs >= rampMs) return FULL_WEIGHT;
  const share = RAMP_START + ((FULL_WEIGHT - RAMP_START) * Math.max(0, elapsedMs)) / rampMs;
  return Math.floor(share / RAMP_STEP) * RAMP_STEP;
}
