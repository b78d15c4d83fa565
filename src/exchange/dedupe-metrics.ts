import { IDEMPOTENCY_RESULTS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';

export type IdempotencyResult = (typeof IDEMPOTENCY_RESULTS)[number];

/** Where identical requests of one route that share an upstream request are counted. */
export class DedupeMetrics {
  private readonly metrics: MetricsWriter;
  private readonly shared: MetricSlot;

  constructor(metrics: MetricsWriter, route: string) {
    this.metrics = metrics;
    this.shared = metrics.slot('sluice_dedupe_total', { route });
  }

  /** A request was answered by an identical one's. */
  countShared(): void {
    this.metrics.increment(this.shared);
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
