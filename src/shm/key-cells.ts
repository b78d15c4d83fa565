import type { SegmentPlan } from './segment.ts';

/** Words that every cell begins with: the key's fingerprint, and what state the cell is in. */
export const KEY = 0;
export const STATE = 1;

/** States of a cell that is nobody's. Odd words, and `BLANK`, are states of a live one; what an odd one means is its table's business. */
export const FREE = 0;
/** Live, and nothing is known of its key: as if it had never been seen. */
export const BLANK = 2;
const CLAIMED = 4;
const READY = 6;
const KIND_MASK = 7;
const OWNER_SHIFT = 3;
const OWNER_MASK = 0xff << OWNER_SHIFT;
const TURN_SHIFT = 11;

/** The low bits of a bucket's word: the slot that was published last; 0: none, or it is unpublished again. */
const LAST_MASK = 0xff;
const TAG_ONE = LAST_MASK + 1;
const NONE = -1;
/** So often a full bucket is looked at again because a cell of it is being made. */
const MAX_TRIES = 8;
const TWO_32 = 2 ** 32;

export const MAX_KEY_PARTICIPANTS = 128;
/** Cells of the `control` region, added to by everybody; each death may leave LIVE one too high or too low. All wrap. */
export const KEY_CONTROL = Object.freeze({ LIVE: 0, RECLAIMED: 1, EVICTED: 2, WITHOUT_CELL: 3, RECOVERED: 4, CELLS: 16 });

/** What the cells of a table are made of. */
export type KeyCellsShape = {
  readonly cells: Int32Array;
  readonly control: Int32Array;
  readonly buckets: number;
  /** Slots of a bucket, a power of two up to 256; slot 0 holds the bucket's word, the others a cell each. */
  readonly slots: number;
  /** Words of a slot, a multiple of 4. */
  readonly stride: number;
  /** The word that holds the fingerprint's other half, compared too; 0: it is not kept. */
  readonly lowAt: number;
  readonly self: number;
};

/** What a table knows of its cells. */
export type KeyCellsOwner = {
  /**
   * May a live cell be given to another key, if it still is in this state? It had it a moment ago. Whoever uses the cell in a
   * way that makes the answer wrong must change STATE by a swap.
   */
  isIdle(cell: number, state: number): boolean;
  /** Sets the other words of a cell that is about to be given to a key. Nobody else looks at them. */
  initialize(cell: number): void;
};

/**
 * A hash table of cells without locks: which cell is a key's. All threads find, make and reclaim cells at once.
 *
 * A key can only be in the cells of its own bucket. The bucket's word names the slot that was published last, and has a tag above it that
 * changes with each change.
 *
 * ```
 * FREE ──▶ CLAIMED p ──▶ READY p ──publish (the bucket's word)──▶ BLANK ◀─▶ odd words, the table's own
 *   ▲          ▲ │           │                                      │            │
 *   │          │ └──────────▶┴─▶ FREE (the key was published        └──── idle ──┘
 *   └─ sweep ──┤                 elsewhere, or its claimer died)           │
 *              └───────────────────────────────────────────────────────────┘
 * ```
 *
 * Invariants
 * - While a cell is CLAIMED, or READY and unpublished, its claimer alone writes it. KEY and the other words change in CLAIMED only.
 * - Whoever changes a live cell swaps STATE, and has read STATE before it compared KEY: a cell that changed hands in between
 *   fails the swap. (One that has come to the very same word again, under another key, is noticed by looking at KEY after the
 *   swap; the swap is then undone.)
 * - No key has two cells: a claimer looks through the bucket after it has read the bucket's word, and publishes by a swap of just
 *   that word. So of two claimers of one key the second finds the first one's cell.
 * - A claimer takes the first free cell on its key's way through the bucket. So a key lies before the first cell of its way that was never used
 *   (FREE, KEY 0), and whoever looks for it stops there. What was used once has a key from then on, be it 1.
 * - A cell that is READY is published if the bucket's word names it, else not: whoever publishes another one first makes the one that is
 *   named BLANK, and whoever claims a cell that is named takes its name out. Each READY has a number of its own, so that a
 *   latecomer's help does not reach the next one.
 * - A full bucket gives no cell, not even if another thread is about to make one of the same key there and does not come to it.
 * - A dead claimer leaves a CLAIMED or READY cell. Nobody waits for it; `recover` frees it, or says that it is live.
 * - Tags (24 bits) and turns (21 bits) wrap; both are compared for equality only, within one call.
 *
 * A key has its bucket and its first slot from `low` and is compared by `high`, 32 bits; with the bucket that makes 47 bits in the default table
 * of limits. Where that is too little `lowAt` keeps the rest. From its first slot a key looks at those of the same line of memory, then at the others.
 */
