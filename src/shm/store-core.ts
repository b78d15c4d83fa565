import { floatAt, wordAt } from '../base/elements.ts';
import { Arena } from './arena.ts';
import { ChangeWatch } from './change-watch.ts';
import { Claims } from './claims.ts';
import { EntryIndex } from './entry-index.ts';
import { EntryTable, nextGeneration, STATE, stateOf, withState } from './entry-table.ts';
import { EvictionQueues, QUEUE } from './eviction-queues.ts';
import { KeyedHash } from './keyed-hash.ts';
import { type LockOutcome, OwnerLock } from './owner-lock.ts';
import { Pins } from './pins.ts';
import { ReleasedSet } from './released-set.ts';
import { CONTROL, RECORD, type StoreMemory, TOTALS } from './store-layout.ts';
import { rebuild } from './store-repair.ts';
import type { FillFailure } from './store-types.ts';

/** So many victims may go in the search for one contiguous block. */
const MAX_SEARCH = 256;

/** Running fills may hold this share of the arena: nothing of theirs can be dropped, and many slow ones must not push out everything else. */
const MAX_FILLING_SHARE = 0.5;

const FAILURES: readonly FillFailure[] = ['tooLarge', 'noRoom', 'lockTimeout', 'aborted'];

/**
 * The parts of the store, and what is done with them under its lock. Methods say whether they need the lock held; none of
 * them takes it but `enter`.
 *
 * An exception between `enter` and `leave` leaves the lock with this participant; its next `enter` notices and repairs. So
 * there is no `try` here.
 */
export class StoreCore {
  readonly memory: StoreMemory;
  readonly self: number;
  readonly hash: KeyedHash;
  readonly lock: OwnerLock;
  readonly table: EntryTable;
  readonly index: EntryIndex;
  readonly queues: EvictionQueues;
  readonly arena: Arena;
  readonly released: ReleasedSet;
  readonly claims: Claims;
  readonly pins: Pins;
  /** This thread's waiters for cells of records. */
  readonly watch: ChangeWatch;
  readonly #tidy: (entry: number) => void;
  readonly #give: (block: number, granules: number) => void;

  constructor(memory: StoreMemory, self: number) {
    this.memory = memory;
    this.self = self;
    this.hash = new KeyedHash(memory.seed);
    this.lock = new OwnerLock(memory.control, CONTROL.LOCK, self);
    this.table = new EntryTable(memory);
    this.index = new EntryIndex(memory, this.table);
    this.queues = new EvictionQueues(memory, this.table);
    this.arena = new Arena(memory);
    this.released = new ReleasedSet(memory);
    this.claims = new Claims(this.table, self);
    this.pins = new Pins(this.table, this.released, self, memory.maxEntries);
    this.watch = new ChangeWatch(memory.records);
    this.#tidy = (entry) => this.tidy(entry);
    this.#give = (block, granules) => this.arena.give(block, granules);
  }

  /** Takes the lock and first does what others have left to whoever has it. False: it could not be had in time (counted). */
  enter(): boolean {
    const hasEntered = this.#entered(this.lock.acquire());
    if (!hasEntered) Atomics.add(this.memory.control, CONTROL.LOCK_TIMEOUTS, 1);
    return hasEntered;
  }

  /** The same without any waiting, and not counted. */
  tryEnter(): boolean {
    return this.#entered(this.lock.tryAcquire());
  }

  leave(): void {
    this.lock.release();
  }

  #entered(outcome: LockOutcome): boolean {
    if (outcome === 'timeout') return false;
    if (outcome === 'inherited') rebuild(this);
    if (!this.released.isEmpty) this.released.drain(this.#tidy);
    return true;
  }

  /** Locked. Unlinks a doomed entry, and frees it if no pin is left; the last to unpin puts it into the released set. */
  tidy(entry: number): void {
    const word = this.table.word(entry);
    if (stateOf(word) !== STATE.DOOMED) return;
    this.unlink(entry);
    if (!this.table.hasPins(entry)) this.free(entry, word);
  }

  /** Locked. Takes an entry out of index and queue, if it is there. */
  unlink(entry: number): void {
    if (this.table.get(entry, RECORD.QUEUE) === QUEUE.NONE) return;
    this.index.remove(entry);
    this.queues.remove(entry);
    this.addTotal(TOTALS.OBJECTS, -1);
    this.addTotal(TOTALS.PAYLOAD, -this.payloadOf(entry));
  }

