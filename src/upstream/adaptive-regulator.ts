import type { AdaptiveConfig } from '../config/types.ts';
import type { CounterBlocks } from '../shm/counters.ts';
import { AimdLimit } from './adaptive-aimd.ts';
import { ANSWERS, FAILED, IN_FLIGHT, LIMIT, placeOf, placesOfWorkers, SAMPLES, SHED, SINCE_MS, sumOf } from './adaptive-cells.ts';
import { GradientLimit } from './adaptive-gradient.ts';
import type { AdaptiveLimit } from './adaptive-limit.ts';
import { SAMPLE_BUCKETS, sampleQuantile, trimmedMean } from './adaptive-samples.ts';

/** So many answers are a judgement: about as many as are in flight, within these bounds. */
const MIN_ANSWERS = 20;
const MAX_ANSWERS = 200;
/** After so many windows less will do. */
const LATE_WINDOWS = 20;
/** The gradient goes by the mean of these: a few answers that hang say nothing of a queue. */
const FASTEST_SHARE = 0.9;
/** So many response times after a change of the limit its effect is seen. */
const SETTLE_TIMES = 1.5;
/** In flight above this share of the limit: it was felt. */
const USED_SHARE = 0.5;

/** What is to be seen of a regulator. */
export type AdaptiveFigures = {
  readonly limit: number;
  readonly inFlight: number;
  /** Response time without a queue, and the last one under the limit, in ms; 0 = not known. */
  readonly baseMs: number;
  readonly sampleMs: number;
};

/**
 * Moves the limit of one upstream by what all workers have counted under it. One on the whole host, in a thread that carries no traffic; so
 * there is one limit, one measurement of the time without a queue, and no worker that measures it in the queue of the others.
 */
export class AdaptiveRegulator {
  readonly #config: AdaptiveConfig;
  readonly #limit: AdaptiveLimit;
  readonly #workers: readonly Float64Array[];
  readonly #own: Float64Array;
  /** Sums of the workers' cells when the window began. */
  readonly #before = new Float64Array(SAMPLES + SAMPLE_BUCKETS);
  readonly #counts = new Float64Array(SAMPLE_BUCKETS);
  #mostInFlight = 0;
  #sampleMs = 0;

  /** `random`: 0 to 1. */
  constructor(config: AdaptiveConfig, cells: { readonly blocks: CounterBlocks; readonly place: number }, random: () => number) {
    const { blocks, place } = cells;
    this.#config = config;
    this.#limit = config.algorithm === 'aimd' ? new AimdLimit(config) : new GradientLimit(config, random);
    this.#workers = placesOfWorkers(blocks, place);
    this.#own = placeOf(blocks, blocks.writers - 1, place);
    this.#beginWindow(0);
  }

  get figures(): AdaptiveFigures {
    const { limit, baseMs } = this.#limit;
    return { limit, inFlight: sumOf(this.#workers, IN_FLIGHT), baseMs, sampleMs: this.#sampleMs };
  }

  /** To be called every 50 ms or so. Host time. */
  tick(nowMs: number): void {
    this.#mostInFlight = Math.max(this.#mostInFlight, sumOf(this.#workers, IN_FLIGHT));
    const sinceMs = this.#own[SINCE_MS] ?? 0;
    const elapsedMs = nowMs - sinceMs;
    if (elapsedMs < this.#config.windowMs) return;
    const answers = this.#since(ANSWERS);
    const failed = this.#since(FAILED);
    const isLate = elapsedMs >= LATE_WINDOWS * this.#config.windowMs;
    // Nothing came for long, or at all: the first that comes is not judged as one that was waited for.
    if (sinceMs === 0 || (isLate && answers + failed === 0)) this.#own[SINCE_MS] = nowMs;
    if (sinceMs === 0 || answers + failed < (isLate ? 1 : this.#wanted)) return;
    const sampleMs = this.#sample();
    const isUsed = this.#mostInFlight >= this.#limit.limit * USED_SHARE || this.#since(SHED) > 0;
    this.#limit.update({ nowMs, sampleMs, isUsed, failedShare: failed / (answers + failed) });
    if (sampleMs > 0) this.#sampleMs = sampleMs;
    // What is answered at first was admitted under the limit before.
    const isSame = this.#limit.limit === this.#own[LIMIT];
    this.#beginWindow(isSame ? nowMs : nowMs + SETTLE_TIMES * this.#sampleMs);
  }

  /** Another one takes over, or none: from now on nothing is shed. */
  end(): void {
    this.#own[LIMIT] = 0;
  }

  get #wanted(): number {
    return Math.min(MAX_ANSWERS, Math.max(MIN_ANSWERS, Math.floor(this.#limit.limit)));
  }

  #sample(): number {
    for (let bucket = 0; bucket < SAMPLE_BUCKETS; bucket++) this.#counts[bucket] = this.#since(SAMPLES + bucket);
    const { algorithm, quantile } = this.#config;
    return algorithm === 'aimd' ? sampleQuantile(this.#counts, quantile) : trimmedMean(this.#counts, FASTEST_SHARE);
  }

  #since(cell: number): number {
    return sumOf(this.#workers, cell) - (this.#before[cell] ?? 0);
  }

  #beginWindow(sinceMs: number): void {
    this.#own[LIMIT] = this.#limit.limit;
    this.#own[SINCE_MS] = sinceMs;
    for (let cell = SHED; cell < this.#before.length; cell++) this.#before[cell] = sumOf(this.#workers, cell);
    this.#mostInFlight = 0;
  }
}
