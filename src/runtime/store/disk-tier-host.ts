import { MessageChannel, type Worker } from 'node:worker_threads';
import type { StoreConfig } from '../../config/types.ts';
import type { EventLog } from '../../observe/log.ts';
import { createPresence, type Presence } from '../../shm/presence.ts';
import { BackOff } from '../back-off.ts';
import { summarizeError } from '../faults.ts';
import type { OwnSources } from '../launch.ts';
import type { CacheSegments } from '../messages.ts';
import { endOwnThread, inTime, startOwnThread } from '../own-thread.ts';
import { readFigures } from './disk-figures.ts';
import { DiskFolder } from './disk-folder.ts';
import type { DiskLink } from './disk-line.ts';
import type { DiskFiguresNow } from './disk-metrics.ts';
import type { Removal } from './disk-remover.ts';
import { logStoreEvent } from './store-events.ts';
import type { FromStore, StoreStart, ToStore } from './store-messages.ts';

const ENTRY = new URL('./store-thread.ts', import.meta.url);
/** A slot for each so many bytes of the limit: some twenty for each object of 10 KiB. */
const BYTES_A_SLOT = 512;
const MIN_SLOTS = 2 ** 16;
const MAX_SLOTS = 2 ** 22;
/** What a purge may take on disk. */
const PURGE_TIMEOUT_MS = 30_000;
const RETIRE_TIMEOUT_MS = 4_000;
/** A start that is late for want of a disk helps nobody. */
const OPEN_TIMEOUT_MS = 2_000;
const CLOSE_TIMEOUT_MS = 5_000;
const RECOVER_MS = 250;

export type DiskTierHostOptions = {
  readonly sources: OwnSources;
  readonly log: EventLog;
  /** Of the object store: how many there are, and which is the store thread's. */
  readonly participants: number;
  readonly participant: number;
  /** Mends what an ended store thread left in the object store. False: not yet, ask again. */
  recover(): boolean;
  /** Every worker needs another link. */
  onChanged(): void;
};

/** One store thread. */
type Running = {
  readonly spec: string;
  readonly thread: Worker;
  readonly presence: Presence;
  readonly folder: DiskFolder;
  readonly startedMs: number;
};

/** The disk tier from the coordinator's side: starts the store thread when a route caches and `store.path` is set, and again when it has died. */
export class DiskTierHost {
  readonly #options: DiskTierHostOptions;
  readonly #backOff = new BackOff();
  readonly #memories = new Map<number, CacheSegments>();
  readonly #waiting = new Map<number, (objects: number) => void>();
  #store: StoreConfig | undefined;
  #running: Running | undefined;
  #opened = Promise.withResolvers<void>();
  #retired = Promise.withResolvers<void>();
  #lastId = 0;
  #isClosing = false;

  constructor(options: DiskTierHostOptions) {
    this.#options = options;
  }

