import type { MetricsWriter } from '../../observe/metrics-writer.ts';
import type { QuotaFiguresNow } from '../quotas/quotas-host.ts';
import type { LimitFigures } from './limit-memory.ts';

/** What the tables of limits and the quotas thread count, as metrics. */
export class LimitMetrics {
  #threadId = -1;
  /** What the threads before counted, and what this one had counted at the last look. */
  #before = { written: 0, failures: 0 };
  #seen = { written: 0, failures: 0 };

  /** `undefined`: nothing is limited, or nothing is kept on disk. */
  write(writer: MetricsWriter, limits: LimitFigures | undefined, kept: QuotaFiguresNow | undefined): void {
    if (limits !== undefined) writeTables(writer, limits);
    if (kept !== undefined) this.#writeKept(writer, kept);
  }

  #writeKept(writer: MetricsWriter, { threadId, written, failures }: QuotaFiguresNow): void {
    if (threadId !== this.#threadId) {
      this.#before = { written: this.#before.written + this.#seen.written, failures: this.#before.failures + this.#seen.failures };
      this.#threadId = threadId;
    }
    this.#seen = { written, failures };
    writer.set(writer.slot('sluice_quota_written_total', {}), this.#before.written + written);
    writer.set(writer.slot('sluice_quota_failures_total', {}), this.#before.failures + failures);
  }
}

function writeTables(writer: MetricsWriter, { limits, concurrency, quotas }: LimitFigures): void {
  writer.set(writer.slot('sluice_limit_keys', {}), limits.live);
  writer.set(writer.slot('sluice_limit_max_keys', {}), limits.cells);
  writer.set(writer.slot('sluice_limit_reclaimed_total', {}), limits.reclaimed + limits.evicted);
  writer.set(writer.slot('sluice_limit_crowded_total', {}), limits.withoutCell + concurrency.withoutCell);
  writer.set(writer.slot('sluice_limit_recovered_total', {}), concurrency.recovered);
  writer.set(writer.slot('sluice_quota_keys', {}), quotas.live);
  writer.set(writer.slot('sluice_quota_crowded_total', {}), quotas.withoutCell);
}
