import { wordAt } from '../base/elements.ts';
import { BLOCK, granulesFor, writeBlockHeader } from './blocks.ts';
import { generationOf, STAGE, STATE, withState } from './entry-table.ts';
import { QUEUE } from './eviction-queues.ts';
import { announce } from './filling-object.ts';
import type { StoreCore } from './store-core.ts';
import { CONTROL, GRANULE_BYTES, GRANULE_WORDS, MAX_BLOCK_GRANULES, RECORD, TOTALS } from './store-layout.ts';
import type { FillFailure, NewObject } from './store-types.ts';
import { StoredObject } from './stored-object.ts';

/** Blocks of a body of unknown length grow with it, from this size. */
const MIN_ROOM_BYTES = 4096;

type FillStart = {
  readonly entry: number;
  readonly word: number;
  readonly block: number;
  readonly object: NewObject;
  readonly maxBodyBytes: number;
};

/**
 * An object on its way into the store. Its entry is FILLING and cannot be found until `publish`; who is told its entry and
 * generation reads what has been written so far (filling-object.ts). Nobody else changes it unless this thread is dead.
 * Ends with `publish` or `abort`.
 */
export class Fill {
  readonly #core: StoreCore;
  readonly #entry: number;
  readonly #word: number;
  readonly #object: NewObject;
  readonly #maxBodyBytes: number;
  /** The block that is being written, where its next byte goes and where it ends, in bytes of the arena. */
  #block: number;
  #position: number;
  #end: number;
  #bytesStored = 0;
  /** Why it ends when it is aborted now. Anything but 'aborted': a write has failed, and the body would be incomplete. */
  #failure: FillFailure = 'aborted';
  #isOver = false;

  constructor(core: StoreCore, start: FillStart) {
    this.#core = core;
    this.#entry = start.entry;
    this.#word = start.word;
    this.#object = start.object;
    this.#maxBodyBytes = start.maxBodyBytes;
    this.#block = start.block;
    this.#position = 0;
    this.#end = 0;
    this.#openBlock(start.block);
  }

  /** With `generation`: what others open it by while it fills. */
  get entry(): number {
    return this.#entry;
  }

