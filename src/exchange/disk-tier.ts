import type { StoredObject } from '../shm/stored-object.ts';

/**
 * The cache's second tier, as a worker sees it: what fell out of memory, or was there before a restart, may still be on
 * disk. All calls are cheap and never throw; what the tier cannot do (queue full, disk slow, another process writes) it
 * leaves undone, never wrong. A route without it has `undefined` in its place.
 */
export interface DiskTier {
  /** Whether it is worth asking for `key`: one load when not. May say yes wrongly, and for a moment no. */
  mayHold(key: string): boolean;
  /**
   * Brings what the disk has under `key` into the object store. Resolves true when something came: look into the store
   * again. False after 1 s at the latest, or at once when too many are waiting. Never rejects. Calls for one key share one wait.
   */
  fetch(key: string): Promise<boolean>;
  /** `object` was published or updated (a 304): it is to be on disk too. Takes the place of what the disk has for the same variant. */
  wrote(object: StoredObject): void;
  /**
   * What memory held under `key` was doomed or marked with a flag: nothing that the disk holds under it may come back. Call
   * it after the dooming. (A fetch that is under way brings nothing any more, or dooms what it has brought.)
   */
  removed(key: string): void;
  /** `epochs.bump(name, isSoft)` was called: the same for what is on disk, so that it holds after a restart as well. Call it after the bump. */
  invalidated(name: string, isSoft: boolean): void;
}
