import { SAMPLE_BUCKETS, sampleQuantile } from './adaptive-samples.ts';
import { CELL, type EndpointMemory } from './endpoint-memory.ts';

/** Between two readings; what is told is of the last `WINDOW` of them. */
const READ_MS = 1000;
const WINDOW = 10;
/** Fewer answers say nothing of a percentile. */
const MIN_SAMPLES = 20;

/**
 * The response time of an upstream after which a hedge may begin: a quantile of the answers of the last ten seconds, over all endpoints and
 * workers, told to the workers each second. By the coordinator.
 */
export class HedgeTimes {
  readonly #memory: EndpointMemory;
  readonly #told: Float64Array;
  readonly #quantile: number;
  /** Running totals by bucket, the oldest first. */
  readonly #readings: Float64Array[] = [];
  #nextMs = 0;

  constructor(memory: EndpointMemory, serviceSlot: number, quantile: number) {
    this.#memory = memory;
    this.#told = memory.countsOf(memory.coordinator, serviceSlot);
    this.#quantile = quantile;
  }

  /** In ms; 0 = not known. */
  get delayMs(): number {
    return this.#told[CELL.HEDGE_MS] ?? 0;
  }

  /** `slots`: of the endpoints there are. One that is new brings what its slot has seen before into one reading: a moment's error. */
  tick(nowMs: number, slots: readonly number[]): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + READ_MS;
    const totals = new Float64Array(SAMPLE_BUCKETS);
    for (const slot of slots) {
      for (const counts of this.#memory.countsOfWorkers(slot)) {
        for (let bucket = 0; bucket < SAMPLE_BUCKETS; bucket++)
          totals[bucket] = (totals[bucket] ?? 0) + (counts[CELL.SAMPLES + bucket] ?? 0);
      }
    }
    this.#readings.push(totals);
    if (this.#readings.length > WINDOW + 1) this.#readings.shift();
    const oldest = this.#readings[0] ?? totals;
    const recent = totals.map((total, bucket) => Math.max(0, total - (oldest[bucket] ?? 0)));
    const count = recent.reduce((sum, samples) => sum + samples, 0);
    // With few answers what was known goes on to hold.
    if (count >= MIN_SAMPLES) this.#told[CELL.HEDGE_MS] = sampleQuantile(recent, this.#quantile);
  }

  end(): void {
    this.#told[CELL.HEDGE_MS] = 0;
  }
}
