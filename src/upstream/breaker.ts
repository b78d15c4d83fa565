import type { BreakerSettings } from '../config/breaker-types.ts';
import { BreakerCell, type BreakerPlace, PASS, REFUSED } from './breaker-cell.ts';
import { CELL, type EndpointMemory, FULL_WEIGHT, WORD } from './endpoint-memory.ts';

/** A probe that its client has left sooner says nothing; one that has been waited for in vain for so long has failed. */
const PATIENCE_MS = 1000;

/** Which breaker: of an endpoint, or of the upstream itself, whose slot is its service slot then. */
export type BreakerAt = { readonly slot: number; readonly serviceSlot: number };

export function breakerPlace(memory: EndpointMemory, { slot, serviceSlot }: BreakerAt): BreakerPlace {
  return {
    words: memory.words,
    breaker: memory.wordAt(slot, WORD.BREAKER),
    run: memory.wordAt(slot, WORD.BREAKER_RUN),
    version: memory.wordAt(serviceSlot, WORD.VERSION),
  };
}

/**
 * One worker's side of one breaker. Who may ask gets `PASS` or the ticket of a probe, and tells what came of it, once, with what it got. Times
 * are host time (`LoopClock.hostMs`).
 */
export class Breaker {
  readonly #cell: BreakerCell;
  readonly #settings: BreakerSettings;
  readonly #worker: number;
  readonly #words: Int32Array;
  readonly #weightAt: number;
  readonly #readyAt: number;
  readonly #own: Float64Array;
  #owed = 0;

  constructor(memory: EndpointMemory, at: BreakerAt & { readonly worker: number }, settings: BreakerSettings) {
    this.#cell = new BreakerCell(breakerPlace(memory, at));
    this.#settings = settings;
    this.#worker = at.worker;
    this.#words = memory.words;
    this.#weightAt = memory.wordAt(at.slot, WORD.WEIGHT);
    this.#readyAt = memory.wordAt(at.slot, WORD.BREAKER_AT);
    this.#own = memory.countsOf(at.worker, at.slot);
  }

  /** For `stateOf`. */
  get word(): number {
    return this.#cell.load();
  }

  /** PASS, REFUSED, or the ticket of a probe. */
  admit(): number {
    return this.#cell.admit(this.#worker);
  }

  /** The same for an upstream: after it has closed only a growing share passes, evenly spread. */
  admitShare(): number {
    const ticket = this.#cell.admit(this.#worker);
    if (ticket !== PASS) return ticket;
    const share = Atomics.load(this.#words, this.#weightAt);
    if (share >= FULL_WEIGHT) return PASS;
    this.#owed += share;
    if (this.#owed < FULL_WEIGHT) return REFUSED;
    this.#owed -= FULL_WEIGHT;
    return PASS;
  }

  /** A request was not asked because of it. */
  countRefused(): void {
    this.#add(CELL.BREAKER_REFUSED);
  }

  /** Whether an answer with this status, whose head came after `ms`, is a failure. */
  isFailure(status: number, ms: number): boolean {
    const { slowMs } = this.#settings;
    return status >= 500 || (slowMs !== 0 && ms > slowMs);
  }

  onSuccess(ticket: number): void {
    if (ticket !== PASS) {
      this.#cell.onProbeSuccess(ticket, this.#settings.halfOpenProbes);
      return;
    }
    if (this.#settings.errorRate !== undefined) this.#add(CELL.BREAKER_CALLS);
    this.#cell.onSuccess();
  }

  /** An answer that is one, or none, and the endpoint is to blame. */
  onFailure(ticket: number, nowMs: number): void {
    const { failures, windowMs, errorRate } = this.#settings;
    if (ticket !== PASS) {
      this.#cell.onProbeFailure(ticket);
      return;
    }
    if (errorRate !== undefined) {
      this.#add(CELL.BREAKER_CALLS);
      this.#add(CELL.BREAKER_FAILURES);
    }
    this.#cell.onFailure(failures, windowMs, nowMs | 0);
  }

  /** It was given up before anything came of it, after `ms`. Only of use for a probe. */
  onAbandoned(ticket: number, ms: number): void {
    if (ticket === PASS) return;
    if (ms < PATIENCE_MS) this.#cell.onProbeAbandoned(ticket);
    else this.#cell.onProbeFailure(ticket);
  }

  /** How long until it is tried again, in ms; 0 = that may be at any moment. */
  untilReadyMs(nowMs: number): number {
    return Math.max(0, (Atomics.load(this.#words, this.#readyAt) - (nowMs | 0)) | 0);
  }

  #add(cell: number): void {
    this.#own[cell] = (this.#own[cell] ?? 0) + 1;
  }
}
