import {
  FLIGHT,
  FLIGHT_CONTROL,
  type FlightMemory,
  flightState,
  inState,
  leaderIn,
  MARK_UNIT_MS,
  nextBucket,
  nextFlight,
  PUBLISHED_MASK,
  SLOT,
  SLOT_CELLS,
  WAITED,
  WAYS,
} from './flight-cells.ts';
import { KeyedHash } from './keyed-hash.ts';

const NONE = -1;
/** Each failed try is another thread's success. */
const MAX_TRIES = 64;
/** Which slot goes for another key: the lowest rank. A mark that is still good has its own time on top. */
const RANK = Object.freeze({ FREE: 0, ENDED: 1, MARKED: 2, FAILED: 2 ** 33, KEPT: Number.POSITIVE_INFINITY });

/**
 * Which slot belongs to which key: buckets of eight slots, no lock.
 *
 * Invariants
 * - A slot is *published* when its bit in the bucket's word is set. Only published slots are found. A bit is changed only by the
 *   participant that the slot's word names, and only while it holds the slot (CLAIMED, or LEADING and not yet published), or by its
 *   recoverer. With every change of a bit the bucket's tag changes.
 * - The fingerprint of a slot is written while it is CLAIMED and not published, so it stands still as long as the bit is set.
 * - No two published slots of a bucket have the same fingerprint: publishing is a compare-and-swap of the bucket's word as it was
 *   before the scan that did not find the key.
 * - FREE means not published. A slot whose flight has ended stays published under its key, so that the key's next flight is one
 *   compare-and-swap; another key takes it when it needs room.
 * - A dead participant leaves slots that it has claimed, published or not, and flights that it leads. `recoverSlot` mends each.
 *
 * Two things are left to chance and cost time only, never a wrong answer (followers compare the whole key in the store): equal
 * 64-bit fingerprints share a flight, and a thread that sleeps between scan and publishing for exactly 2^24 changes of the bucket
 * may lead a second flight of the key.
 */
export class FlightTable {
  readonly cells: Int32Array;
  readonly #buckets: Int32Array;
  readonly #control: Int32Array;
  readonly #self: number;
  readonly #hash: KeyedHash;
  /** What `aim` has aimed at, and the bucket's word as `find` saw it. */
  #bucket = 0;
  #seen = 0;
  /** The word of the slot that `find` has found. */
  word = 0;

  /** `self`: participant + 1, as in the slots' words. */
  constructor(memory: FlightMemory, self: number) {
    this.cells = memory.cells;
    this.#buckets = memory.buckets;
    this.#control = memory.control;
    this.#self = self;
    this.#hash = new KeyedHash(memory.seed);
  }

  /** All calls up to the next `aim` are about this key. */
  aim(key: string): void {
    this.#hash.hash(key);
    this.#bucket = this.#hash.low & (this.#buckets.length - 1);
  }

