import { CELL, type EndpointMemory, WORD } from './endpoint-memory.ts';
import { sumOf } from './adaptive-cells.ts';

/**
 * How much an upstream may be asked beyond first attempts: one allowance for the whole host, which retries, hedges, mirrors and background
 * revalidations all draw on.
 *
 * In a rolling window there may be as many extra requests as `share` of the first attempts in it, or `MIN_EXTRA` where that is more; and kinds that can
 * better be done without may fill only a part of it, so that a storm of retries finds what hedges and mirrors have left.
 *
 * EXTRA (service slot) counts what was taken: 24 bits, below an epoch of 8. CREDIT is the coordinator's, one float64, so that it is read whole: where
 * EXTRA stood when the window began, and how many may be taken since.
 *
 * Invariants
 * - CREDIT is a pure function of one window's begin and of first attempts that have been made: while the window stays it only grows.
 * - The window rolls by a new CREDIT, and then a new epoch in EXTRA. Who takes reads EXTRA, then CREDIT, then swaps EXTRA: if the window has
 *   rolled in between, the swap fails. So each one that is taken was allowed by a window that had not ended.
 * - Since extra requests come after the first attempts that allow them, they leave the window after them: none allows twice, and the extra of all
 *   time are no more than `share` of the first attempts of all time, but for the minimum of quiet windows.
 * - Taken in the hands of a thread that dies is taken, and nothing else is left behind.
 */
export const EXTRA_KINDS = ['retry', 'hedge', 'mirror', 'revalidation'] as const;
export type ExtraKind = (typeof EXTRA_KINDS)[number];

/** How much of the allowance each kind may fill. */
export const EXTRA_PARTS: Readonly<Record<ExtraKind, number>> = { retry: 1, hedge: 0.8, mirror: 0.6, revalidation: 0.4 };

/** In a window, however few first attempts there are: a quiet upstream is tried again as well. */
export const MIN_EXTRA = 3;

const COUNT_MASK = 0xffffff;
const EPOCH_STEP = COUNT_MASK + 1;
const MAX_ALLOWANCE = 0xfffff;
const CREDIT_UNIT = MAX_ALLOWANCE + 1;

const WINDOW_MS = 10_000;
const BUCKETS = 10;
const BUCKET_MS = WINDOW_MS / BUCKETS;

/** Of an `EndpointMemory` what is needed here. */
export type ExtraMemory = Pick<EndpointMemory, 'words' | 'wordAt' | 'countsOf' | 'countsOfWorkers' | 'coordinator'>;

/** One worker's side. */
export class ExtraLoad {
  readonly #words: Int32Array;
  readonly #extraAt: number;
  readonly #own: Float64Array;
  readonly #regulator: Float64Array;

  constructor(memory: ExtraMemory, worker: number, serviceSlot: number) {
    this.#words = memory.words;
    this.#extraAt = memory.wordAt(serviceSlot, WORD.EXTRA);
    this.#own = memory.countsOf(worker, serviceSlot);
    this.#regulator = memory.countsOf(memory.coordinator, serviceSlot);
  }

  /** A first attempt has begun: the more of them, the more may be added. */
  countFirst(): void {
    this.#add(CELL.FIRSTS);
  }

  /** Whether one more of this kind may be asked, which then counts. */
  take(kind: ExtraKind): boolean {
    const at = EXTRA_KINDS.indexOf(kind);
    const isTaken = this.#take(EXTRA_PARTS[kind]);
    this.#add((isTaken ? CELL.EXTRA_TAKEN : CELL.EXTRA_REFUSED) + at);
    return isTaken;
  }

  #take(part: number): boolean {
    for (;;) {
      const extra = Atomics.load(this.#words, this.#extraAt);
      const credit = this.#regulator[CELL.CREDIT] ?? 0;
      const used = (extra - Math.floor(credit / CREDIT_UNIT)) & COUNT_MASK;
      if (used + 1 > Math.floor((credit % CREDIT_UNIT) * part)) return false;
      const next = (extra & ~COUNT_MASK) | ((extra + 1) & COUNT_MASK);
      if (Atomics.compareExchange(this.#words, this.#extraAt, extra, next) === extra) return true;
    }
  }

  #add(cell: number): void {
    this.#own[cell] = (this.#own[cell] ?? 0) + 1;
  }
}

/** The coordinator's side: what the window allows. Ticked every 50 ms. */
export class ExtraLoadKeeper {
  readonly #share: number;
  readonly #words: Int32Array;
  readonly #extraAt: number;
  readonly #workers: readonly Float64Array[];
  readonly #own: Float64Array;
  /** Counts when each bucket of the window began, the oldest first. */
  readonly #extras: number[] = [];
  readonly #firsts: number[] = [];
  #beganMs = Number.NEGATIVE_INFINITY;

  /** `share`: of first attempts, 0 to 1. */
  constructor(memory: ExtraMemory, serviceSlot: number, share: number) {
    this.#share = share;
    this.#words = memory.words;
    this.#extraAt = memory.wordAt(serviceSlot, WORD.EXTRA);
    this.#workers = memory.countsOfWorkers(serviceSlot);
    this.#own = memory.countsOf(memory.coordinator, serviceSlot);
  }

  get allowance(): number {
    return (this.#own[CELL.CREDIT] ?? 0) % CREDIT_UNIT;
  }

  /** Of `allowance`, in the window so far. */
  get used(): number {
    const base = Math.floor((this.#own[CELL.CREDIT] ?? 0) / CREDIT_UNIT);
    return (Atomics.load(this.#words, this.#extraAt) - base) & COUNT_MASK;
  }

  takenTotal(kind: ExtraKind): number {
    return sumOf(this.#workers, CELL.EXTRA_TAKEN + EXTRA_KINDS.indexOf(kind));
  }

  refusedTotal(kind: ExtraKind): number {
    return sumOf(this.#workers, CELL.EXTRA_REFUSED + EXTRA_KINDS.indexOf(kind));
  }

  tick(nowMs: number): void {
    const firsts = sumOf(this.#workers, CELL.FIRSTS);
    if (nowMs - this.#beganMs < BUCKET_MS) {
      this.#publish(firsts);
      return;
    }
    this.#beganMs = nowMs;
    // What is taken until the epoch is raised is of the bucket before, or of this one: counted here, it is of this one.
    this.#extras.push(Atomics.load(this.#words, this.#extraAt) & COUNT_MASK);
    this.#firsts.push(firsts);
    if (this.#extras.length > BUCKETS) {
      this.#extras.shift();
      this.#firsts.shift();
    }
    this.#publish(firsts);
    this.#raiseEpoch();
  }

  /** Nobody looks after it from now on. */
  end(): void {
    this.#own[CELL.CREDIT] = 0;
    this.#raiseEpoch();
  }

  #publish(firsts: number): void {
    const base = this.#extras[0] ?? 0;
    this.#own[CELL.CREDIT] = base * CREDIT_UNIT + allowanceFor(firsts - (this.#firsts[0] ?? 0), this.#share);
  }

  #raiseEpoch(): void {
    for (;;) {
      const extra = Atomics.load(this.#words, this.#extraAt);
      if (Atomics.compareExchange(this.#words, this.#extraAt, extra, (extra + EPOCH_STEP) | 0) === extra) return;
    }
  }
}

/** So many extra requests are allowed beside so many first attempts. */
export function allowanceFor(firsts: number, share: number): number {
  if (share === 0) return 0;
  return Math.min(MAX_ALLOWANCE, Math.max(MIN_EXTRA, Math.floor(firsts * share)));
}
