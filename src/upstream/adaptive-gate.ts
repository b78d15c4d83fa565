import type { ShedPriority } from '../config/types.ts';
import type { CounterBlocks } from '../shm/counters.ts';
import { ANSWERS, FAILED, IN_FLIGHT, LIMIT, placeOf, placesOfWorkers, SAMPLES, SHED, SINCE_MS, sumOf } from './adaptive-cells.ts';
import { sampleBucket } from './adaptive-samples.ts';

/** How much of the limit each may fill: the rest is kept for those above. */
const SHARES: Readonly<Record<ShedPriority, number>> = { high: 1, normal: 0.9, low: 0.7 };

export function shareOf(priority: ShedPriority): number {
  return SHARES[priority];
}

/** One worker's side of the adaptive limit of one upstream, which holds for all workers together. Times are host time (`LoopClock.hostMs`). */
export class AdaptiveGate {
  readonly #own: Float64Array;
  readonly #workers: readonly Float64Array[];
  readonly #regulator: Float64Array;

  constructor(blocks: CounterBlocks, writer: number, place: number) {
    this.#own = placeOf(blocks, writer, place);
    this.#workers = placesOfWorkers(blocks, place);
    this.#regulator = placeOf(blocks, blocks.writers - 1, place);
  }

  /** Whether one more request may be in flight, which then is. `share`: 0 to 1, how much of the limit its priority may fill. */
  admit(share: number): boolean {
    const limit = this.#regulator[LIMIT] ?? 0;
    // 0: nobody regulates yet.
    if (limit !== 0 && sumOf(this.#workers, IN_FLIGHT) >= Math.max(1, Math.floor(limit * share))) {
      this.#add(SHED);
      return false;
    }
    this.enter();
    return true;
  }

  /** One more in flight, whatever the limit says. */
  enter(): void {
    this.#add(IN_FLIGHT);
  }

  leave(): void {
    this.#own[IN_FLIGHT] = Math.max(0, (this.#own[IN_FLIGHT] ?? 0) - 1);
  }

  /** An answer after so long, now. */
  observe(ms: number, nowMs: number): void {
    if (nowMs < (this.#regulator[SINCE_MS] ?? 0)) return;
    this.#add(ANSWERS);
    this.#add(SAMPLES + sampleBucket(ms));
  }

  /** No answer, or one that says that the upstream has too much to do. */
  countFailed(nowMs: number): void {
    if (nowMs >= (this.#regulator[SINCE_MS] ?? 0)) this.#add(FAILED);
  }

  #add(cell: number): void {
    this.#own[cell] = (this.#own[cell] ?? 0) + 1;
  }
}
