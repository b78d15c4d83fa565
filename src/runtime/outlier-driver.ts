import type { PassiveHealthConfig } from '../config/health-types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import * as events from '../observe/events.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { STATE_FLAG } from '../upstream/endpoint-memory.ts';
import type { Ejection } from '../upstream/health/ejections.ts';
import { OutlierDetector } from '../upstream/health/outlier-detector.ts';
import type { EjectionReason, Verdict } from '../upstream/health/outlier-judge.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';

/** Ejects the endpoints of one upstream that do worse than they should. */
class OutlierDriver implements UpstreamDriver {
  readonly #upstream: DrivenUpstream;
  readonly #detector: OutlierDetector;
  /** Of this upstream since the last scrape. */
  readonly #ejections = new Map<EjectionReason, number>();
  #urls = new Map<number, string>();
  #nowMs = 0;

  constructor(upstream: DrivenUpstream, config: PassiveHealthConfig) {
    this.#upstream = upstream;
    this.#detector = new OutlierDetector(config, upstream.memory, {
      onEjected: (verdict, ejection) => this.#onEjected(verdict, ejection),
      onRestored: (slot, reason) => this.#onRestored(slot, reason),
      onFailures: (slot) => {
        if (config.speedsUpChecks) upstream.tell({ kind: 'passive-failure', slot });
      },
    });
    upstream.onFinding((finding) => {
      if (finding.kind === 'checked' && finding.isHealthy) this.#detector.onChecked(finding.slot);
    });
    this.onEndpoints(upstream.endpoints());
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#detector.tick(nowMs);
  }

  onEndpoints(endpoints: readonly EndpointState[]): void {
    // One that comes back soon may have been ejected when it went, and nobody knows any more until when.
    for (const { slot } of endpoints) if (!this.#urls.has(slot)) this.#upstream.flag(slot, STATE_FLAG.EJECTED, false);
    this.#urls = new Map(endpoints.map(({ slot, url }) => [slot, url]));
    this.#detector.useSlots(endpoints.map(({ slot }) => slot));
  }

  writeMetrics(writer: MetricsWriter): void {
    const upstream = this.#upstream.config.name;
    for (const [reason, count] of this.#ejections) writer.add(writer.slot('sluice_upstream_ejections_total', { upstream, reason }), count);
    this.#ejections.clear();
  }

  snapshot(): { readonly endpoints: ReadonlyMap<number, object> } {
    const { ejections } = this.#detector;
    const one = (slot: number): object => ({
      isEjected: ejections.isEjected(slot),
      ejections: ejections.times(slot),
      ...(ejections.isEjected(slot) ? { leftMs: Math.round(ejections.untilMs(slot) - this.#nowMs) } : {}),
    });
    return { endpoints: new Map(Array.from(this.#urls.keys(), (slot) => [slot, { outlier: one(slot) }])) };
  }

  stop(): void {
    clearFlags(this.#upstream);
  }

  #onEjected({ slot, reason, detail }: Verdict, { forMs, times }: Ejection): void {
    this.#upstream.flag(slot, STATE_FLAG.EJECTED, true);
    this.#ejections.set(reason, (this.#ejections.get(reason) ?? 0) + 1);
    events.endpointEjected(this.#upstream.log, { ...this.#named(slot), reason, detail, forMs, times });
  }

  #onRestored(slot: number, reason: string): void {
    this.#upstream.flag(slot, STATE_FLAG.EJECTED, false);
    events.endpointRestored(this.#upstream.log, { ...this.#named(slot), reason });
  }

  #named(slot: number): { readonly upstream: string; readonly endpoint: string } {
    return { upstream: this.#upstream.config.name, endpoint: this.#urls.get(slot) ?? '' };
  }
}

export function driveOutliers(upstream: DrivenUpstream): UpstreamDriver | undefined {
  const passive = upstream.config.health?.passive;
  if (passive !== undefined) return new OutlierDriver(upstream, passive);
  clearFlags(upstream);
  return undefined;
}

/** Nobody knows any more until when. */
function clearFlags(upstream: DrivenUpstream): void {
  for (const { slot } of upstream.endpoints()) upstream.flag(slot, STATE_FLAG.EJECTED, false);
}
