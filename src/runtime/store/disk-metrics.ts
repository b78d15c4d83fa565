import type { MetricsWriter } from '../../observe/metrics-writer.ts';
import { DISK_FIGURES, type DiskFigures } from './disk-figures.ts';

/** Figures of the store thread that runs now. `threadId`: counts begin anew with another one. */
export type DiskFiguresNow = DiskFigures & { readonly threadId: number; readonly dropped: number };

const COUNTS = [...DISK_FIGURES, 'dropped'] as const;

/** The store thread's figures as metrics; what is printed as a count must not go back. */
export class DiskMetrics {
  #threadId = 0;
  readonly #before = new Map<string, number>();
  #seen: DiskFiguresNow | undefined;

  /** `undefined`: there is no disk tier now. */
  write(writer: MetricsWriter, figures: DiskFiguresNow | undefined): void {
    writer.set(writer.slot('sluice_cache_disk_objects', {}), figures?.objects ?? 0);
    writer.set(writer.slot('sluice_cache_disk_bytes', {}), figures?.usedBytes ?? 0);
    writer.set(writer.slot('sluice_cache_disk_limit_bytes', {}), figures?.limitBytes ?? 0);
    writer.set(writer.slot('sluice_cache_disk_writable', {}), figures?.isWriting ?? 0);
    if (figures === undefined) return;
    this.#turnTo(figures);
    const total = (name: (typeof COUNTS)[number]): number => figures[name] + (this.#before.get(name) ?? 0);
    writer.set(writer.slot('sluice_cache_disk_written_total', {}), total('written'));
    writer.set(writer.slot('sluice_cache_disk_written_bytes_total', {}), total('writtenBytes'));
    writer.set(writer.slot('sluice_cache_disk_fetches_total', { result: 'hit' }), total('fetched'));
    writer.set(writer.slot('sluice_cache_disk_fetches_total', { result: 'miss' }), total('missed'));
    writer.set(writer.slot('sluice_cache_disk_evicted_total', {}), total('evicted'));
    writer.set(writer.slot('sluice_cache_disk_dropped_total', {}), total('dropped'));
    writer.set(writer.slot('sluice_cache_disk_damaged_total', {}), total('damaged'));
    writer.set(writer.slot('sluice_cache_disk_failures_total', {}), total('failures'));
  }

  #turnTo(figures: DiskFiguresNow): void {
    if (figures.threadId !== this.#threadId && this.#seen !== undefined) {
      for (const name of COUNTS) this.#before.set(name, (this.#before.get(name) ?? 0) + this.#seen[name]);
    }
    this.#threadId = figures.threadId;
    this.#seen = figures;
  }
}