  /** The published slot with the key; its word is in `word`. -1: none. */
  find(): number {
    const { low, high } = this.#hash;
    this.#seen = Atomics.load(this.#buckets, this.#bucket);
    for (let way = 0; way < WAYS; way += 1) {
      if ((this.#seen & (1 << way)) === 0) continue;
      const slot = this.#bucket * WAYS + way;
      const at = slot * SLOT_CELLS;
      const word = Atomics.load(this.cells, at + SLOT.WORD);
      if (Atomics.load(this.cells, at + SLOT.LOW) !== low || Atomics.load(this.cells, at + SLOT.HIGH) !== high) continue;
      // Claimed for another key, or about to be: a change of the word after this is seen by whoever swaps it.
      if (flightState(word) <= FLIGHT.CLAIMED) continue;
      this.word = word;
      return slot;
    }
    return NONE;
  }

  /** Takes a slot of the bucket for the key, not yet published, LEADING. -1: all are in use. */
  claim(nowMs: number): number {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const slot = this.#choose(nowMs);
      if (slot === NONE) return NONE;
      const at = slot * SLOT_CELLS;
      const { word } = this;
      const claimed = nextFlight(word, this.#self, FLIGHT.CLAIMED);
      if (Atomics.compareExchange(this.cells, at + SLOT.WORD, word, claimed) !== word) continue;
      if (flightState(word) !== FLIGHT.FREE) {
        if ((word & WAITED) !== 0) Atomics.notify(this.cells, at + SLOT.WORD);
        if (flightState(word) === FLIGHT.UNCACHEABLE && this.isMarked(slot, nowMs)) Atomics.add(this.#control, FLIGHT_CONTROL.FORGOTTEN, 1);
        this.#unpublish(slot);
      }
      Atomics.store(this.cells, at + SLOT.LOW, this.#hash.low);
      Atomics.store(this.cells, at + SLOT.HIGH, this.#hash.high);
      Atomics.store(this.cells, at + SLOT.WORD, claimed ^ FLIGHT.CLAIMED ^ FLIGHT.LEADING);
      return slot;
    }
    return NONE;
  }

  /** Publishes a claimed slot, if the bucket is as the last `find` has seen it. */
  publish(slot: number): boolean {
    const next = nextBucket(this.#seen, (this.#seen & PUBLISHED_MASK) | (1 << (slot % WAYS)));
    return Atomics.compareExchange(this.#buckets, this.#bucket, this.#seen, next) === this.#seen;
  }

  /** Gives a claimed slot back that has not been published. Somebody may wait for it nevertheless, who has read the bucket's word before the claim. */
  giveBack(slot: number): void {
    const at = slot * SLOT_CELLS + SLOT.WORD;
    let word: number;
    do word = Atomics.load(this.cells, at);
    while (Atomics.compareExchange(this.cells, at, word, nextFlight(word, 0, FLIGHT.FREE)) !== word);
    if ((word & WAITED) !== 0) Atomics.notify(this.cells, at);
  }

  isPublished(slot: number): boolean {
    return (Atomics.load(this.#buckets, Math.floor(slot / WAYS)) & (1 << (slot % WAYS))) !== 0;
  }

  /** Whether the key is remembered as uncacheable at `nowMs`, given that the slot is UNCACHEABLE. */
  isMarked(slot: number, nowMs: number): boolean {
    return Atomics.load(this.cells, slot * SLOT_CELLS + SLOT.UNTIL) >>> 0 > Math.floor(nowMs / MARK_UNIT_MS);
  }

  /** Mends a slot that a dead participant (+ 1) holds. True: it led a flight, which has failed now. Harmless when it holds nothing. */
  recoverSlot(slot: number, dead: number): boolean {
    const at = slot * SLOT_CELLS + SLOT.WORD;
    for (;;) {
      const word = Atomics.load(this.cells, at);
      const state = flightState(word);
      const isHeld = leaderIn(word) === dead && (state === FLIGHT.CLAIMED || state === FLIGHT.LEADING || state === FLIGHT.STREAMING);
      if (!isHeld) return false;
      const isFlight = state !== FLIGHT.CLAIMED && this.isPublished(slot);
      if (!isFlight) this.#unpublish(slot);
      const next = isFlight ? inState(word, FLIGHT.FAILED) : nextFlight(word, 0, FLIGHT.FREE);
      if (Atomics.compareExchange(this.cells, at, word, next) === word) return isFlight;
    }
  }

  /** The slot of the bucket that is missed least, its word in `word`; -1: all are in use. */
  #choose(nowMs: number): number {
    let chosen = NONE;
    let lowest: number = RANK.KEPT;
    // Begins anywhere, so that the slots of a bucket take turns.
    const turn = this.#hash.high & (WAYS - 1);
    for (let step = 0; step < WAYS && lowest > RANK.FREE; step += 1) {
      const slot = this.#bucket * WAYS + ((turn + step) & (WAYS - 1));
      const word = Atomics.load(this.cells, slot * SLOT_CELLS + SLOT.WORD);
      const rank = this.#rank(slot, word, nowMs);
      if (rank >= lowest) continue;
      lowest = rank;
      chosen = slot;
      this.word = word;
    }
    return chosen;
  }

  #rank(slot: number, word: number, nowMs: number): number {
    switch (flightState(word)) {
      case FLIGHT.FREE:
        return RANK.FREE;
      case FLIGHT.DONE:
        return RANK.ENDED;
      case FLIGHT.UNCACHEABLE:
        return this.isMarked(slot, nowMs) ? RANK.MARKED + (Atomics.load(this.cells, slot * SLOT_CELLS + SLOT.UNTIL) >>> 0) : RANK.ENDED;
      case FLIGHT.FAILED:
        return RANK.FAILED;
      default:
        return RANK.KEPT;
    }
  }

  /** Clears the slot's bit, if it is set. */
  #unpublish(slot: number): void {
    const bucket = Math.floor(slot / WAYS);
    const bit = 1 << (slot % WAYS);
    for (;;) {
      const word = Atomics.load(this.#buckets, bucket);
      if ((word & bit) === 0) return;
      if (Atomics.compareExchange(this.#buckets, bucket, word, nextBucket(word, word & PUBLISHED_MASK & ~bit)) === word) return;
    }
  }
}
