import type { Numbers } from '../base/numbers.ts';
import { BodyCursor } from './body-cursor.ts';
import { readHead, type ObjectHead } from './blocks.ts';
import type { ChangeWaiter } from './change-watch.ts';
import { type EntryTable, generationOf, headCell, STAGE, STATE, stateOf } from './entry-table.ts';
import { settleReads } from './ordering.ts';
import type { StoreCore } from './store-core.ts';
import { RECORD } from './store-layout.ts';

/** `gone`: the fill was given up; what is published stays readable while it is pinned, but no more will come. */
export type FillingState = 'filling' | 'whole' | 'gone';

const WAITED = 1;

type FillName = { readonly entry: number; readonly generation: number; readonly key: string };

/**
 * An object that is read while it fills, by any number of readers on any thread.
 *
 * - The filler writes bytes, then BODY_LENGTH, then changes CHANGE; at the end STAGE (or, when it gives up, the state word), then CHANGE.
 * - A reader pins before it reads. While it is pinned the entry cannot become another object, and neither publication, update nor
 *   doom moves a byte of the body: readers go on over all of them. So does an aborted fill keep its bytes until the last unpin.
 * - Who waits sets a bit in CHANGE and then looks at length and state once more; the filler changes these first and CHANGE after
 *   them, and wakes if the bit was set. One wake-up a write at most, none when nobody waits.
 * - A dead filler leaves its entry FILLING. Its recoverer dooms it, and wakes the readers of every entry that was the dead one's.
 */
export class FillingObject {
  readonly entry: number;
  readonly generation: number;
  readonly key: string;
  /** latin1 */
  readonly meta: string;
  /** 16 float64 */
  readonly numbers: Numbers;
  readonly #core: StoreCore;

  constructor(core: StoreCore, name: FillName, head: ObjectHead) {
    this.entry = name.entry;
    this.generation = name.generation;
    this.key = name.key;
    this.meta = head.meta;
    this.numbers = head.numbers;
    this.#core = core;
  }

  /** Body bytes that may be read. Like all below: while pinned. */
  get length(): number {
    const { table } = this.#core;
    return Atomics.load(table.records, table.cellAt(this.entry, RECORD.BODY_LENGTH));
  }

  /** Read it before `length`: when it is `whole`, that length is the body's. */
  get state(): FillingState {
    const { table } = this.#core;
    // The state first: a fill is whole before it is no longer FILLING, so one that is not whole then has been given up.
    const isFilling = stateOf(table.word(this.entry)) === STATE.FILLING;
    if (Atomics.load(table.records, table.cellAt(this.entry, RECORD.STAGE)) === STAGE.WHOLE) return 'whole';
    return isFilling ? 'filling' : 'gone';
  }

  /** A place in the body, at its begin. Each reader has its own. */
  cursor(): BodyCursor {
    return new BodyCursor(this.#core, this.entry);
  }

  /** Once more, for another reader of this thread. False: it has gone, or been updated; look in the store. */
  pin(): boolean {
    return pinFill(this.#core, this) !== undefined;
  }

  unpin(): void {
    this.#core.pins.unpin(this.entry);
  }

  /** Has the waiter told when there is more than `seenLength`, or the end. False: there is already. */
  watch(seenLength: number, waiter: ChangeWaiter): boolean {
    const { table, watch } = this.#core;
    const cell = table.cellAt(this.entry, RECORD.CHANGE);
    const change = Atomics.load(table.records, cell);
    if (this.state !== 'filling' || this.length !== seenLength) return false;
    const waited = change | WAITED;
    if (change !== waited && Atomics.compareExchange(table.records, cell, change, waited) !== change) return false;
    return watch.add(cell, waited, waiter);
  }

  /** The waiter has had enough. Harmless when it does not wait. */
  unwatch(waiter: ChangeWaiter): void {
    this.#core.watch.remove(this.#core.table.cellAt(this.entry, RECORD.CHANGE), waiter);
  }
}

/** See `ObjectStore.openFilling`. */
export function openFilling(core: StoreCore, name: FillName): FillingObject | undefined {
  const word = pinFill(core, name);
  if (word === undefined) return undefined;
  const head = readFillHead(core, name, word);
  if (head?.key === name.key) return new FillingObject(core, name, head);
  core.pins.unpin(name.entry);
  return undefined;
}

/** Pins an entry of this generation. Returns the state word it had then. */
function pinFill(core: StoreCore, { entry, generation }: Omit<FillName, 'key'>): number | undefined {
  const { table, pins } = core;
  if (entry < 0 || entry >= core.usedEntries) return undefined;
  // Fails as often as the state changes meanwhile: at most twice within the generation.
  for (;;) {
    const word = table.word(entry);
    if (generationOf(word) !== generation) return undefined;
    const state = stateOf(word);
    // A doomed entry may be about to be freed, unless this thread holds it already.
    const canPin = state === STATE.FILLING || state === STATE.LIVE || (state === STATE.DOOMED && pins.holds(entry));
    if (!canPin) return undefined;
    if (pins.pin(entry, word)) return word;
  }
}

/** Pins do not keep the head: an update replaces it, and the generation with it. */
function readFillHead({ table, memory }: StoreCore, { entry, generation }: FillName, word: number): ObjectHead | undefined {
  if (Atomics.load(table.records, table.cellAt(entry, RECORD.STAGE)) === STAGE.HEADLESS) return undefined;
  const head = readHead(memory, table.get(entry, RECORD.FIRST), table.get(entry, headCell(word)));
  settleReads();
  return generationOf(table.word(entry)) === generation ? head : undefined;
}

/** Says that a fill has changed. */
export function announce(table: EntryTable, entry: number): void {
  const cell = table.cellAt(entry, RECORD.CHANGE);
  for (;;) {
    const change = Atomics.load(table.records, cell);
    if (Atomics.compareExchange(table.records, cell, change, ((change | WAITED) + 1) | 0) !== change) continue;
    if ((change & WAITED) !== 0) Atomics.notify(table.records, cell);
    return;
  }
}

/** The same for a dead filler, which may have died before its last wake-up. */
export function announceAll(table: EntryTable, entry: number): void {
  announce(table, entry);
  Atomics.notify(table.records, table.cellAt(entry, RECORD.CHANGE));
}
