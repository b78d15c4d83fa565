import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import type { IdempotencyRecords } from '../../src/exchange/idempotency-records.ts';
import { RecordBook } from '../../src/runtime/records/record-book.ts';
import { RecordDesk } from '../../src/runtime/records/record-desk.ts';
import type { AskRecords, TellWorker } from '../../src/runtime/records/record-messages.ts';
import { openRecords } from '../../src/runtime/records/record-schema.ts';
import { WorkerRecords } from '../../src/runtime/records/worker-records.ts';

const TICK_MS = 20;

/** The records thread's work in this thread, for as many workers as the test wants. */
export class HostRecords {
  readonly book: RecordBook;
  readonly desk: RecordDesk;

  constructor(t: TestContext, { isOpen = true, limitBytes = 2 ** 24 } = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-keyed-'));
    this.book = new RecordBook(openRecords(join(folder, 'records.db')), { limitBytes, self: 'test', isAlive: () => true });
    this.desk = new RecordDesk({
      schedule: (step) => setImmediate(step),
      wallNowMs: () => Date.now(),
      onFailure: () => {},
      predecessor: '',
    });
    if (isOpen) this.desk.open(this.book);
    const timer = setInterval(() => this.desk.tick(), TICK_MS);
    t.after(() => {
      clearInterval(timer);
      this.desk.close();
      this.book.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  /** Of one worker. */
  connect(t: TestContext): IdempotencyRecords & { readonly isIdle: boolean } {
    const records = new WorkerRecords();
    const { port1, port2 } = new MessageChannel();
    const link = this.desk.connect((message: TellWorker) => port2.postMessage(message));
    port2.on('message', (message: AskRecords) => link.onMessage(message));
    port2.on('close', () => link.onClose());
    records.connect(port1);
    t.after(() => port1.close());
    return records;
  }
}
