import { IDEMPOTENCY_RESULTS, WAIT_ENDS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';

export type IdempotencyResult = (typeof IDEMPOTENCY_RESULTS)[number];

/** Where identical requests of one route that share an upstream request are counted. */
export class SharingMetrics {
  private readonly metrics: MetricsWriter;
  private readonly shared: MetricSlot;
  private readonly refused: MetricSlot;
  private readonly restarts: MetricSlot;
  private readonly releases: MetricSlot;
  private readonly waitsOver: readonly MetricSlot[];

  constructor(metrics: MetricsWriter, route: string) {
    this.metrics = metrics;
    this.shared = metrics.slot('sluice_dedupe_total', { route });
    this.refused = metrics.slot('sluice_dedupe_refused_total', { route });
    this.restarts = metrics.slot('sluice_leader_takeovers_total', { how: 'restart' });
    this.releases = metrics.slot('sluice_uncacheable_releases_total', { route });
    this.waitsOver = metrics.slots('sluice_collapse_waits_over_total', { label: 'why', values: WAIT_ENDS }, { route });
  }

  /** A request was answered by an identical one's. */
  countShared(): void {
    this.metrics.increment(this.shared);
  }

  /** A request was not sent, since an identical one may have been carried out. */
  countRefused(): void {
    this.metrics.increment(this.refused);
  }

  /** Whoever asked for all has died, and another one went on. */
  countTakeover(): void {
    this.metrics.increment(this.restarts);
  }

  /** A request has waited for an answer that is not shared. */
  countRelease(): void {
    this.metrics.increment(this.releases);
  }

  /** A limit of waiting was reached. */
  countWaitOver(why: (typeof WAIT_ENDS)[number]): void {
    const slot = this.waitsOver[WAIT_ENDS.indexOf(why)];
    if (slot !== undefined) this.metrics.increment(slot);
  }
}

/** The cells in which one route counts what became of its requests with Idempotency-Key. */
export class IdempotencyMetrics {
  private readonly metrics: MetricsWriter;
  private readonly results: readonly MetricSlot[];

  constructor(metrics: MetricsWriter, route: string) {
    this.metrics = metrics;
    this.results = metrics.slots('sluice_idempotency_total', { label: 'result', values: IDEMPOTENCY_RESULTS }, { route });
  }

  /** Once for each request. */
  count(result: IdempotencyResult): void {
    const slot = this.results[IDEMPOTENCY_RESULTS.indexOf(result)];
    if (slot !== undefined) this.metrics.increment(slot);
  }
}
