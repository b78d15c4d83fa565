import type { ObjectStore } from '../../shm/object-store.ts';
import type { StoredObject } from '../../shm/stored-object.ts';
import type { MemoryView } from './disk-view.ts';

/** One object to be written: where it is in memory, and who has told of it. */
export type QueuedWrite = {
  /** `undefined`: of a memory that is no longer used. */
  readonly view: MemoryView | undefined;
  readonly key: string;
  readonly entry: number;
  readonly generation: number;
  readonly participant: number;
};

const MAX_OBJECTS = 64;
const MAX_BYTES = 1024 * 1024;

/** Objects of one memory, for one transaction. */
export type WriteBatch = {
  readonly view: MemoryView | undefined;
  readonly objects: readonly StoredObject[];
  readonly taken: readonly QueuedWrite[];
};

/** What is still to be written, in order. Its length is bounded by what each participant may have under way (see `Presence`). */
export class WriteQueue {
  #waiting: QueuedWrite[] = [];
  readonly #keys = new Map<string, number>();

  get length(): number {
    return this.#waiting.length;
  }

  /** What the disk has under the key is about to be replaced. */
  has(key: string): boolean {
    return this.#keys.has(key);
  }

  push(write: QueuedWrite): void {
    this.#waiting.push(write);
    this.#keys.set(write.key, (this.#keys.get(write.key) ?? 0) + 1);
  }

  /** So much of the beginning as makes a short transaction: at least one, of one memory. Those that have gone are only in `taken`. */
  take(): WriteBatch | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const objects: StoredObject[] = [];
    let bytes = 0;
    let count = 0;
    for (const write of this.#waiting) {
      if (write.view !== first.view || count >= MAX_OBJECTS || bytes >= MAX_BYTES) break;
      count += 1;
      const object = write.view === undefined ? undefined : openCurrent(write.view.store, write);
      if (object === undefined) continue;
      objects.push(object);
      bytes += object.bodyLength;
    }
    const taken = this.#waiting.splice(0, count);
    for (const { key } of taken) this.#leave(key);
    return { view: first.view, objects, taken };
  }

  #leave(key: string): void {
    const count = this.#keys.get(key) ?? 0;
    if (count > 1) this.#keys.set(key, count - 1);
    else this.#keys.delete(key);
  }
}

/** `undefined`: another object is in its place, or none. */
function openCurrent(store: ObjectStore, { entry, generation }: QueuedWrite): StoredObject | undefined {
  const object = store.open(entry);
  return object?.generation === generation ? object : undefined;
}
