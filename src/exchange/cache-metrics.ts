import { CACHE_RESULTS, UNCACHEABLE_REASONS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';

export type CacheResult = (typeof CACHE_RESULTS)[number];
export type UncacheableReason = (typeof UNCACHEABLE_REASONS)[number];

/** The cells in which the cache of one route counts; found once, when its plan is compiled. */
export class CacheMetrics {
  private readonly metrics: MetricsWriter;
  private readonly results: Readonly<Record<CacheResult, MetricSlot>>;
  private readonly stored: MetricSlot;
  private readonly uncacheable: Readonly<Record<UncacheableReason, MetricSlot>>;

  constructor(metrics: MetricsWriter, route: string) {
    this.metrics = metrics;
    this.results = slotsBy(CACHE_RESULTS, (result) => metrics.slot('sluice_cache_requests_total', { route, result }));
    this.stored = metrics.slot('sluice_cache_stored_total', { route });
    this.uncacheable = slotsBy(UNCACHEABLE_REASONS, (reason) => metrics.slot('sluice_cache_uncacheable_total', { reason }));
  }

  /** Once for each request of the route. */
  countRequest(result: CacheResult): void {
    this.metrics.increment(this.results[result]);
  }

  /** The commonest result, without a look-up by name. */
  countHit(): void {
    this.metrics.increment(this.results.hit);
  }

  /** An answer was published. */
  countStored(): void {
    this.metrics.increment(this.stored);
  }

  /** An answer that the cache would have liked was not stored. */
  countUncacheable(reason: UncacheableReason): void {
    this.metrics.increment(this.uncacheable[reason]);
  }
}

function slotsBy<Word extends string>(words: readonly Word[], slotOf: (word: Word) => MetricSlot): Readonly<Record<Word, MetricSlot>> {
  // Each word of the list has become a key.
  return Object.fromEntries(words.map((word) => [word, slotOf(word)])) as Record<Word, MetricSlot>;
}