  /** Of the thread that runs; `undefined`: none does. */
  get figures(): DiskFiguresNow | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const { presence, thread } = running;
    return { ...readFigures(presence.figures), dropped: presence.dropped, threadId: thread.threadId };
  }

  /** A plan that may come into force needs this memory. Before any worker uses it. */
  prepare(caching: CacheSegments | undefined): void {
    if (caching === undefined || this.#memories.has(caching.id)) return;
    this.#memories.set(caching.id, caching);
    this.#send({ kind: 'memory', ...caching });
  }

  /** The plan in force: its memory, and where it wants things kept. */
  async settle(caching: CacheSegments | undefined, store: StoreConfig | undefined): Promise<void> {
    for (const id of this.#memories.keys()) if (id !== caching?.id) this.#memories.delete(id);
    this.#send({ kind: 'settle', id: caching?.id ?? 0 });
    const wanted = caching === undefined || store?.cacheDiskBytes === 0 ? undefined : store;
    this.#store = wanted;
    if ((wanted === undefined ? undefined : specOf(wanted)) === this.#running?.spec) return;
    const hadOne = this.#running !== undefined;
    // At the start there is nothing to wait for: the first workers are to find it.
    if (hadOne) await this.#end();
    if (wanted !== undefined) this.#begin(wanted);
    if (hadOne || wanted !== undefined) this.#options.onChanged();
  }

  /** Resolves when what is on disk can be served, or cannot be, or that takes too long: workers ask all the same. */
  async opened(): Promise<void> {
    if (this.#running !== undefined) await inTime(this.#opened.promise, OPEN_TIMEOUT_MS);
  }

  /** For one worker; the port is to be transferred. `undefined`: there is no disk tier. */
  link(slot: number): DiskLink | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const { port1, port2 } = new MessageChannel();
    running.thread.postMessage({ kind: 'connect', participant: slot, port: port2 } satisfies ToStore, [port2]);
    return { presence: running.presence.memory, port: port1 };
  }

  /** Resolves with the number of objects that went from disk (or were marked), when it holds. */
  async purge(removals: readonly Removal[]): Promise<number> {
    if (this.#running === undefined || removals.length === 0) return 0;
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<number>();
    const timer = setTimeout(() => resolve(0), PURGE_TIMEOUT_MS);
    this.#waiting.set(id, resolve);
    this.#send({ kind: 'purge', id, removals });
    const objects = await promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    return objects;
  }

  /** A successor serves: it may write as soon as this resolves. */
  async retire(): Promise<void> {
    if (this.#running === undefined) return;
    this.#send({ kind: 'retire' });
    await inTime(this.#retired.promise, RETIRE_TIMEOUT_MS);
  }

  /** After the workers. What they told is written. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#end();
  }

  #begin(store: StoreConfig): void {
    const folder = new DiskFolder(store.path);
    const presence = this.#makePresence(folder, store.cacheDiskBytes);
    if (presence === undefined) return;
    const { participant } = this.#options;
    const thread = startOwnThread(this.#options.sources, ENTRY, 'sluice-store');
    const running = { spec: specOf(store), thread, presence, folder, startedMs: performance.now() };
    this.#running = running;
    thread.on('message', (message: FromStore) => this.#onMessage(message));
    thread.on('error', (error: Error) => logStoreEvent(this.#options.log, { kind: 'died', problem: error.message }));
    thread.on('exit', () => this.#onExit(running));
    const start: StoreStart = { path: store.path, limitBytes: store.cacheDiskBytes, presence: presence.memory, participant };
    thread.postMessage(start);
    for (const segments of this.#memories.values()) this.#send({ kind: 'memory', ...segments });
  }

  #makePresence(folder: DiskFolder, limitBytes: number): Presence | undefined {
    try {
      folder.make();
      const keySlots = slotsFor(limitBytes);
      return createPresence({ keySlots, nameSlots: keySlots, participants: this.#options.participants, seed: folder.readSeed() });
    } catch (error) {
      logStoreEvent(this.#options.log, { kind: 'off', problem: summarizeError(error) });
      return undefined;
    }
  }

  #onMessage(message: FromStore): void {
    switch (message.kind) {
      case 'event':
        logStoreEvent(this.#options.log, message.event);
        if (message.event.kind === 'opened' || message.event.kind === 'off') this.#opened.resolve();
        return;
      case 'purged':
        this.#waiting.get(message.id)?.(message.objects);
        return;
      case 'retired':
        this.#retired.resolve();
        return;
    }
  }

  /** Asked for, or a defect: then nobody knows what it had still to remove. */
  #onExit(running: Running): void {
    for (const resolve of this.#waiting.values()) resolve(0);
    this.#opened.resolve();
    this.#recover();
    if (this.#running !== running) return;
    this.#running = undefined;
    running.presence.state = 'off';
    if (this.#isClosing) return;
    running.folder.distrust();
    setTimeout(() => this.#again(), this.#backOff.afterDeath(performance.now() - running.startedMs)).unref();
  }

  #again(): void {
    if (this.#isClosing || this.#running !== undefined || this.#store === undefined) return;
    this.#begin(this.#store);
    this.#options.onChanged();
  }

  #recover(): void {
    if (!this.#options.recover()) setTimeout(() => this.#recover(), RECOVER_MS).unref();
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#retired = Promise.withResolvers();
    await endOwnThread(running.thread, CLOSE_TIMEOUT_MS, () => running.thread.postMessage({ kind: 'close' } satisfies ToStore));
    running.presence.state = 'off';
  }

  #send(message: ToStore): void {
    this.#running?.thread.postMessage(message);
  }
}

function specOf(store: StoreConfig): string {
  return `${store.cacheDiskBytes} ${store.path}`;
}

function slotsFor(limitBytes: number): number {
  return Math.min(Math.max(2 ** Math.ceil(Math.log2(limitBytes / BYTES_A_SLOT)), MIN_SLOTS), MAX_SLOTS);
}
