import {
  CODE_CLASSES,
  FAILURE_KINDS,
  type FALLBACK_KINDS,
  type HEDGE_RESULTS,
  RETRY_REASONS,
  type TIMEOUT_KINDS,
} from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import type { FailureKind } from '../upstream/failure.ts';
import { timeoutOf } from './failures.ts';
import type { FilterPhase } from './filter-run.ts';
import type { GivenUp } from './retry-plan.ts';
import type { RetryReason } from './recover.ts';

/** The cells in which one route counts; found once, when its plan is compiled. */
export class RouteMetrics {
  private readonly metrics: MetricsWriter;
  private readonly codes: readonly MetricSlot[];
  private readonly duration: MetricSlot;
  private readonly aborts: MetricSlot;
  private readonly cuts: MetricSlot;
  private readonly responseTime: MetricSlot | undefined;
  private readonly failures: readonly MetricSlot[];
  private readonly retries: readonly MetricSlot[];
  private readonly route: string;
  private readonly upstream: string;

  constructor(metrics: MetricsWriter, route: string, upstream: string | undefined) {
    this.metrics = metrics;
    this.route = route;
    this.upstream = upstream ?? '';
    this.codes = metrics.slots('sluice_requests_total', { label: 'code', values: CODE_CLASSES }, { route });
    this.duration = metrics.slot('sluice_request_duration_seconds', { route });
    this.aborts = metrics.slot('sluice_client_aborts_total', { route });
    this.cuts = metrics.slot('sluice_body_cuts_total', { route });
    this.responseTime = upstream === undefined ? undefined : metrics.slot('sluice_upstream_response_seconds', { upstream });
    this.failures =
      upstream === undefined ? [] : metrics.slots('sluice_upstream_failures_total', { label: 'kind', values: FAILURE_KINDS }, { upstream });
    this.retries =
      upstream === undefined
        ? []
        : metrics.slots('sluice_upstream_retries_total', { label: 'reason', values: RETRY_REASONS }, { upstream });
  }

  countDone(status: number, totalMs: number): void {
    const slot = this.codes[((status / 100) | 0) - 1];
    if (slot !== undefined) this.metrics.increment(slot);
    this.metrics.observe(this.duration, totalMs);
  }

  countResponse(ms: number): void {
    if (this.responseTime !== undefined) this.metrics.observe(this.responseTime, ms);
  }

  countAbort(): void {
    this.metrics.increment(this.aborts);
  }

  countCut(): void {
    this.metrics.increment(this.cuts);
  }

  countFailure(kind: FailureKind): void {
    this.incrementAt(this.failures, FAILURE_KINDS.indexOf(kind));
    const timeout = timeoutOf(kind);
    if (timeout !== undefined) this.countTimeout(timeout);
  }

  countRetry(reason: RetryReason): void {
    this.incrementAt(this.retries, RETRY_REASONS.indexOf(reason));
  }

  countRetryGivenUp(reason: GivenUp): void {
    this.metrics.increment(this.metrics.slot('sluice_upstream_retries_given_up_total', { upstream: this.upstream, reason }));
  }

  countHedge(result: (typeof HEDGE_RESULTS)[number]): void {
    this.metrics.increment(this.metrics.slot('sluice_upstream_hedges_total', { upstream: this.upstream, result }));
  }

  countFallback(kind: (typeof FALLBACK_KINDS)[number]): void {
    this.metrics.increment(this.metrics.slot('sluice_fallbacks_total', { route: this.route, kind }));
  }

  countTimeout(kind: (typeof TIMEOUT_KINDS)[number]): void {
    this.metrics.increment(this.metrics.slot('sluice_timeouts_total', { kind }));
  }

  countFilterError(phase: FilterPhase): void {
    this.metrics.increment(this.metrics.slot('sluice_filter_errors_total', { route: this.route, phase }));
  }

  private incrementAt(slots: readonly MetricSlot[], index: number): void {
    const slot = slots[index];
    if (slot !== undefined) this.metrics.increment(slot);
  }
}
