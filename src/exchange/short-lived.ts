import type { ObjectStore } from '../shm/object-store.ts';
import type { StoredObject } from '../shm/stored-object.ts';

/** Who waited for an answer comes for it at once, or as soon as its thread has time. */
const LIFE_MS = 2000;

/**
 * Answers that are in shared memory for those who waited and for nobody else. They go with the next ones; of a route that falls still
 * the last ones go as whatever is useless does.
 */
export class ShortLived {
  private readonly store: ObjectStore;
  private objects: { readonly object: StoredObject; readonly untilMs: number }[] = [];
  private first = 0;

  constructor(store: ObjectStore) {
    this.store = store;
  }

  /** `nowMs`: any monotonic clock. */
  add(object: StoredObject, nowMs: number): void {
    this.objects.push({ object, untilMs: nowMs + LIFE_MS });
    for (let oldest = this.objects[this.first]; oldest !== undefined && oldest.untilMs <= nowMs; oldest = this.objects[this.first]) {
      this.first++;
      this.store.doom(oldest.object);
    }
    if (this.first * 2 <= this.objects.length) return;
    this.objects = this.objects.slice(this.first);
    this.first = 0;
  }
}
