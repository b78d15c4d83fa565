import { CACHE_RESULTS, TAKEOVER_KINDS, UNCACHEABLE_REASONS, WAIT_ENDS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';

export type CacheResult = (typeof CACHE_RESULTS)[number];
export type TakeoverKind = (typeof TAKEOVER_KINDS)[number];
export type WaitEnd = (typeof WAIT_ENDS)[number];
export type UncacheableReason = (typeof UNCACHEABLE_REASONS)[number];

/** The cells in which the cache of one route counts; found once, when its plan is compiled. */
export class CacheMetrics {
  private readonly metrics: MetricsWriter;
  private readonly results: Readonly<Record<CacheResult, MetricSlot>>;
  private readonly stored: MetricSlot;
  private readonly uncacheable: Readonly<Record<UncacheableReason, MetricSlot>>;
  private readonly collapsed: MetricSlot;
  private readonly takeovers: Readonly<Record<TakeoverKind, MetricSlot>>;
  private readonly releases: MetricSlot;
  private readonly waitsOver: Readonly<Record<WaitEnd, MetricSlot>>;

  constructor(metrics: MetricsWriter, route: string) {
    this.metrics = metrics;
    this.results = slotsBy(CACHE_RESULTS, (result) => metrics.slot('sluice_cache_requests_total', { route, result }));
    this.stored = metrics.slot('sluice_cache_stored_total', { route });
    this.uncacheable = slotsBy(UNCACHEABLE_REASONS, (reason) => metrics.slot('sluice_cache_uncacheable_total', { reason }));
    this.collapsed = metrics.slot('sluice_collapsed_total', { route });
    this.takeovers = slotsBy(TAKEOVER_KINDS, (how) => metrics.slot('sluice_leader_takeovers_total', { how }));
    this.releases = metrics.slot('sluice_uncacheable_releases_total', { route });
    this.waitsOver = slotsBy(WAIT_ENDS, (why) => metrics.slot('sluice_collapse_waits_over_total', { route, why }));
  }

  /** Once for each request of the route. */
  countRequest(result: CacheResult): void {
    this.metrics.increment(this.results[result]);
    if (result === 'collapsed') this.metrics.increment(this.collapsed);
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

  /** A follower went on for a leader that failed: anew, or from where it broke off. */
  countTakeover(how: TakeoverKind): void {
    this.metrics.increment(this.takeovers[how]);
  }

  /** A follower was let go, since the answer may not be shared. */
  countRelease(): void {
    this.metrics.increment(this.releases);
  }

  /** A follower went alone, since it or the table had had enough. */
  countWaitOver(why: WaitEnd): void {
    this.metrics.increment(this.waitsOver[why]);
  }
}

function slotsBy<Word extends string>(words: readonly Word[], slotOf: (word: Word) => MetricSlot): Readonly<Record<Word, MetricSlot>> {
  // Each word of the list has become a key.
  return Object.fromEntries(words.map((word) => [word, slotOf(word)])) as Record<Word, MetricSlot>;
}
