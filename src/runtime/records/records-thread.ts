import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type MessagePort, parentPort } from 'node:worker_threads';
import { assert } from '../../base/assert.ts';
import { never } from '../../base/never.ts';
import { summarizeError } from '../faults.ts';
import { RecordBook } from './record-book.ts';
import { RecordDesk } from './record-desk.ts';
import type { AskRecords, FromRecords, RecordsStart, TellWorker, ToRecords } from './record-messages.ts';
import { RecordOwners } from './record-owners.ts';
import { openRecords } from './record-schema.ts';

// The records thread: the only one of this process that touches the records of Idempotency-Key. Its work with the disk is synchronous;
// it has a thread of its own since each commit waits for the disk, and whoever waits for the cache's disk should not wait for that.

const TICK_MS = 200;
const FIGURES_MS = 1_000;
const REOPEN_MS = 5_000;
const HOUSEKEEPING_MS = 10_000;
/** Of one step of housekeeping. */
const EXPIRE_ROWS = 500;
const SHRINK_PAGES = 256;
/** For workers to tell a new thread what runs there. */
const GRACE_MS = 5_000;

class RecordsThread {
  readonly #folder: string;
  readonly #owners: RecordOwners;
  readonly #desk: RecordDesk;
  #limitBytes: number;
  #book: RecordBook | undefined;
  #problem = '';

  constructor({ path, limitBytes, predecessor }: RecordsStart) {
    this.#folder = join(path, 'idempotency');
    this.#limitBytes = limitBytes;
    this.#desk = new RecordDesk({
      schedule: (step) => setImmediate(step),
      wallNowMs: () => Date.now(),
      onFailure: (error) => this.#tellProblem('failed', error),
      predecessor,
    });
    this.#owners = new RecordOwners(join(this.#folder, 'owners'));
  }

  begin(): void {
    this.#open();
    setInterval(() => this.#desk.tick(), TICK_MS);
    setInterval(() => this.#tellFigures(), FIGURES_MS);
    setInterval(() => this.#keepHouse(), HOUSEKEEPING_MS);
  }

  onMessage(message: ToRecords): void {
    switch (message.kind) {
      case 'connect':
        this.#connect(message.port);
        return;
      case 'limit':
        this.#limitBytes = message.limitBytes;
        if (this.#book !== undefined) this.#book.limitBytes = message.limitBytes;
        return;
      case 'close':
        this.#close();
        return;
      default:
        never(message, 'onMessage');
    }
  }

  #open(): void {
    const startedMs = performance.now();
    try {
      // Answers are for those who have the key, not for everybody on this machine.
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      this.#owners.begin();
      const path = join(this.#folder, 'records.db');
      const book = new RecordBook(openRecords(path), {
        limitBytes: this.#limitBytes,
        self: this.#owners.self,
        isAlive: (owner) => this.#isAlive(owner),
      });
      chmodSync(path, 0o600);
      const lost = book.transact(() => book.loseOfDead(Date.now()));
      this.#owners.sweep();
      this.#book = book;
      this.#desk.open(book);
      this.#problem = '';
      setTimeout(() => this.#desk.endGrace(), GRACE_MS).unref();
      const tookMs = Math.round(performance.now() - startedMs);
      tell({ kind: 'owner', name: this.#owners.self });
      tell({ kind: 'event', event: { kind: 'opened', records: book.records, bytes: book.bytes, lost, tookMs } });
    } catch (error) {
      this.#owners.end();
      this.#tellProblem('unusable', error);
      setTimeout(() => this.#open(), REOPEN_MS);
    }
  }

  /** Workers that outlived the last records thread still run what was begun under its name. */
  #isAlive(owner: string): boolean {
    return this.#desk.isAwaiting(owner) || this.#owners.isAlive(owner);
  }

  #connect(port: MessagePort): void {
    const link = this.#desk.connect((message: TellWorker) => port.postMessage(message));
    port.on('message', (message: AskRecords) => link.onMessage(message));
    port.on('close', () => link.onClose());
  }

  #keepHouse(): void {
    const book = this.#book;
    if (book === undefined) return;
    try {
      book.recountIfForeign();
      const expired = book.transact(() => book.expire(Date.now(), EXPIRE_ROWS));
      if (expired > 0) book.shrink(SHRINK_PAGES);
      // Between two steps requests are heard.
      if (expired >= EXPIRE_ROWS) setImmediate(() => this.#keepHouse());
    } catch (error) {
      this.#tellProblem('failed', error);
    }
  }

  /** Once for a problem that lasts. */
  #tellProblem(kind: 'unusable' | 'failed', error: unknown): void {
    const problem = summarizeError(error);
    if (problem !== this.#problem) tell({ kind: 'event', event: { kind, problem } });
    this.#problem = problem;
  }

  #tellFigures(): void {
    const book = this.#book;
    const { records, bytes, droppedAnswers } = book ?? { records: 0, bytes: 0, droppedAnswers: 0 };
    tell({ kind: 'figures', figures: { records, bytes, droppedAnswers, limitBytes: this.#limitBytes, failures: this.#desk.failures } });
  }

  #close(): void {
    this.#desk.close();
    this.#book?.close();
    this.#owners.end();
    process.exit(0);
  }
}

assert(parentPort !== null, 'records-thread.ts runs as a thread');
const port = parentPort;

function tell(message: FromRecords): void {
  port.postMessage(message);
}

port.once('message', (start: RecordsStart) => {
  const thread = new RecordsThread(start);
  port.on('message', (message: ToRecords) => thread.onMessage(message));
  thread.begin();
});