  /** Locked. Makes an unlinked entry with the state word `word` free, and all its blocks. */
  free(entry: number, word: number): void {
    this.table.setWord(entry, nextGeneration(word, STATE.FREE));
    this.claims.clear(entry);
    this.endFilling(entry);
    this.table.forEachBlock(entry, word, this.#give);
    this.listFree(entry);
  }

  /** Locked. */
  listFree(entry: number): void {
    this.table.set(entry, RECORD.OLDER, wordAt(this.memory.control, CONTROL.FREE_ENTRY));
    this.memory.control[CONTROL.FREE_ENTRY] = entry + 1;
  }

  /** Locked. A free entry, dropping others for it if need be; -1 when there is none to be had. */
  takeEntry(): number {
    const { control } = this.memory;
    // Each round but the last drops one object.
    for (;;) {
      const free = wordAt(control, CONTROL.FREE_ENTRY) - 1;
      if (free !== -1) {
        control[CONTROL.FREE_ENTRY] = this.table.get(free, RECORD.OLDER);
        return free;
      }
      const unused = wordAt(control, CONTROL.USED_ENTRIES);
      if (unused < this.memory.maxEntries) {
        Atomics.store(control, CONTROL.USED_ENTRIES, unused + 1);
        return unused;
      }
      if (!this.evict()) return -1;
    }
  }

  /** Locked. Makes sure that so much is free, in whatever pieces. */
  reserve(granules: number): boolean {
    while (this.arena.freeGranules < granules) if (!this.evict()) return false;
    return true;
  }

  /** Locked. One block of exactly this size; -1 when it cannot be had. */
  takeBlock(granules: number): number {
    if (!this.reserve(granules)) return -1;
    for (let tries = 0; tries < MAX_SEARCH; tries += 1) {
      const block = this.arena.take(granules);
      if (block !== -1 || !this.evict()) return block;
    }
    return -1;
  }

  /** Locked. Whether a running fill may have so much more. */
  mayFill(granules: number): boolean {
    return floatAt(this.memory.totals, TOTALS.FILLING_GRANULES) + granules <= this.memory.granules * MAX_FILLING_SHARE;
  }

  /** Locked. So many more granules belong to a running fill. */
  addFilling(entry: number, granules: number): void {
    this.table.set(entry, RECORD.GRANULES, this.table.get(entry, RECORD.GRANULES) + granules);
    this.table.set(entry, RECORD.FILLING, this.table.get(entry, RECORD.FILLING) + granules);
    this.addTotal(TOTALS.FILLING_GRANULES, granules);
  }

  /** Locked. It is a running fill no more. */
  endFilling(entry: number): void {
    this.addTotal(TOTALS.FILLING_GRANULES, -this.table.get(entry, RECORD.FILLING));
    this.table.set(entry, RECORD.FILLING, 0);
  }

  /** Locked. Drops one object to make room. False when nothing may go. */
  evict(): boolean {
    const hostMs = floatAt(this.memory.totals, TOTALS.HOST_MS);
    const entry = this.queues.victim(hostMs);
    if (entry === -1) return false;
    const word = this.table.word(entry);
    // It may have been doomed meanwhile, by somebody without the lock; then it only has to be tidied.
    if (stateOf(word) === STATE.LIVE && this.table.swapWord(entry, word, withState(word, STATE.DOOMED))) {
      this.queues.leaveGhost(entry, hostMs);
      this.addTotal(TOTALS.EVICTIONS, 1);
      this.claims.clear(entry);
    }
    this.tidy(entry);
    return true;
  }

  /** Without the lock: from live in exactly this state word to doomed. What is left is to tidy it. */
  doom(entry: number, word: number): boolean {
    if (stateOf(word) !== STATE.LIVE || !this.table.swapWord(entry, word, withState(word, STATE.DOOMED))) return false;
    this.claims.clear(entry);
    Atomics.add(this.memory.control, CONTROL.DOOMS, 1);
    return true;
  }

  /** Without the lock: hands a doomed entry to whoever has the lock next, which is this participant if it is free now. */
  letGo(entry: number): void {
    this.released.add(entry);
    if (this.tryEnter()) this.leave();
  }

  /** Entries that have ever been used are those below this. */
  get usedEntries(): number {
    return Atomics.load(this.memory.control, CONTROL.USED_ENTRIES);
  }

  addTotal(cell: number, amount: number): void {
    this.memory.totals[cell] = floatAt(this.memory.totals, cell) + amount;
  }

  payloadOf(entry: number): number {
    return this.table.get(entry, RECORD.HEAD_PAYLOAD) + this.table.get(entry, RECORD.BODY_LENGTH);
  }

  countFailure(reason: FillFailure): void {
    Atomics.add(this.memory.control, CONTROL.FAILED_FILLS + FAILURES.indexOf(reason), 1);
  }

  allFailures(): Record<FillFailure, number> {
    const count = (reason: FillFailure) => Atomics.load(this.memory.control, CONTROL.FAILED_FILLS + FAILURES.indexOf(reason)) >>> 0;
    return { tooLarge: count('tooLarge'), noRoom: count('noRoom'), lockTimeout: count('lockTimeout'), aborted: count('aborted') };
  }
}
