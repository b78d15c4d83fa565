import type { Fill } from './fill.ts';
import type { NewObject, RecoverReport, StoreSpec, StoreStats, TablePart } from './store-types.ts';
import type { StoredObject } from './stored-object.ts';

/** Makes the memory of a store. Called once, by the coordinator. Throws when the spec is out of bounds. */
export function createObjectStore(_spec: StoreSpec): SharedArrayBuffer {
  throw new Error('not yet');
}

/** One participant's view of the shared object store. */
export class ObjectStore {
  readonly memory: SharedArrayBuffer;
  readonly self: number;
  /** No body may be longer. */
  readonly maxBodyBytes: number;

  constructor(memory: SharedArrayBuffer, self: number) {
    this.memory = memory;
    this.self = self;
    this.maxBodyBytes = 0;
  }

  /** The newest live entry whose whole key equals; -1 none. Lock-free, allocates nothing. */
  find(_key: string): number {
    throw new Error('not yet');
  }

  /** The next older live entry with the same key (a variant); -1 none. */
  next(_entry: number, _key: string): number {
    throw new Error('not yet');
  }

  /** A consistent copy of the entry's head. Undefined when it has gone meanwhile. */
  open(_entry: number): StoredObject | undefined {
    throw new Error('not yet');
  }

  /** One atomic load: the object is still live, and has not been updated. */
  isCurrent(_object: StoredObject): boolean {
    throw new Error('not yet');
  }

  /** A hit: marks it for the eviction. No lock. */
  touch(_object: StoredObject): void {
    throw new Error('not yet');
  }

  /** True: it was current, and its bytes stay where they are until as many `unpin`s. False: it has gone; do not unpin. */
  pin(_object: StoredObject): boolean {
    throw new Error('not yet');
  }

  unpin(_object: StoredObject): void {
    throw new Error('not yet');
  }

  /** Begins an object: makes room for its head and, as far as it is known, its body. Undefined: no room, too large, or the lock could not be had. */
  begin(_object: NewObject): Fill | undefined {
    throw new Error('not yet');
  }

  /**
   * New meta and numbers for the same body (a 304). `object` is current no more then; the answer is. Flags begin at 0 again,
   * the claim ends, pins hold on. Undefined when the object has gone, or there was no room or no lock.
   */
  update(_object: StoredObject, _meta: string, _numbers: Float64Array): StoredObject | undefined {
    throw new Error('not yet');
  }

  /** Gone for new readers at once; its bytes are reused when the last pin goes. False when it was not current. */
  doom(_object: StoredObject): boolean {
    throw new Error('not yet');
  }

  /** Sets bits (of 8) in the flags of a current object, for all threads. False when it is not current. No lock. */
  setFlags(_object: StoredObject, _bits: number): boolean {
    throw new Error('not yet');
  }

  /** The flags as they are now (0 when the object is not current). */
  flagsOf(_object: StoredObject): number {
    throw new Error('not yet');
  }

  /** Takes the right to revalidate the object, one on the whole host. A claim ends with release, update, doom, recover of its owner, or after a minute. */
  claim(_object: StoredObject, _nowMs: number): boolean {
    throw new Error('not yet');
  }

  /** Gives the own claim back and wakes who waits. Harmless when there is none. */
  release(_object: StoredObject): void {
    throw new Error('not yet');
  }

  /** Resolves when the claim has ended (look again then) or the time is over. Undefined: there is no claim, look again now. */
  waitClaim(_object: StoredObject, _timeoutMs: number): Promise<void> | undefined {
    throw new Error('not yet');
  }

  /** Opens each live object of a part of the table. Returns where to go on, -1 at the end. */
  forEach(_visit: (object: StoredObject) => void, _part?: TablePart): number {
    throw new Error('not yet');
  }

  /** Drops what is past its `numbers[0]`, looking at no more than `maxEntries` entries; the next call goes on from there. Returns how many it dropped. */
  sweepExpired(_nowMs: number, _maxEntries: number): number {
    throw new Error('not yet');
  }

  stats(): StoreStats {
    throw new Error('not yet');
  }

  /** Mends whatever the ended thread `dead` left: its lock, fills, pins, claims. Call it before its index is used again. */
  recover(_dead: number): RecoverReport {
    throw new Error('not yet');
  }

  /** For tests: everything that is wrong with the memory, in words; empty when all invariants hold. Takes the lock. */
  verify(): string[] {
    throw new Error('not yet');
  }
}
