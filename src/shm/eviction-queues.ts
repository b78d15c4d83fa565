import { floatAt, wordAt } from '../base/elements.ts';
import type { EntryTable } from './entry-table.ts';
import { Ghosts } from './ghosts.ts';
import { CONTROL, RECORD, type StoreMemory, TOTALS } from './store-layout.ts';

export const QUEUE = Object.freeze({ NONE: 0, SMALL: 1, MAIN: 2 });
/** Marks stop here. */
export const MAX_MARKS = 3;
const SMALL_SHARE = 0.1;
/** So many entries in a row may get another chance before one is taken in spite of its marks: what bounds one hold of the lock. */
const MAX_CHANCES = 256;
/** So many pinned ones in a row, and there is no room for this time; the next search begins behind them. */
const MAX_PINNED = 1024;

/**
 * Which object goes when room is needed: S3-FIFO (Yang and others, SOSP 2023), by bytes. What is new enters the small queue
 * (a tenth of the arena); at its tail it goes on to the main queue if it was hit meanwhile, and is dropped, leaving a ghost,
 * if not. What comes back while its ghost is remembered enters the main queue at once. At the tail of the main queue each
 * mark buys another round.
 *
 * A hit is a mark in the record, without the lock; all else here is under it. Both queues are doubly linked through the
 * records; recovery makes them anew from `QUEUE` and `QUEUE_TURN`.
 */
export class EvictionQueues {
  readonly #table: EntryTable;
  readonly #control: Int32Array;
  readonly #totals: Float64Array;
  readonly #ghosts: Ghosts;
  readonly #smallGranules: number;

  constructor(store: StoreMemory, table: EntryTable) {
    this.#table = table;
    this.#control = store.control;
    this.#totals = store.totals;
    this.#ghosts = new Ghosts(store);
    this.#smallGranules = store.granules * SMALL_SHARE;
  }

  /** Queues a new object. `heir`: it takes the place of one from the main queue. */
  add(entry: number, isHeir: boolean): void {
    const returns = this.#ghosts.take(this.#table.get(entry, RECORD.HASH_LOW), this.#table.get(entry, RECORD.HASH_HIGH));
    this.push(entry, isHeir || returns ? QUEUE.MAIN : QUEUE.SMALL);
  }

  /** Takes an entry out of its queue; it is in one. */
  remove(entry: number): void {
    const queue = this.#table.get(entry, RECORD.QUEUE);
    const newer = this.#table.get(entry, RECORD.NEWER);
    const older = this.#table.get(entry, RECORD.OLDER);
    if (newer === 0) this.#control[headOf(queue)] = older;
    else this.#table.set(newer - 1, RECORD.OLDER, older);
    if (older === 0) this.#control[headOf(queue) + 1] = newer;
    else this.#table.set(older - 1, RECORD.NEWER, newer);
    this.#table.set(entry, RECORD.QUEUE, QUEUE.NONE);
    this.#weigh(queue, -this.#table.get(entry, RECORD.GRANULES));
  }

  push(entry: number, queue: number): void {
    const turn = (wordAt(this.#control, CONTROL.QUEUE_TURN) + 1) | 0;
    const head = wordAt(this.#control, headOf(queue));
    this.#control[CONTROL.QUEUE_TURN] = turn;
    this.#table.set(entry, RECORD.QUEUE_TURN, turn);
    this.#table.set(entry, RECORD.QUEUE, queue);
    this.#table.set(entry, RECORD.NEWER, 0);
    this.#table.set(entry, RECORD.OLDER, head);
    if (head === 0) this.#control[headOf(queue) + 1] = entry + 1;
    else this.#table.set(head - 1, RECORD.NEWER, entry + 1);
    this.#control[headOf(queue)] = entry + 1;
    this.#weigh(queue, this.#table.get(entry, RECORD.GRANULES));
  }

  /** The entry's size has changed by `granules`. */
  resize(entry: number, granules: number): void {
    this.#table.set(entry, RECORD.GRANULES, this.#table.get(entry, RECORD.GRANULES) + granules);
    const queue = this.#table.get(entry, RECORD.QUEUE);
    if (queue !== QUEUE.NONE) this.#weigh(queue, granules);
  }

  /** The entry to drop next, still queued; -1 when all that is left, or all within reach, is pinned. What is useless at `hostMs` goes whatever its marks. */
  victim(hostMs: number): number {
    let chances = 0;
    let pinned = 0;
    for (;;) {
      const queue = this.#pick();
      const entry = wordAt(this.#control, headOf(queue) + 1) - 1;
      if (entry === -1) return -1;
      const marks = this.#table.get(entry, RECORD.MARKS);
      if (this.#table.hasPins(entry)) {
        pinned += 1;
        if (pinned > MAX_PINNED) return -1;
      } else {
        if (marks === 0 || chances >= MAX_CHANCES || this.#table.isUseless(entry, hostMs)) return entry;
        chances += 1;
      }
      this.remove(entry);
      Atomics.store(this.#table.records, this.#table.cellAt(entry, RECORD.MARKS), queue === QUEUE.MAIN ? Math.max(marks - 1, 0) : 0);
      this.push(entry, QUEUE.MAIN);
    }
  }

  /** Leaves a ghost of a victim that is about to be dropped, unless it had grown useless or was in the main queue. */
  leaveGhost(entry: number, hostMs: number): void {
    if (this.#table.get(entry, RECORD.QUEUE) !== QUEUE.SMALL || this.#table.isUseless(entry, hostMs)) return;
    const granules = this.#table.get(entry, RECORD.GRANULES);
    this.#ghosts.add(this.#table.get(entry, RECORD.HASH_LOW), this.#table.get(entry, RECORD.HASH_HIGH), granules);
  }

  /** Empties both queues; recovery pushes everything again, oldest first. */
  clear(): void {
    for (const queue of [QUEUE.SMALL, QUEUE.MAIN]) {
      this.#control[headOf(queue)] = 0;
      this.#control[headOf(queue) + 1] = 0;
    }
    this.#totals[TOTALS.SMALL_GRANULES] = 0;
    this.#totals[TOTALS.MAIN_GRANULES] = 0;
  }

  /** From which queue to take: the small one when it is over its share, or alone. */
  #pick(): number {
    if (floatAt(this.#totals, TOTALS.SMALL_GRANULES) > this.#smallGranules) return QUEUE.SMALL;
    return wordAt(this.#control, headOf(QUEUE.MAIN)) === 0 ? QUEUE.SMALL : QUEUE.MAIN;
  }

  #weigh(queue: number, granules: number): void {
    const total = queue === QUEUE.SMALL ? TOTALS.SMALL_GRANULES : TOTALS.MAIN_GRANULES;
    this.#totals[total] = floatAt(this.#totals, total) + granules;
  }
}

/** The control cell with the queue's head; the tail is in the next one. */
export function headOf(queue: number): number {
  return CONTROL.QUEUE_ENDS + (queue - 1) * 2;
}
