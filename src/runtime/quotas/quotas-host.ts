import type { Worker } from 'node:worker_threads';
import type { EventLog } from '../../observe/log.ts';
import { QuotaTable } from '../../shm/quota-table.ts';
import { BackOff } from '../back-off.ts';
import type { OwnSources } from '../launch.ts';
import { endOwnThread, startOwnThread } from '../own-thread.ts';
import type { QuotaBookStart } from './quota-book.ts';
import type { FromQuotas, QuotaFigures, QuotasStart, ToQuotas } from './quota-messages.ts';
import { logQuotasEvent } from './quotas-events.ts';

const ENTRY = new URL('./quotas-thread.ts', import.meta.url);
/** A start that is late for want of a disk helps nobody: what comes from it later is added to what was used meanwhile. */
const OPEN_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;

export type QuotasHostOptions = { readonly sources: OwnSources; readonly log: EventLog };

/** What is kept, and where. */
export type QuotaKeeping = Omit<QuotasStart, 'how'>;

/** `threadId`: counts begin anew with another thread. */
export type QuotaFiguresNow = QuotaFigures & { readonly threadId: number };

/** The quotas on disk from the coordinator's side: starts their thread when a plan has quotas and a store, and again when it has died. */
export class QuotasHost {
  readonly #options: QuotasHostOptions;
  readonly #backOff = new BackOff();
  readonly #opened = Promise.withResolvers<void>();
  #keeping: QuotaKeeping | undefined;
  #thread: Worker | undefined;
  #figures: QuotaFiguresNow | undefined;
  #isOpen = false;
  #isClosing = false;

  constructor(options: QuotasHostOptions) {
    this.#options = options;
  }

  get figures(): QuotaFiguresNow | undefined {
    return this.#figures;
  }

  /** Before a plan comes into force. What runs is not ended, since what was used goes on being used. `undefined`: the plan has nothing to keep. */
  prepare(keeping: QuotaKeeping | undefined): void {
    if (keeping === undefined) return;
    const isFirst = this.#keeping === undefined;
    this.#keeping = keeping;
    if (isFirst) this.#begin(keeping, 'restore');
    else this.#thread?.postMessage({ kind: 'flush-every', ms: keeping.flushMs } satisfies ToQuotas);
  }

  /** Resolves when what is on disk is in the table, cannot be had, or that takes too long. At once where nothing is kept. */
  async opened(): Promise<void> {
    if (this.#keeping === undefined) return;
    const timer = setTimeout(() => this.#opened.resolve(), OPEN_TIMEOUT_MS);
    await this.#opened.promise;
    clearTimeout(timer);
  }

  /** After the workers: what they have used last is written. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const thread = this.#thread;
    if (thread === undefined) return;
    await endOwnThread(thread, CLOSE_TIMEOUT_MS, () => thread.postMessage({ kind: 'close' } satisfies ToQuotas));
  }

  #begin(keeping: QuotaKeeping, how: QuotaBookStart): void {
    const thread = startOwnThread(this.#options.sources, ENTRY, 'sluice-quotas');
    const startedMs = performance.now();
    this.#thread = thread;
    thread.on('message', (message: FromQuotas) => this.#onMessage(thread, message));
    thread.on('error', (error: Error) => logQuotasEvent(this.#options.log, { kind: 'died', problem: error.message }));
    thread.on('exit', () => this.#onExit(thread, performance.now() - startedMs));
    thread.postMessage({ ...keeping, how } satisfies QuotasStart);
  }

  #onMessage(thread: Worker, message: FromQuotas): void {
    if (message.kind === 'figures') {
      this.#figures = { ...message.figures, threadId: thread.threadId };
      return;
    }
    logQuotasEvent(this.#options.log, message.event);
    if (message.event.kind === 'opened') this.#isOpen = true;
    // Opened, or it cannot be.
    this.#opened.resolve();
  }

  /** A defect, unless it was asked for. */
  #onExit(thread: Worker, livedMs: number): void {
    this.#opened.resolve();
    if (this.#thread !== thread) return;
    this.#thread = undefined;
    if (!this.#isClosing) setTimeout(() => this.#again(), this.#backOff.afterDeath(livedMs)).unref();
  }

  #again(): void {
    if (this.#isClosing || this.#keeping === undefined) return;
    recoverFrom(this.#keeping);
    this.#begin(this.#keeping, this.#isOpen ? 'adopt' : 'restore');
  }
}

/** What a thread that died had taken from the table to write, nobody else knows of: all counts as changed, and differences are written. */
function recoverFrom({ quotas, participant }: QuotaKeeping): void {
  const table = new QuotaTable(quotas, participant);
  // It goes through all of the table, so not through one that is empty.
  if (table.stats().live > 0) table.recover(participant);
}
