import { assert } from '../base/assert.ts';

const HELD = 0x00ff;
const BLOCK = 0x0100;
const BLOCKS = 0x3f00;
const VOID = 0x8000;
const ALL = 0xffff;
/** Hashes are whole numbers below 2^52. */
export const HASH_BITS = 52;
/** Tries at one cell before `block` gives up; each failure is another thread's success. */
const MAX_TRIES = 64;

/**
 * A table of uint16 cells, one for each range of hashes: how much a slower store holds of that range, and whether it may be
 * asked.
 *
 * A cell, from its lowest bit: 8 bits *held* (255 means "many" and stays), 6 bits *blocks*, 1 unused, 1 *void*.
 *
 * Invariants
 * - *held* is written by the one thread that holds the store, never past 255, so it does not spill; it never counts less than
 *   there is. All writes to a cell are atomic read-modify-writes, since every thread writes the rest of it.
 * - *blocks* counts removals that are on their way to that thread; while there is one, nothing of the range is read. `block`
 *   never takes it past 63, so it does not spill either.
 * - *void* says that all of the range is to be removed: set by whoever could not send a removal, cleared by the holding
 *   thread after it has removed.
 * - The holding thread counts *held* up before it checks that what it is about to hold is still wanted; who makes something
 *   unwanted does so before it looks at *held*. With sequentially consistent atomics one of the two sees the other.
 * - A dead thread leaves blocks that nobody takes back: the range is not read until the table is made anew.
 */
export class PresenceCells {
  readonly slots: number;
  readonly #cells: Uint16Array;
  readonly #hashesPerSlot: number;

  /** `cells`: a power of two. */
  constructor(cells: Uint16Array) {
    const bits = Math.log2(cells.length);
    assert(Number.isInteger(bits), 'a presence table has a power of two of cells');
    this.slots = cells.length;
    this.#cells = cells;
    this.#hashesPerSlot = 2 ** (HASH_BITS - bits);
  }

  slotOf(hash: number): number {
    return Math.floor(hash / this.#hashesPerSlot);
  }

  /** The first hash of a slot; that of the next one is the end. */
  firstHashOf(slot: number): number {
    return slot * this.#hashesPerSlot;
  }

  isHeld(slot: number): boolean {
    return (Atomics.load(this.#cells, slot) & HELD) !== 0;
  }

  /** Nothing of it is being removed. */
  isOpen(slot: number): boolean {
    return (Atomics.load(this.#cells, slot) & ~HELD) === 0;
  }

  /** Held and open: worth asking for. One load. */
  isReadable(slot: number): boolean {
    const cell = Atomics.load(this.#cells, slot);
    return cell !== 0 && cell <= HELD;
  }

  /** A removal is on its way. False when too many are: then `voidSlot`. */
  block(slot: number): boolean {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const cell = Atomics.load(this.#cells, slot);
      if ((cell & BLOCKS) === BLOCKS) return false;
      if (Atomics.compareExchange(this.#cells, slot, cell, cell + BLOCK) === cell) return true;
    }
    return false;
  }

  /** As many times as `block` was true, after the removal. */
  unblock(slot: number): void {
    assert((Atomics.load(this.#cells, slot) & BLOCKS) !== 0, 'a slot is unblocked as often as it was blocked');
    Atomics.sub(this.#cells, slot, BLOCK);
  }

  voidSlot(slot: number): void {
    Atomics.or(this.#cells, slot, VOID);
  }

  /** By the holding thread, as the other methods below. */
  hold(slot: number): void {
    if ((Atomics.load(this.#cells, slot) & HELD) < HELD) Atomics.add(this.#cells, slot, 1);
  }

  unhold(slot: number): void {
    const held = Atomics.load(this.#cells, slot) & HELD;
    if (held > 0 && held < HELD) Atomics.sub(this.#cells, slot, 1);
  }

  /** Before everything is counted anew. */
  forgetHeld(): void {
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.isHeld(slot)) Atomics.and(this.#cells, slot, ALL ^ HELD);
    }
  }

  /** Slots that are to be emptied, as of now. Looks at every cell: only when it was told that there is one. */
  voided(): readonly number[] {
    const found: number[] = [];
    for (let slot = 0; slot < this.slots; slot++) {
      if ((Atomics.load(this.#cells, slot) & VOID) !== 0) found.push(slot);
    }
    return found;
  }

  clearVoid(slot: number): void {
    Atomics.and(this.#cells, slot, ALL ^ VOID);
  }
}
