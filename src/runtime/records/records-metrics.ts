import type { MetricsWriter } from '../../observe/metrics-writer.ts';
import type { RecordFiguresNow } from './records-host.ts';

/** The records thread's figures as metrics; what is printed as a count must not go back when another thread begins at 0. */
export class RecordsMetrics {
  #seen: RecordFiguresNow | undefined;
  #droppedBefore = 0;
  #failuresBefore = 0;

  /** `undefined`: there are no records now. */
  write(writer: MetricsWriter, figures: RecordFiguresNow | undefined): void {
    writer.set(writer.slot('sluice_idempotency_records', {}), figures?.records ?? 0);
    writer.set(writer.slot('sluice_idempotency_bytes', {}), figures?.bytes ?? 0);
    writer.set(writer.slot('sluice_idempotency_limit_bytes', {}), figures?.limitBytes ?? 0);
    if (figures === undefined) return;
    if (this.#seen !== undefined && this.#seen.threadId !== figures.threadId) {
      this.#droppedBefore += this.#seen.droppedAnswers;
      this.#failuresBefore += this.#seen.failures;
    }
    this.#seen = figures;
    writer.set(writer.slot('sluice_idempotency_dropped_answers_total', {}), this.#droppedBefore + figures.droppedAnswers);
    writer.set(writer.slot('sluice_idempotency_failures_total', {}), this.#failuresBefore + figures.failures);
  }
}
