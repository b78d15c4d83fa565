import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import type { GatewayConfig, StoreConfig } from '../../config/types.ts';
import type { EventLog } from '../../observe/log.ts';
import { BackOff } from '../back-off.ts';
import type { OwnSources } from '../launch.ts';
import { endOwnThread, startOwnThread } from '../own-thread.ts';
import type { FromRecords, RecordFigures, RecordsStart, ToRecords } from './record-messages.ts';
import { logRecordsEvent } from './records-events.ts';

const ENTRY = new URL('./records-thread.ts', import.meta.url);
/** A start that is late for want of a disk helps nobody: until it is there, keyed requests are refused. */
const OPEN_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 5_000;

export type RecordsHostOptions = {
  readonly sources: OwnSources;
  readonly log: EventLog;
  /** Every worker needs another link. */
  onChanged(): void;
};

/** `thread`: counts begin anew with another one. */
export type RecordFiguresNow = RecordFigures & { readonly threadId: number };

type Running = { readonly path: string; readonly thread: Worker; readonly startedMs: number; owner: string };

/** The records of Idempotency-Key from the coordinator's side: starts their thread when a route has such keys, and again when it has died. */
export class RecordsHost {
  readonly #options: RecordsHostOptions;
  readonly #backOff = new BackOff();
  readonly #opened = Promise.withResolvers<void>();
  #store: StoreConfig | undefined;
  #running: Running | undefined;
  #figures: RecordFiguresNow | undefined;
  #isClosing = false;

  constructor(options: RecordsHostOptions) {
    this.#options = options;
  }

  get figures(): RecordFiguresNow | undefined {
    return this.#figures;
  }

  /** Before a plan comes into force: the thread runs, and workers have a link, if the plan needs them. What runs is not ended, since what was begun may go on. */
  prepare({ routes, store }: GatewayConfig): void {
    const isNeeded = routes.some(({ dedupe }) => dedupe?.idempotency !== undefined);
    if (!isNeeded || store === undefined) return;
    this.#store = store;
    if (this.#running?.path === store.path) {
      this.#send({ kind: 'limit', limitBytes: store.idempotencyDiskBytes });
      return;
    }
    this.#send({ kind: 'close' });
    this.#begin(store, '');
    this.#options.onChanged();
  }

  /** Resolves when the records are open, cannot be, or that takes too long. */
  async opened(): Promise<void> {
    if (this.#running === undefined) return;
    const timer = setTimeout(() => this.#opened.resolve(), OPEN_TIMEOUT_MS);
    await this.#opened.promise;
    clearTimeout(timer);
  }

  /** For one worker; to be transferred. `undefined`: there are no records. */
  link(): MessagePort | undefined {
    if (this.#running === undefined) return undefined;
    const { port1, port2 } = new MessageChannel();
    this.#running.thread.postMessage({ kind: 'connect', port: port2 } satisfies ToRecords, [port2]);
    return port1;
  }

  /** After the workers. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const thread = this.#running?.thread;
    this.#running = undefined;
    if (thread === undefined) return;
    await endOwnThread(thread, CLOSE_TIMEOUT_MS, () => thread.postMessage({ kind: 'close' } satisfies ToRecords));
  }

  #begin(store: StoreConfig, predecessor: string): void {
    const thread = startOwnThread(this.#options.sources, ENTRY, 'sluice-records');
    const running = { path: store.path, thread, startedMs: performance.now(), owner: '' };
    this.#running = running;
    thread.on('message', (message: FromRecords) => this.#onMessage(running, message));
    thread.on('error', (error: Error) => logRecordsEvent(this.#options.log, { kind: 'died', problem: error.message }));
    thread.on('exit', () => this.#onExit(running));
    thread.postMessage({ path: store.path, limitBytes: store.idempotencyDiskBytes, predecessor } satisfies RecordsStart);
  }

  #onMessage(running: Running, message: FromRecords): void {
    switch (message.kind) {
      case 'event':
        logRecordsEvent(this.#options.log, message.event);
        if (message.event.kind !== 'failed') this.#opened.resolve();
        return;
      case 'owner':
        running.owner = message.name;
        return;
      case 'figures':
        if (this.#running === running) this.#figures = { ...message.figures, threadId: running.thread.threadId };
        return;
    }
  }

  /** A defect, unless it was asked for. */
  #onExit(running: Running): void {
    this.#opened.resolve();
    if (this.#running !== running) return;
    this.#running = undefined;
    if (this.#isClosing) return;
    setTimeout(() => this.#again(running), this.#backOff.afterDeath(performance.now() - running.startedMs)).unref();
  }

  #again({ path, owner }: Running): void {
    const store = this.#store;
    if (this.#isClosing || this.#running !== undefined || store === undefined) return;
    this.#begin(store, path === store.path ? owner : '');
    this.#options.onChanged();
  }

  #send(message: ToRecords): void {
    this.#running?.thread.postMessage(message);
  }
}
