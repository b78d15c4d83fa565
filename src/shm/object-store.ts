import { floatAt } from '../base/elements.ts';
import type { Numbers } from '../base/numbers.ts';
import { assert } from '../base/assert.ts';
import { Arena } from './arena.ts';
import { beginFill } from './begin-fill.ts';
import { readHead } from './blocks.ts';
import { headCell, STATE, stateOf } from './entry-table.ts';
import { MAX_MARKS } from './eviction-queues.ts';
import type { Fill } from './fill.ts';
import { type FillingObject, openFilling } from './filling-object.ts';
import { settleReads } from './ordering.ts';
import { StoreCore } from './store-core.ts';
import { CONTROL, createStoreMemory, GRANULE_BYTES, RECORD, StoreMemory, TOTALS } from './store-layout.ts';
import { recoverStore } from './store-repair.ts';
import type { NewObject, RecoverReport, StoreSpec, StoreStats, TablePart } from './store-types.ts';
import { verifyStore } from './store-verify.ts';
import { StoredObject } from './stored-object.ts';
import { updateObject } from './update-object.ts';

/** One object may take up to this share of the arena. */
const MAX_OBJECT_SHARE = 0.25;
/** A sweep frees so many in one hold of the lock. */
const SWEEP_BATCH = 256;
const FLAG_BITS = 0xff;

/** Makes the memory of a store. Called once, by the coordinator. Throws when the spec is out of bounds. */
export function createObjectStore(spec: StoreSpec): SharedArrayBuffer {
  const store = createStoreMemory(spec);
  new Arena(store).rebuild(new Float64Array(0));
  return store.memory;
}

/**
 * One participant's view of the shared object store. What is where, who writes it and what a dead thread leaves behind:
 * README.md of this folder, `RECORD` in store-layout.ts, and the head of each part's file.
 */
export class ObjectStore {
  readonly memory: SharedArrayBuffer;
  readonly self: number;
  /** No body may be longer. */
  readonly maxBodyBytes: number;
  readonly #core: StoreCore;
  readonly #records: Int32Array;
  /** The key whose hash `core.hash` holds. */
  #hashedKey: string | undefined = undefined;
  #sweepFrom = 0;

  constructor(memory: SharedArrayBuffer, self: number) {
    const views = new StoreMemory(memory);
    assert(self >= 0 && self < views.participants, `participant ${self} is one of ${views.participants}`);
    this.memory = memory;
    this.self = self;
    this.maxBodyBytes = Math.min(Math.floor(views.granules * GRANULE_BYTES * MAX_OBJECT_SHARE), 2 ** 31 - 1);
    this.#core = new StoreCore(views, self);
    this.#records = views.records;
  }

  /** The newest live entry whose whole key equals; -1 none. Lock-free, allocates nothing. */
  find(key: string): number {
    this.#hash(key);
    return this.#core.index.first(this.#core.hash, key.length);
  }

  /** The next older live entry with the same key (a variant); -1 none. */
  next(entry: number, key: string): number {
    this.#hash(key);
    return this.#core.index.after(entry, this.#core.hash, key.length);
  }

