import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { FillFailure } from '../shm/store-types.ts';
import type { CacheStats } from './cache-memory.ts';

const FAILURE_LABELS: Readonly<Record<FillFailure, string>> = {
  tooLarge: 'too-large',
  noRoom: 'no-room',
  lockTimeout: 'lock-timeout',
  aborted: 'aborted',
};

/** The store's own counts as metrics. They begin at zero with each store that is made; what is printed must not go back. */
export class CacheStoreMetrics {
  #storeId = 0;
  /** What the stores before counted, and what this one had counted at the last look. */
  #before = new Map<string, number>();
  #seen = new Map<string, number>();

  /** `undefined`: there is no store now. */
  write(writer: MetricsWriter, stats: CacheStats | undefined): void {
    this.#writeGauges(writer, stats);
    if (stats === undefined) return;
    if (stats.storeId !== this.#storeId) {
      this.#storeId = stats.storeId;
      for (const [name, count] of this.#seen) this.#before.set(name, (this.#before.get(name) ?? 0) + count);
      this.#seen.clear();
    }
    writer.set(writer.slot('sluice_cache_evicted_total', {}), this.#total('evicted', stats.evictions));
    writer.set(writer.slot('sluice_cache_lock_timeouts_total', {}), this.#total('lock timeouts', stats.lockTimeouts));
    writer.set(writer.slot('sluice_cache_recoveries_total', {}), this.#total('recoveries', stats.recoveries));
    for (const [failure, count] of Object.entries(stats.failedFills)) {
      const reason = FAILURE_LABELS[failure as FillFailure];
      writer.set(writer.slot('sluice_cache_failed_fills_total', { reason }), this.#total(reason, count));
    }
  }

  #writeGauges(writer: MetricsWriter, stats: CacheStats | undefined): void {
    writer.set(writer.slot('sluice_cache_objects', {}), stats?.objects ?? 0);
    writer.set(writer.slot('sluice_cache_bytes', {}), stats?.payloadBytes ?? 0);
    writer.set(writer.slot('sluice_cache_limit_bytes', {}), stats?.limitBytes ?? 0);
    writer.set(writer.slot('sluice_cache_free_bytes', {}), stats?.freeBytes ?? 0);
    writer.set(writer.slot('sluice_cache_largest_free_bytes', {}), stats?.largestFreeBytes ?? 0);
  }

  #total(name: string, count: number): number {
    this.#seen.set(name, count);
    return count + (this.#before.get(name) ?? 0);
  }
}