export class KeyCells {
  readonly buckets: number;
  readonly #cells: Int32Array;
  readonly #control: Int32Array;
  readonly #slots: number;
  readonly #stride: number;
  readonly #bucketWords: number;
  readonly #bucketsPerHash: number;
  readonly #lowAt: number;
  readonly #self: number;
  readonly #owner: KeyCellsOwner;
  #turn = 0;
  #sweepAt = 0;
  #claimed = 0;

  constructor(shape: KeyCellsShape, owner: KeyCellsOwner) {
    this.buckets = shape.buckets;
    this.#cells = shape.cells;
    this.#control = shape.control;
    this.#slots = shape.slots;
    this.#stride = shape.stride;
    this.#bucketWords = shape.slots * shape.stride;
    this.#bucketsPerHash = shape.buckets / TWO_32;
    this.#lowAt = shape.lowAt;
    this.#self = shape.self;
    this.#owner = owner;
  }

  /** A cell that has the key, most likely the live one; -1: none. For callers who look at STATE, then at KEY, themselves. */
  guess(low: number, high: number): number {
    const cells = this.#cells;
    const bucket = this.#bucketAt(low);
    const first = low & (this.#slots - 1);
    for (let step = 0; step < this.#slots; step += 1) {
      const slot = first ^ step;
      const cell = bucket + slot * this.#stride;
      const key = Atomics.load(cells, cell);
      if (key === high && slot !== 0) return cell;
      if (key === 0 && slot !== 0 && this.#isUnused(cell)) return NONE;
    }
    return NONE;
  }

  /** The live cell of the key (index of its first word); -1: none. */
  find(low: number, high: number): number {
    const bucket = this.#bucketAt(low);
    const first = low & (this.#slots - 1);
    for (let step = 0; step < this.#slots; step += 1) {
      const slot = first ^ step;
      const cell = bucket + slot * this.#stride;
      const key = Atomics.load(this.#cells, cell);
      if (key === high && slot !== 0 && this.#isCellOf(cell, low, high)) return cell;
      if (key === 0 && slot !== 0 && this.#isUnused(cell)) return NONE;
    }
    return NONE;
  }

  /** The live cell of the key, made if there is none; -1: no place. */
  findOrMake(low: number, high: number): number {
    const cell = this.find(low, high);
    return cell === NONE ? this.make(low, high) : cell;
  }

  /** Looks at the next so many cells, in turn, and frees those that are idle. The answer is how many it has freed. */
  sweep(count: number): number {
    if (this.live === 0) return 0;
    let freed = 0;
    const total = this.buckets * this.#slots;
    for (let step = Math.min(count, total); step > 0; step -= 1) {
      const at = this.#sweepAt;
      this.#sweepAt = at + 1 === total ? 0 : at + 1;
      if (at % this.#slots !== 0 && this.#free(at * this.#stride)) freed += 1;
    }
    if (freed > 0) Atomics.add(this.#control, KEY_CONTROL.RECLAIMED, freed);
    return freed;
  }

  /** Mends what a participant that has ended was about to make. The answer is how many cells that were. */
  recover(dead: number): number {
    let mended = 0;
    const owner = (dead + 1) << OWNER_SHIFT;
    const end = this.buckets * this.#bucketWords;
    for (let cell = this.#stride; cell < end; cell += this.#stride) {
      const state = Atomics.load(this.#cells, cell + STATE);
      if ((state & 1) !== 0 || (state & OWNER_MASK) !== owner || cell % this.#bucketWords === 0) continue;
      this.#mend(cell, state);
      mended += 1;
    }
    if (mended > 0) Atomics.add(this.#control, KEY_CONTROL.RECOVERED, mended);
    return mended;
  }

  #mend(cell: number, state: number): void {
    const isPublished = (state & KIND_MASK) === READY && this.#isLast(cell);
    const next = isPublished ? BLANK : this.#mark(CLAIMED);
    // Another thread may have made it live meanwhile; what is not published is ours from here on.
    if (Atomics.compareExchange(this.#cells, cell + STATE, state, next) !== state || isPublished) return;
    this.#unname(cell);
    this.#giveBack(cell);
  }

  /** Calls `visit` with every cell, live or not. */
  forEachCell(visit: (cell: number) => void): void {
    for (let bucket = 0; bucket < this.buckets; bucket += 1) this.forEachCellOf(bucket, visit);
  }

  forEachCellOf(bucket: number, visit: (cell: number) => void): void {
    for (let slot = 1; slot < this.#slots; slot += 1) visit(bucket * this.#bucketWords + slot * this.#stride);
  }

  bucketOf(cell: number): number {
    return Math.floor(cell / this.#bucketWords);
  }

  /** Whether the cell is the key's now, as found before. To be asked after STATE was read, or swapped. */
  isStill(cell: number, low: number, high: number): boolean {
    if (Atomics.load(this.#cells, cell) !== high) return false;
    return this.#lowAt === 0 || Atomics.load(this.#cells, cell + this.#lowAt) === low;
  }

  /** How many there are. */
  get cells(): number {
    return this.buckets * (this.#slots - 1);
  }

  get live(): number {
    return Math.max(0, Atomics.load(this.#control, KEY_CONTROL.LIVE));
  }

  #bucketAt(low: number): number {
    return Math.floor((low >>> 0) * this.#bucketsPerHash) * this.#bucketWords;
  }

  /** STATE first, then the key: see the invariants. */
  #isCellOf(cell: number, low: number, high: number): boolean {
    return isLive(Atomics.load(this.#cells, cell + STATE)) && this.isStill(cell, low, high);
  }

  /** As `findOrMake`, when it is likely that there is none. */
  make(low: number, high: number): number {
    const bucket = this.#bucketAt(low);
    let mine = NONE;
    let tries = 0;
    for (;;) {
      const seen = Atomics.load(this.#cells, bucket);
      const found = this.#findPublished(bucket, low, high);
      if (found !== NONE) {
        // Ours is unpublished: nobody else touches it.
        if (mine !== NONE) this.#giveBack(mine);
        return found;
      }
      if (mine === NONE) {
        mine = this.#claim(bucket, low);
        if (mine === NONE && this.#isBeingMade(bucket) && ++tries < MAX_TRIES) continue;
        if (mine === NONE) return NONE;
        this.#fill(mine, low, high);
        continue;
      }
      this.#finishLast(bucket, seen & LAST_MASK);
      if (Atomics.compareExchange(this.#cells, bucket, seen, nextWord(seen, this.#slotOf(mine))) !== seen) continue;
      Atomics.add(this.#control, KEY_CONTROL.LIVE, 1);
      // Somebody else may have said so already, and gone on from there.
      Atomics.compareExchange(this.#cells, mine + STATE, this.#claimed, BLANK);
      return mine;
    }
  }

  /** Whether another thread is about to make a cell in the bucket; it may be of the very key that is looked for. */
  #isBeingMade(bucket: number): boolean {
    for (let slot = 1; slot < this.#slots; slot += 1) {
      if (!isLive(Atomics.load(this.#cells, bucket + slot * this.#stride + STATE))) return true;
    }
    return false;
  }

  /** The cell that was published last is live, before another one is. */
  #finishLast(bucket: number, slot: number): void {
    if (slot === 0) return;
    const cell = bucket + slot * this.#stride;
    const state = Atomics.load(this.#cells, cell + STATE);
    if ((state & KIND_MASK) === READY && this.#isLast(cell)) Atomics.compareExchange(this.#cells, cell + STATE, state, BLANK);
  }

  /** As `find`, for claimers: a cell that is READY and published is made live. */
  #findPublished(bucket: number, low: number, high: number): number {
    const first = low & (this.#slots - 1);
    for (let step = 0; step < this.#slots; step += 1) {
      const slot = first ^ step;
      const cell = bucket + slot * this.#stride;
      const key = Atomics.load(this.#cells, cell);
      if (key === 0 && slot !== 0 && this.#isUnused(cell)) return NONE;
      if (key !== high || slot === 0) continue;
      const state = Atomics.load(this.#cells, cell + STATE);
      if (!this.isStill(cell, low, high)) continue;
      if (isLive(state)) return cell;
      if ((state & KIND_MASK) !== READY || !this.#isLast(cell)) continue;
      Atomics.compareExchange(this.#cells, cell + STATE, state, BLANK);
      return cell;
    }
    return NONE;
  }

  /** A cell of the bucket that is free or idle, CLAIMED now and unpublished; -1: all are in use. */
  #claim(bucket: number, low: number): number {
    for (let wantsFree = 1; wantsFree >= 0; wantsFree -= 1) {
      const first = low & (this.#slots - 1);
      for (let step = 0; step < this.#slots; step += 1) {
        const slot = first ^ step;
        const cell = bucket + slot * this.#stride;
        const isTaken = slot !== 0 && (wantsFree === 1 ? this.#claimFree(cell) : this.#claimIdle(cell));
        if (isTaken) return cell;
      }
    }
    return NONE;
  }

  #claimFree(cell: number): boolean {
    if (Atomics.load(this.#cells, cell + STATE) !== FREE) return false;
    return Atomics.compareExchange(this.#cells, cell + STATE, FREE, this.#mark(CLAIMED)) === FREE;
  }

  #claimIdle(cell: number): boolean {
    if (!this.#takeIdle(cell)) return false;
    Atomics.add(this.#control, KEY_CONTROL.EVICTED, 1);
    return true;
  }

  /** From now on nobody can use the cell for its old key. */
  #takeIdle(cell: number): boolean {
    const state = Atomics.load(this.#cells, cell + STATE);
    if (!isLive(state) || !this.#owner.isIdle(cell, state)) return false;
    if (Atomics.compareExchange(this.#cells, cell + STATE, state, this.#mark(CLAIMED)) !== state) return false;
    this.#unname(cell);
    Atomics.sub(this.#control, KEY_CONTROL.LIVE, 1);
    return true;
  }

  #free(cell: number): boolean {
    if (!this.#takeIdle(cell)) return false;
    this.#giveBack(cell);
    return true;
  }

  /** A cell that is ours is nobody's; one that was used keeps a key, so that it does not look unused. */
  #giveBack(cell: number): void {
    if (Atomics.load(this.#cells, cell) === 0) Atomics.store(this.#cells, cell, 1);
    Atomics.store(this.#cells, cell + STATE, FREE);
  }

  /** Given that its KEY was 0: no claimer has come further than this cell on its way. KEY has to be 0 after STATE too: it may be used by now. */
  #isUnused(cell: number): boolean {
    return Atomics.load(this.#cells, cell + STATE) === FREE && Atomics.load(this.#cells, cell) === 0;
  }

  #fill(cell: number, low: number, high: number): void {
    Atomics.store(this.#cells, cell, high);
    if (this.#lowAt !== 0) Atomics.store(this.#cells, cell + this.#lowAt, low);
    this.#owner.initialize(cell);
    this.#claimed = this.#mark(READY);
    Atomics.store(this.#cells, cell + STATE, this.#claimed);
  }

  #mark(kind: number): number {
    this.#turn = (this.#turn + 1) | 0;
    return (this.#turn << TURN_SHIFT) | ((this.#self + 1) << OWNER_SHIFT) | kind;
  }

  #slotOf(cell: number): number {
    return (cell % this.#bucketWords) / this.#stride;
  }

  #headOf(cell: number): number {
    return cell - (cell % this.#bucketWords);
  }

  #isLast(cell: number): boolean {
    return (Atomics.load(this.#cells, this.#headOf(cell)) & LAST_MASK) === this.#slotOf(cell);
  }

  /** The bucket's word does not name the cell. */
  #unname(cell: number): void {
    const head = this.#headOf(cell);
    for (;;) {
      const word = Atomics.load(this.#cells, head);
      if ((word & LAST_MASK) !== this.#slotOf(cell)) return;
      if (Atomics.compareExchange(this.#cells, head, word, nextWord(word, 0)) === word) return;
    }
  }
}

export function isLive(state: number): boolean {
  return (state & 1) !== 0 || state === BLANK;
}

/** How many buckets fit into `bytes` beside the other regions. */
export function bucketsIn(bytes: number, bucketWords: number): number {
  return Math.max(1, Math.floor(bytes / (bucketWords * Int32Array.BYTES_PER_ELEMENT)));
}

export function cellsIn<Name extends string>(memory: SharedArrayBuffer, plan: SegmentPlan<Name>, name: Name): Int32Array {
  const { offset, bytes } = plan.regions[name];
  return new Int32Array(memory, offset, bytes / Int32Array.BYTES_PER_ELEMENT);
}

function nextWord(word: number, last: number): number {
  return ((word & ~LAST_MASK) + TAG_ONE) | last | 0;
}