  get generation(): number {
    return generationOf(this.#word);
  }

  /** Body bytes written so far. */
  get bytesStored(): number {
    return this.#bytesStored;
  }

  /** Some thread reads it while it fills. */
  get isRead(): boolean {
    return this.#core.table.hasPins(this.#entry);
  }

  /** Appends a copy of `bytes` to the body. False: no room, no lock, or the object got too large; abort it then. */
  write(bytes: Uint8Array): boolean {
    if (this.#isOver || this.#failure !== 'aborted') return false;
    if (this.#bytesStored + bytes.length > this.#maxBodyBytes) return this.#fail('tooLarge');
    const room = this.#end - this.#position;
    if (bytes.length > room && !this.#extend(bytes.length - room)) return false;
    this.#copy(bytes);
    // Last, so that whoever reads while it fills sees the bytes of this length.
    Atomics.store(this.#core.table.records, this.#core.table.cellAt(this.#entry, RECORD.BODY_LENGTH), this.#bytesStored);
    announce(this.#core.table, this.#entry);
    return true;
  }

  /** Makes the object findable, then drops those it replaces. Undefined when the lock could not be had, or a write had failed; the fill is over then too. */
  publish(replaces: readonly StoredObject[]): StoredObject | undefined {
    if (this.#isOver) return undefined;
    const core = this.#core;
    if (this.#failure === 'aborted') this.#setWhole();
    if (this.#failure === 'aborted' && !core.enter()) this.#failure = 'lockTimeout';
    if (this.#failure !== 'aborted') {
      this.abort();
      return undefined;
    }
    this.#isOver = true;
    this.#trim();
    core.endFilling(this.#entry);
    const word = this.#link(this.#isHeir(replaces));
    for (const old of replaces) if (core.doom(old.entry, old.word)) core.tidy(old.entry);
    core.leave();
    return new StoredObject(core, { entry: this.#entry, word, bodyLength: this.#bytesStored }, this.#object);
  }

  /** What replaces an object of the main queue is as wanted as that was. */
  #isHeir(replaces: readonly StoredObject[]): boolean {
    const { table } = this.#core;
    for (const { entry, word } of replaces) {
      if (table.word(entry) === word && table.get(entry, RECORD.QUEUE) === QUEUE.MAIN) return true;
    }
    return false;
  }

  /** Gives everything back. Harmless after the end. */
  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const core = this.#core;
    core.countFailure(this.#failure);
    core.table.setWord(this.#entry, withState(this.#word, STATE.DOOMED));
    announce(core.table, this.#entry);
    core.letGo(this.#entry);
  }

  /** The body is whole. Those who read it need not wait for the lock, nor care whether it can be had. */
  #setWhole(): void {
    const { table } = this.#core;
    Atomics.store(table.records, table.cellAt(this.#entry, RECORD.STAGE), STAGE.WHOLE);
    announce(table, this.#entry);
  }

  /** Locked. FILLING becomes LIVE, then it is linked: walkers may meet live entries only. */
  #link(isHeir: boolean): number {
    const { table, queues, index, memory } = this.#core;
    const word = withState(this.#word, STATE.LIVE);
    const birth = (wordAt(memory.control, CONTROL.BIRTH) + 1) | 0;
    memory.control[CONTROL.BIRTH] = birth;
    table.set(this.#entry, RECORD.BIRTH, birth);
    queues.add(this.#entry, isHeir);
    table.setWord(this.#entry, word);
    index.insert(this.#entry);
    this.#core.addTotal(TOTALS.OBJECTS, 1);
    this.#core.addTotal(TOTALS.PAYLOAD, this.#core.payloadOf(this.#entry));
    this.#core.addTotal(TOTALS.FILLS, 1);
    return word;
  }

  #copy(bytes: Uint8Array): void {
    const { bytes: arena } = this.#core.memory;
    let from = 0;
    while (from < bytes.length) {
      if (this.#position === this.#end) this.#openBlock(this.#core.table.nextBlock(this.#block));
      const count = Math.min(bytes.length - from, this.#end - this.#position);
      arena.set(from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#position);
      this.#position += count;
      this.#bytesStored += count;
      from += count;
      this.#setUsed(count);
    }
  }

  #setUsed(more: number): void {
    const { words } = this.#core.memory;
    const cell = this.#block * GRANULE_WORDS + BLOCK.USED;
    words[cell] = wordAt(words, cell) + more;
  }

  #openBlock(block: number): void {
    const { words } = this.#core.memory;
    this.#block = block;
    this.#position = block * GRANULE_BYTES + wordAt(words, block * GRANULE_WORDS + BLOCK.BODY_AT);
    this.#end = (block + wordAt(words, block * GRANULE_WORDS + BLOCK.GRANULES)) * GRANULE_BYTES;
  }

  /** Chains blocks for at least `missing` more bytes behind the current one, which is the last. */
  #extend(missing: number): boolean {
    if (!this.#core.enter()) return this.#fail('lockTimeout');
    let last = this.#block;
    let left = missing;
    while (left > 0 && last !== -1) {
      last = this.#addBlock(last, Math.max(left, this.#foreseen(missing - left)));
      left -= this.#core.arena.taken * GRANULE_BYTES - BLOCK.HEADER_BYTES;
    }
    this.#core.leave();
    return last !== -1 || this.#fail('noRoom');
  }

  /** How much more body is to be expected behind the blocks there are and `planned` further bytes. */
  #foreseen(planned: number): number {
    const { expectedBytes } = this.#object;
    const sofar = this.#bytesStored + (this.#end - this.#position) + planned;
    return expectedBytes > sofar ? expectedBytes - sofar : Math.max(this.#bytesStored, MIN_ROOM_BYTES);
  }

  /** Locked. Returns the new last block, -1 when there is no room. */
  #addBlock(last: number, bytes: number): number {
    const { arena, memory } = this.#core;
    const wanted = Math.min(granulesFor(bytes + BLOCK.HEADER_BYTES), MAX_BLOCK_GRANULES);
    if (!this.#core.mayFill(wanted)) return -1;
    this.#core.reserve(wanted);
    let block = arena.take(wanted);
    if (block === -1) block = arena.takeLargest(wanted);
    if (block === -1) return -1;
    writeBlockHeader(memory, block, { granules: arena.taken, bodyAt: BLOCK.HEADER_BYTES });
    this.#core.addFilling(this.#entry, arena.taken);
    // Last: the chain is whole at every moment.
    Atomics.store(memory.words, last * GRANULE_WORDS + BLOCK.NEXT, block + 1);
    return block;
  }

  /** Locked. Gives back the rest of the block written last; there is none behind it, as a block is chained for bytes that come into it. */
  #trim(): void {
    const { arena, table, memory } = this.#core;
    const kept = granulesFor(this.#position - this.#block * GRANULE_BYTES);
    const rest = table.blockGranules(this.#block) - kept;
    if (rest === 0) return;
    memory.words[this.#block * GRANULE_WORDS + BLOCK.GRANULES] = kept;
    arena.shorten(this.#block, kept + rest, kept);
    table.set(this.#entry, RECORD.GRANULES, table.get(this.#entry, RECORD.GRANULES) - rest);
  }

  #fail(reason: FillFailure): false {
    this.#failure = reason;
    return false;
  }
}
