import type { MessagePort } from 'node:worker_threads';
import type { DiskTier } from '../../exchange/disk-tier.ts';
import type { PresenceCells } from '../../shm/presence-cells.ts';
import { Presence } from '../../shm/presence.ts';
import type { StoredObject } from '../../shm/stored-object.ts';
import { DiskHash } from './disk-hash.ts';
import type { FetchAnswer, WorkerBatch, WorkerFetch, WorkerWrite } from './store-messages.ts';

/** What one worker may have on its way to the store thread. */
const MAX_QUEUED = 4096;
/** Requests of one worker that may wait for the disk at the same time. */
const MAX_FETCHES = 256;
const FETCH_TIMEOUT_MS = 1_000;

type Waiting = { readonly key: string; readonly resolve: (hasCome: boolean) => void; readonly timer: NodeJS.Timeout };

/** What the coordinator gives a worker for it. */
export type DiskLink = { readonly presence: SharedArrayBuffer; readonly port: MessagePort };

/**
 * One worker's end of the line to a store thread, for as long as that thread lives. What the worker tells in one turn of its
 * loop leaves in one message.
 */
export class DiskLine implements DiskTier {
  readonly #presence: Presence;
  readonly #hash: DiskHash;
  readonly #port: MessagePort;
  readonly #participant: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #promises = new Map<string, Promise<boolean>>();
  #lastId = 0;
  #memory: number;
  #keys: string[] = [];
  #names: string[] = [];
  #softNames: string[] = [];
  #writes: WorkerWrite[] = [];
  #fetches: WorkerFetch[] = [];
  #isFlushDue = false;
  /** An answer is overdue, and has not come yet: nobody else is made to wait. */
  #isSlow = false;
  readonly #onTurn = (): void => this.flush();

  /** `memory`: number of the object store that is meant. */
  constructor({ presence, port }: DiskLink, participant: number, memory: number) {
    this.#memory = memory;
    this.#presence = new Presence(presence);
    this.#hash = new DiskHash(this.#presence.seed);
    this.#port = port;
    this.#participant = participant;
    port.on('message', (answers: readonly FetchAnswer[]) => this.#onAnswers(answers));
    port.on('close', () => this.#onClosed());
    port.unref();
  }

  /** Another object store is meant from now on. */
  useMemory(id: number): void {
    if (id !== this.#memory) this.flush();
    this.#memory = id;
  }

  mayHold(key: string): boolean {
    const { state } = this.#presence;
    if (state === 'off' || this.#isSlow) return false;
    if (state === 'loading') return true;
    const { keys } = this.#presence;
    return keys.isReadable(keys.slotOf(this.#hash.of(key)));
  }

  fetch(key: string): Promise<boolean> {
    const known = this.#promises.get(key);
    if (known !== undefined) return known;
    if (this.#waiting.size >= MAX_FETCHES || this.#isSlow || this.#presence.state === 'off') return Promise.resolve(false);
    this.#lastId += 1;
    const id = this.#lastId;
    const promise = new Promise<boolean>((resolve) => {
      this.#waiting.set(id, { key, resolve, timer: setTimeout(() => this.#onLate(id), FETCH_TIMEOUT_MS) });
    });
    this.#promises.set(key, promise);
    this.#fetches.push({ id, key });
    // Somebody waits for it.
    this.flush();
    return promise;
  }

  wrote({ key, entry, generation }: StoredObject): void {
    if (this.#presence.state === 'off') return;
    if (this.#presence.enqueue(this.#participant, MAX_QUEUED)) {
      this.#writes.push({ key, entry, generation });
      this.#flushSoon();
      return;
    }
    this.#presence.countDropped();
    this.removed(key);
  }

  removed(key: string): void {
    if (!this.#mayBeThere(this.#presence.keys, key)) return;
    const { keys } = this.#presence;
    const slot = keys.slotOf(this.#hash.of(key));
    if (!this.#presence.enqueue(this.#participant, MAX_QUEUED)) this.#void(keys, slot);
    else if (keys.block(slot)) {
      this.#keys.push(key);
      this.#flushSoon();
    } else {
      this.#presence.dequeue(this.#participant);
      this.#void(keys, slot);
    }
  }

  invalidated(name: string, isSoft: boolean): void {
    const { names } = this.#presence;
    if (!this.#mayBeThere(names, name)) return;
    if (this.#presence.enqueue(this.#participant, MAX_QUEUED)) {
      (isSoft ? this.#softNames : this.#names).push(name);
      this.#flushSoon();
    } else this.#void(names, names.slotOf(this.#hash.of(name)));
  }

  /** Sends what there is. */
  flush(): void {
    this.#isFlushDue = false;
    const count = this.#keys.length + this.#names.length + this.#softNames.length + this.#writes.length + this.#fetches.length;
    if (count === 0) return;
    const batch: WorkerBatch = {
      memory: this.#memory,
      keys: this.#keys,
      names: this.#names,
      softNames: this.#softNames,
      writes: this.#writes,
      fetches: this.#fetches,
    };
    this.#port.postMessage(batch);
    this.#keys = [];
    this.#names = [];
    this.#softNames = [];
    this.#writes = [];
    this.#fetches = [];
  }

  close(): void {
    this.flush();
    this.#port.close();
  }

  /** Where nobody else writes, what is not held need not be removed. */
  #mayBeThere(cells: PresenceCells, text: string): boolean {
    const { state } = this.#presence;
    return state !== 'off' && (state !== 'exact' || cells.isHeld(cells.slotOf(this.#hash.of(text))));
  }

  #void(cells: PresenceCells, slot: number): void {
    cells.voidSlot(slot);
    this.#presence.tellVoided();
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(this.#onTurn);
  }

  #onAnswers(answers: readonly FetchAnswer[]): void {
    this.#isSlow = false;
    for (const { id, hasCome } of answers) this.#settle(id, hasCome);
  }

  #onLate(id: number): void {
    this.#isSlow = true;
    this.#settle(id, false);
  }

  #onClosed(): void {
    for (const id of this.#waiting.keys()) this.#settle(id, false);
  }

  #settle(id: number, hasCome: boolean): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    this.#promises.delete(waiting.key);
    waiting.resolve(hasCome);
  }
}
