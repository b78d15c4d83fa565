import type { GatewayConfig } from '../config/types.ts';
import type { PURGE_KINDS } from '../observe/labels.ts';
import { MetricsWriter } from '../observe/metrics-writer.ts';
import { CONTENT_TYPES, printMetrics } from '../observe/prometheus.ts';
import { MetricRegistry } from '../observe/registry.ts';
import type { MetricPlan } from '../observe/slots.ts';
import { type CounterBlocks, createCounters } from '../shm/counters.ts';
import type { CacheStats } from './cache-memory.ts';
import { CacheStoreMetrics } from './cache-store-metrics.ts';
import type { LimitFigures } from './limits/limit-memory.ts';
import { LimitMetrics } from './limits/limit-metrics.ts';
import type { QuotaFiguresNow } from './quotas/quotas-host.ts';
import type { RecordFiguresNow } from './records/records-host.ts';
import { RecordsMetrics } from './records/records-metrics.ts';
import { type DiskFiguresNow, DiskMetrics } from './store/disk-metrics.ts';
import type { SharedHosts } from './shared-hosts.ts';
import { readVersion } from './version.ts';

/** What only the coordinator sees, at the time of a scrape. */
export type ProcessState = {
  readonly readyWorkers: number;
  readonly cache: CacheStats | undefined;
  readonly disk: DiskFiguresNow | undefined;
  readonly records: RecordFiguresNow | undefined;
  readonly limits: LimitFigures | undefined;
  readonly quotas: QuotaFiguresNow | undefined;
};

/** The counters of the process and the coordinator's own pen, which writes the block after the workers'. */
export class ProcessMetrics {
  readonly version = readVersion();
  readonly counters: CounterBlocks;
  /** Whose figures are printed too. */
  hosts: Pick<SharedHosts, 'adaptive' | 'upstreams' | 'mirrors'> | undefined;
  readonly #registry = new MetricRegistry();
  readonly #workers: number;
  readonly #cacheMetrics = new CacheStoreMetrics();
  readonly #diskMetrics = new DiskMetrics();
  readonly #recordsMetrics = new RecordsMetrics();
  readonly #limitMetrics = new LimitMetrics();
  #writer: MetricsWriter;

  /** `slots`: how many workers may ever live at once. */
  constructor(slots: number) {
    this.#workers = slots;
    this.counters = createCounters(slots + 1, this.#registry.maxCells);
    this.#registry.register('sluice_build_info', this.#versions());
    this.#writer = new MetricsWriter(this.counters.block(slots), { slots: {} });
  }

  plan(config: GatewayConfig): MetricPlan {
    const plan = this.#registry.plan(config);
    this.#writer = new MetricsWriter(this.counters.block(this.#workers), plan);
    this.#writer.set(this.#writer.slot('sluice_build_info', this.#versions()), 1);
    return plan;
  }

  /** The thread of this slot has ended; what only described it goes. */
  clearGauges(slot: number): void {
    this.#registry.clearGauges(this.counters.block(slot));
  }

  countRestart(reason: 'exit' | 'error' | 'stuck'): void {
    this.#writer.increment(this.#writer.slot('sluice_worker_restarts_total', { reason }));
  }

  countReload(result: 'success' | 'failure'): void {
    this.#writer.increment(this.#writer.slot('sluice_reloads_total', { result }));
  }

  countException(): void {
    this.#writer.increment(this.#writer.slot('sluice_exceptions_total', {}));
  }

  countPurged(kind: (typeof PURGE_KINDS)[number], objects: number): void {
    this.#writer.add(this.#writer.slot('sluice_cache_purged_total', { kind }), objects);
  }

  print(
    accept: string,
    { readyWorkers, cache, disk, records, limits, quotas }: ProcessState,
  ): { readonly text: string; readonly contentType: string } {
    const format = accept.includes('application/openmetrics-text') ? 'openmetrics' : 'text';
    this.#writer.set(this.#writer.slot('sluice_workers', {}), readyWorkers);
    this.#writer.set(this.#writer.slot('sluice_uptime_seconds', {}), process.uptime() * 1000);
    this.#writer.set(this.#writer.slot('sluice_process_resident_memory_bytes', {}), process.memoryUsage.rss());
    this.#writer.set(this.#writer.slot('sluice_metric_label_sets_overflowed', {}), this.#registry.overflowedTotal);
    this.hosts?.adaptive.writeMetrics(this.#writer);
    this.hosts?.upstreams.writeMetrics(this.#writer);
    this.hosts?.mirrors.writeMetrics(this.#writer);
    this.#cacheMetrics.write(this.#writer, cache);
    this.#diskMetrics.write(this.#writer, disk);
    this.#recordsMetrics.write(this.#writer, records);
    this.#limitMetrics.write(this.#writer, limits, quotas);
    const source = { registry: this.#registry, counters: this.counters, workers: this.#workers };
    return { text: printMetrics(source, format), contentType: CONTENT_TYPES[format] };
  }

  #versions(): { readonly version: string; readonly node: string } {
    return { version: this.version, node: process.versions.node };
  }
}
