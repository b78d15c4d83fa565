import type { Presence } from '../../shm/presence.ts';
import { detach } from '../../base/detach.ts';
import { summarizeError } from '../faults.ts';
import { DiskDebts } from './disk-debts.ts';
import { DiskFence } from './disk-fence.ts';
import { DiskCounts } from './disk-figures.ts';
import type { DiskFolder } from './disk-folder.ts';
import { DiskHash } from './disk-hash.ts';
import { DiskLock } from './disk-lock.ts';
import type { Removal, SmallRemoval } from './disk-remover.ts';
import { troubleOf } from './disk-schema.ts';
import type { MemoryView } from './disk-view.ts';
import { DiskWriter, type Moment } from './disk-writer.ts';
import { Housekeeping, showFigures } from './housekeeping.ts';
import { type OpenDisk, openDisk } from './open-disk.ts';
import { OrphanSweep } from './orphan-sweep.ts';
import type { StoreEvent } from './store-messages.ts';
import { type QueuedWrite, WriteQueue } from './write-queue.ts';

/** After trouble with the disk it is tried again this much later. */
const RETRY_MS = 30_000;
/** When another process has what we cannot read. */
const REOPEN_MS = 1_000;
/** What a successor is kept waiting for what is still to be written. */
const MAX_RETIRE_MS = 2_000;
const RUN_FACT = 'run';

/**
 * `waiting`: another process writes; this one reads. `writing`: it is ours. `readOnly`: ours, but it cannot be written to now.
 * `retired`: a successor writes, or is about to. `off`: it cannot even be read.
 */
export type DiskMode = 'waiting' | 'writing' | 'readOnly' | 'retired' | 'off';

export type DiskStoreOptions = {
  readonly folder: DiskFolder;
  readonly limitBytes: number;
  readonly presence: Presence;
  /** The memories in use, the newest last. */
  views(): readonly MemoryView[];
  now(): Moment;
  tell(event: StoreEvent): void;
};

/**
 * The disk tier of one process: reads always, writes while it has the lock. Trouble with the disk is not thrown: it changes
 * the mode, is told, and costs what was just being written.
 *
 * Invariants
 * - What was to be removed and could not be is not read any more (its slots stay void), and `trusted` is gone from the folder,
 *   so that a process that starts before it could be made good throws everything away.
 * - An object that is not written takes what the disk had in its place along: the disk never goes back in time.
 */
export class DiskStore {
  readonly #options: DiskStoreOptions;
  readonly #lock: DiskLock;
  readonly #hash: DiskHash;
  readonly #fence: DiskFence;
  readonly #housekeeping = new Housekeeping();
  readonly #counts = new DiskCounts();
  readonly #queue = new WriteQueue();
  /** Removals that a process which still writes may undo: made again when it has ended. */
  readonly #debts = new DiskDebts();
  #disk: OpenDisk | undefined;
  #writer: DiskWriter | undefined;
  #sweep: OrphanSweep | undefined;
  #mode: DiskMode = 'off';
  #retryAtMs = Number.POSITIVE_INFINITY;
  #problem = '';

  constructor(options: DiskStoreOptions) {
    this.#options = options;
    this.#lock = new DiskLock(options.folder.lock);
    this.#hash = new DiskHash(options.presence.seed);
    this.#fence = new DiskFence(options.folder, options.presence, this.#hash);
  }

  get mode(): DiskMode {
    return this.#mode;
  }

  slotOf(key: string): number {
    return this.#options.presence.keys.slotOf(this.#hash.of(key));
  }

  /** Whether `pump` has something to do now. */
  get hasWork(): boolean {
    return this.#mode === 'writing' && (this.#sweep !== undefined || this.#queue.length > 0);
  }