  /**
   * A consistent copy of the entry's head. Undefined when it has gone meanwhile, or has become another key's: since `find` the
   * entry may have been dropped and filled again. (Without `key`, as scans do it, whatever is there.)
   */
  open(entry: number, key?: string): StoredObject | undefined {
    const { table, memory } = this.#core;
    // What `find` says when there is nothing.
    if (entry < 0) return undefined;
    const word = table.word(entry);
    if (stateOf(word) !== STATE.LIVE) return undefined;
    const head = readHead(memory, table.get(entry, RECORD.FIRST), table.get(entry, headCell(word)));
    const bodyLength = table.get(entry, RECORD.BODY_LENGTH);
    settleReads();
    if (head === undefined || table.word(entry) !== word) return undefined;
    if (key !== undefined && head.key !== key) return undefined;
    return new StoredObject(this.#core, { entry, word, bodyLength }, head);
  }

  /** One atomic load: the object is still live, and has not been updated. */
  isCurrent(object: StoredObject): boolean {
    return this.#core.table.word(object.entry) === object.word;
  }

  /** A hit: marks it for the eviction. No lock. */
  touch(object: StoredObject): void {
    const cell = this.#core.table.cellAt(object.entry, RECORD.MARKS);
    const marks = Atomics.load(this.#records, cell);
    if (marks < MAX_MARKS) Atomics.store(this.#records, cell, marks + 1);
  }

  /** True: it was current, and its bytes stay where they are until as many `unpin`s. False: it has gone; do not unpin. */
  pin(object: StoredObject): boolean {
    return this.#core.pins.pin(object.entry, object.word);
  }

  unpin(object: StoredObject): void {
    this.#core.pins.unpin(object.entry);
  }

  /** Begins an object: makes room for its head and, as far as it is known, its body. Undefined: no room, too large, or the lock could not be had. */
  begin(object: NewObject): Fill | undefined {
    this.#hash(object.key);
    return beginFill(this.#core, object, this.maxBodyBytes);
  }

  /**
   * An object that another participant (or this one) is filling, by the fill's entry and generation: pinned once, so end with its
   * `unpin`. It may have become whole meanwhile. Undefined: it has gone, been updated, or is of another key.
   */
  openFilling(entry: number, generation: number, key: string): FillingObject | undefined {
    return openFilling(this.#core, { entry, generation, key });
  }

  /**
   * New meta and numbers for the same body (a 304). `object` is current no more then; the answer is. Flags begin at 0 again,
   * the claim ends, pins hold on. Undefined when the object has gone, or there was no room or no lock.
   */
  update(object: StoredObject, meta: string, numbers: Numbers): StoredObject | undefined {
    return updateObject(this.#core, object, { key: object.key, meta, numbers });
  }

  /** Gone for new readers at once; its bytes are reused when the last pin goes. False when it was not current. */
  doom(object: StoredObject): boolean {
    if (!this.#core.doom(object.entry, object.word)) return false;
    this.#core.letGo(object.entry);
    return true;
  }

  /** Sets bits (of 8) in the flags of a current object, for all threads. False when it is not current. No lock. */
  setFlags(object: StoredObject, bits: number): boolean {
    const cell = this.#core.table.cellAt(object.entry, RECORD.FLAGS);
    for (;;) {
      const flags = Atomics.load(this.#records, cell);
      // The word names its generation, so that flags never land on another object.
      if (((flags ^ (object.generation << 8)) & ~FLAG_BITS) !== 0 || !this.isCurrent(object)) return false;
      if (Atomics.compareExchange(this.#records, cell, flags, flags | (bits & FLAG_BITS)) === flags) return true;
    }
  }

  /** The flags as they are now (0 when the object is not current). */
  flagsOf(object: StoredObject): number {
    const flags = Atomics.load(this.#records, this.#core.table.cellAt(object.entry, RECORD.FLAGS));
    return ((flags ^ (object.generation << 8)) & ~FLAG_BITS) === 0 ? flags & FLAG_BITS : 0;
  }

  /** Takes the right to revalidate the object, one on the whole host. A claim ends with release, update, doom, recover of its owner, or after a minute. */
  claim(object: StoredObject, nowMs: number): boolean {
    return this.#core.claims.take(object.entry, object.word, nowMs);
  }

  /** Gives the own claim back and wakes who waits. Harmless when there is none. */
  release(object: StoredObject): void {
    this.#core.claims.release(object.entry, object.word);
  }

  /** Resolves when the claim has ended (look again then) or the time is over. Undefined: there is no claim, look again now. */
  waitClaim(object: StoredObject, timeoutMs: number): Promise<void> | undefined {
    if (!this.isCurrent(object)) return undefined;
    return this.#core.claims.wait(object.entry, timeoutMs);
  }

  /** Opens each live object of a part of the table. Returns where to go on, -1 at the end. */
  forEach(visit: (object: StoredObject) => void, part: TablePart = { from: 0, maxEntries: Number.POSITIVE_INFINITY }): number {
    const used = this.#core.usedEntries;
    const end = Math.min(part.from + part.maxEntries, used);
    for (let entry = part.from; entry < end; entry += 1) {
      const object = this.open(entry);
      if (object !== undefined) visit(object);
    }
    return end >= used ? -1 : end;
  }

  /**
   * Drops what is past its `numbers[0]`, looking at no more than `maxEntries` entries; the next call goes on from there. Returns
   * how many it dropped. Only one participant calls it (the coordinator); its time is also what evictions go by.
   */
  sweepExpired(nowMs: number, maxEntries: number): number {
    const { table, memory, released } = this.#core;
    memory.totals[TOTALS.HOST_MS] = nowMs;
    const used = this.#core.usedEntries;
    let dropped = 0;
    for (let looked = Math.min(maxEntries, used); looked > 0; looked -= 1) {
      if (this.#sweepFrom >= used) this.#sweepFrom = 0;
      const entry = this.#sweepFrom;
      this.#sweepFrom += 1;
      const word = table.word(entry);
      if (stateOf(word) !== STATE.LIVE || !table.isUseless(entry, nowMs) || !this.#core.doom(entry, word)) continue;
      released.add(entry);
      dropped += 1;
      if (dropped % SWEEP_BATCH === 0) this.#tidyReleased();
    }
    this.#tidyReleased();
    return dropped;
  }

  /** Without the lock, so the figures are of almost one moment. */
  stats(): StoreStats {
    const { memory, arena } = this.#core;
    const { totals, control } = memory;
    return {
      objects: floatAt(totals, TOTALS.OBJECTS),
      maxObjects: memory.maxEntries,
      payloadBytes: floatAt(totals, TOTALS.PAYLOAD),
      arenaBytes: memory.granules * GRANULE_BYTES,
      freeBytes: arena.freeGranules * GRANULE_BYTES,
      largestFreeBytes: Math.min(arena.largestFree(), arena.freeGranules) * GRANULE_BYTES,
      fillingBytes: floatAt(totals, TOTALS.FILLING_GRANULES) * GRANULE_BYTES,
      evictions: floatAt(totals, TOTALS.EVICTIONS),
      dooms: Atomics.load(control, CONTROL.DOOMS) >>> 0,
      fills: floatAt(totals, TOTALS.FILLS),
      failedFills: this.#core.allFailures(),
      lockTimeouts: Atomics.load(control, CONTROL.LOCK_TIMEOUTS) >>> 0,
      recoveries: floatAt(totals, TOTALS.RECOVERIES),
    };
  }

  /** Mends whatever the ended thread `dead` left: its lock, fills, pins, claims. Call it before its index is used again. */
  recover(dead: number): RecoverReport {
    return recoverStore(this.#core, dead);
  }

  /** For tests: everything that is wrong with the memory, in words; empty when all invariants hold. Takes the lock. */
  verify(): string[] {
    return verifyStore(this.#core);
  }

  #hash(key: string): void {
    if (key === this.#hashedKey) return;
    this.#core.hash.hash(key);
    this.#hashedKey = key;
  }

  #tidyReleased(): void {
    if (!this.#core.released.isEmpty && this.#core.enter()) this.#core.leave();
  }
}
