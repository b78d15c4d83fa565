import { parentPort } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { never } from '../../base/never.ts';
import { QuotaTable } from '../../shm/quota-table.ts';
import { summarizeError } from '../faults.ts';
import { QuotaBook } from './quota-book.ts';
import type { FromQuotas, QuotasEvent, QuotasStart, ToQuotas } from './quota-messages.ts';
import { openQuotas, seedOf } from './quota-schema.ts';

// The quotas thread: writes what was used of quotas to the disk every `usage.flush`, and brings it back at the start. Its work with the
// disk is synchronous, and each commit waits for the disk; nobody waits for this thread once it has opened.

const OTHER_SEED = 'the store was not to be had at the start; what is used is kept in memory until the next one';
const PRUNE_MS = 3_600_000;

class QuotasThread {
  readonly #start: QuotasStart;
  readonly #table: QuotaTable;
  #book: QuotaBook | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #startedMs = performance.now();
  #isOpened = false;
  #problem = '';
  #written = 0;
  #failures = 0;

  constructor(start: QuotasStart) {
    this.#start = start;
    this.#table = new QuotaTable(start.quotas, start.participant);
  }

  begin(): void {
    this.#flush();
    this.#flushEvery(this.#start.flushMs);
    setInterval(() => this.#prune(), PRUNE_MS);
  }

  onMessage(message: ToQuotas): void {
    switch (message.kind) {
      case 'flush-every':
        this.#flushEvery(message.ms);
        return;
      case 'close':
        this.#flush();
        this.#book?.close();
        process.exit(0);
        return;
      default:
        never(message, 'onMessage');
    }
  }

  #flushEvery(ms: number): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#flush(), ms);
  }

  #flush(): void {
    try {
      this.#book ??= this.#open();
      const written = this.#book.sync();
      this.#written += written;
      this.#tellOpened(this.#book);
      if (this.#problem !== '') tellEvent({ kind: 'writable' });
      this.#problem = '';
      if (written > 0) this.#tellFigures();
    } catch (error) {
      this.#failures += 1;
      const problem = summarizeError(error);
      // Once for a problem that lasts.
      if (problem !== this.#problem) tellEvent({ kind: 'failed', problem });
      this.#problem = problem;
      this.#tellFigures();
    }
  }

  #open(): QuotaBook {
    const database = openQuotas(this.#start.storePath);
    try {
      // What is there could not be read at the start, and was counted under another seed: its keys are strangers to us, and ours to it.
      if (Buffer.compare(seedOf(database, this.#table.seed), this.#table.seed) !== 0) throw new Error(OTHER_SEED);
      return new QuotaBook(database, this.#table, this.#start.how);
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /** The first `sync` has brought what is on disk into the table. */
  #tellOpened(book: QuotaBook): void {
    if (this.#isOpened) return;
    this.#isOpened = true;
    tellEvent({ kind: 'opened', keys: book.rows, tookMs: Math.round(performance.now() - this.#startedMs) });
  }

  #prune(): void {
    try {
      this.#book?.prune(Date.now() / 1000);
    } catch {
      // The disk refuses, which the next flush tells.
      this.#failures += 1;
    }
  }

  #tellFigures(): void {
    tell({ kind: 'figures', figures: { written: this.#written, failures: this.#failures } });
  }
}

assert(parentPort !== null, 'quotas-thread.ts runs as a thread');
const port = parentPort;

function tell(message: FromQuotas): void {
  port.postMessage(message);
}

function tellEvent(event: QuotasEvent): void {
  tell({ kind: 'event', event });
}

port.once('message', (start: QuotasStart) => {
  const thread = new QuotasThread(start);
  port.on('message', (message: ToQuotas) => thread.onMessage(message));
  thread.begin();
});