  /** At the beginning, and again while it is off. */
  open(): void {
    this.#retryAtMs = Number.POSITIVE_INFINITY;
    const startedMs = performance.now();
    try {
      const isOurs = this.#lock.tryTake();
      const opened = openDisk({ ...this.#options, hash: this.#hash, counts: this.#counts }, isOurs);
      if (opened.kind === 'unusable') this.#turnOff(opened.why, REOPEN_MS);
      else this.#begin(opened.disk, isOurs);
      if (opened.kind === 'unusable') return;
      if (opened.wiped !== '') this.#options.tell({ kind: 'wiped', why: opened.wiped });
      const { objects } = opened.disk.shelf;
      const bytes = opened.disk.space.usedBytes();
      const tookMs = Math.round(performance.now() - startedMs);
      this.#options.tell({ kind: 'opened', mode: isOurs ? 'writing' : 'waiting', objects, bytes, tookMs });
    } catch (error) {
      this.#turnOff(summarizeError(error), RETRY_MS);
    }
  }

  /** True: something under the key has come into memory. */
  fetch(view: MemoryView, key: string): boolean {
    // It would be older than what memory had a moment ago.
    if (this.#queue.has(key)) return false;
    const moment = { ...this.#options.now(), run: this.#writer?.run ?? -1 };
    return this.#try(({ reader }) => reader.fetch(view, key, moment)) ?? false;
  }

  remove(removals: readonly SmallRemoval[]): void {
    if (removals.length === 0 || this.#mode === 'off') return;
    if (this.#try(({ remover }) => remover.removeNow(removals)) === undefined) this.#fence.put(removals);
    if (this.#mode === 'waiting') this.#debts.add(removals);
  }

  /** Resolves with the number of rows when it holds on disk; 0 as well when it must be made good later. */
  async purge(removal: Removal): Promise<number> {
    const disk = this.#disk;
    if (disk === undefined) return 0;
    if (this.#mode === 'waiting') this.#debts.add([removal]);
    try {
      const removed = await disk.remover.remove(removal);
      if (removal.kind === 'all' && !removal.isSoft) this.#beginSweep(disk);
      return removed;
    } catch (error) {
      // Opened anew it is empty.
      this.#turnOff(summarizeError(error), RETRY_MS);
      return 0;
    }
  }

  enqueue(write: QueuedWrite): void {
    this.#queue.push(write);
    if (this.#mode !== 'writing' && this.#mode !== 'waiting') this.#dropQueue();
  }

  /** A step of what there is to write; some milliseconds. */
  pump(): void {
    const { hasWork } = this;
    if (!hasWork) return;
    this.#try((disk) => {
      if (this.#sweep === undefined) this.#writeSome();
      else if (!this.#sweep.step()) this.#sweep = undefined;
      return disk;
    });
  }

  /** Some times a second. */
  tick(): void {
    const nowMs = performance.now();
    if (this.#mode === 'waiting') this.#try((disk) => this.#lock.tryTake() && this.#takeOver(disk));
    if (nowMs >= this.#retryAtMs) this.#retry();
    if (this.#mode !== 'readOnly' && this.#options.presence.takeVoided()) this.#try(({ remover }) => this.#fence.mend(remover));
    if (this.#mode === 'writing') this.#try((disk) => this.#housekeeping.run(disk, nowMs));
    this.#showFigures();
  }

  /** Gives the right to write away, after what there still is to write. */
  retire(): void {
    const endMs = performance.now() + MAX_RETIRE_MS;
    while (this.hasWork && this.#sweep === undefined && performance.now() < endMs) this.pump();
    if (this.#mode === 'off' || this.#mode === 'retired') return;
    this.#mode = 'retired';
    this.#options.presence.state = 'shared';
    this.#dropQueue();
    this.#lock.release();
  }

  close(): void {
    this.retire();
    this.#closeDisk();
    this.#lock.release();
    this.#retryAtMs = Number.POSITIVE_INFINITY;
  }

  #begin(disk: OpenDisk, isOurs: boolean): void {
    this.#problem = '';
    this.#disk = disk;
    if (isOurs) this.#takeOver(disk);
    else this.#wait(disk);
    this.#showFigures();
  }

  #showFigures(): void {
    const isWriting = this.#mode === 'writing' ? 1 : 0;
    showFigures(this.#options.presence, this.#disk, { limitBytes: this.#options.limitBytes, isWriting, counts: this.#counts });
  }

  #wait({ shelf }: OpenDisk): void {
    shelf.recount();
    this.#mode = 'waiting';
    this.#options.presence.state = 'shared';
  }

  /** The lock is ours. */
  #takeOver(disk: OpenDisk): true {
    const { shelf } = disk;
    const run = (shelf.index.fact(RUN_FACT) ?? 0) + 1;
    shelf.index.setFact(RUN_FACT, run);
    shelf.recount();
    this.#writer = new DiskWriter(disk, run);
    const wasWaiting = this.#mode === 'waiting';
    this.#mode = 'writing';
    for (const removal of this.#debts.take()) detach(this.purge(removal), 'purge', () => undefined);
    this.#options.presence.state = 'exact';
    this.#beginSweep(disk);
    if (wasWaiting) this.#options.tell({ kind: 'tookOver' });
    return true;
  }

  #beginSweep({ shelf }: OpenDisk): void {
    const writer = this.#writer;
    if (writer !== undefined) this.#sweep = new OrphanSweep(shelf, (id) => writer.isOwnId(id));
  }

  #writeSome(): void {
    const batch = this.#queue.take();
    if (batch === undefined) return;
    const { view, objects, taken } = batch;
    for (const { participant } of taken) this.#options.presence.dequeue(participant);
    const written = new Set(objects.map(({ entry }) => entry));
    try {
      this.#forget(taken.filter(({ entry }) => !written.has(entry)));
      if (view !== undefined) this.#writer?.write(view, objects, this.#options.now());
    } catch (error) {
      this.#onTrouble(error);
      this.#forget(taken);
    }
  }

  /** They are not written, so what the disk has under their keys is behind. */
  #forget(writes: readonly QueuedWrite[]): void {
    this.remove(writes.map(({ key }) => ({ kind: 'outdated', key })));
  }

  #dropQueue(): void {
    for (let batch = this.#queue.take(); batch !== undefined; batch = this.#queue.take()) {
      for (const { participant } of batch.taken) this.#options.presence.dequeue(participant);
      this.#forget(batch.taken);
    }
  }

  #retry(): void {
    if (this.#mode === 'off') {
      this.open();
      return;
    }
    this.#retryAtMs = performance.now() + RETRY_MS;
    this.#try(({ shelf, remover }) => {
      this.#fence.mend(remover);
      shelf.index.setFact(RUN_FACT, this.#writer?.run ?? 0);
      this.#mode = 'writing';
      this.#retryAtMs = Number.POSITIVE_INFINITY;
      this.#options.tell({ kind: 'writable' });
    });
  }

  /** `undefined`: there was trouble, or there is no disk. */
  #try<T>(work: (disk: OpenDisk) => T): T | undefined {
    const disk = this.#disk;
    if (disk === undefined) return undefined;
    try {
      return work(disk);
    } catch (error) {
      this.#onTrouble(error);
      return undefined;
    }
  }

  #onTrouble(error: unknown): void {
    this.#counts.failures += 1;
    const problem = summarizeError(error);
    if (troubleOf(error) === 'corrupt') this.#turnOff(problem, 0);
    else if (this.#mode === 'writing') {
      this.#mode = 'readOnly';
      this.#retryAtMs = performance.now() + RETRY_MS;
      this.#options.tell({ kind: 'readOnly', problem });
      this.#dropQueue();
    }
  }

  #turnOff(problem: string, retryInMs: number): void {
    // What is removed while it is off would be missing in it.
    if (this.#disk !== undefined) this.#fence.distrust();
    if (this.#mode !== 'retired') this.#retryAtMs = performance.now() + retryInMs;
    this.#closeDisk();
    if (problem !== this.#problem) this.#options.tell({ kind: 'off', problem });
    this.#problem = problem;
  }

  #closeDisk(): void {
    this.#options.presence.state = 'off';
    this.#mode = 'off';
    this.#dropQueue();
    this.#sweep = undefined;
    const disk = this.#disk;
    this.#disk = undefined;
    try {
      disk?.shelf.index.close();
    } catch {
      this.#counts.failures += 1;
    }
  }
}
