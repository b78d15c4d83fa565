import { assert } from '../base/assert.ts';
import { itemAt } from '../base/elements.ts';
import { ChangeWatch, type ChangeWaiter } from './change-watch.ts';
import {
  FLIGHT,
  FLIGHT_CONTROL,
  FlightMemory,
  flightGeneration,
  flightState,
  inState,
  leaderIn,
  ledBy,
  MARK_UNIT_MS,
  nextFlight,
  SLOT,
  SLOT_CELLS,
  WAITED,
} from './flight-cells.ts';
import { FlightTable } from './flight-table.ts';
import { type FlightState, Ticket } from './flight-ticket.ts';

const NONE = -1;
const MAX_TRIES = 64;
const MAX_UINT32 = 2 ** 32 - 1;
const STATE_NAMES: readonly FlightState[] = ['over', 'over', 'leading', 'streaming', 'done', 'failed', 'released'];

export type FlightStats = {
  readonly slots: number;
  readonly leading: number;
  readonly streaming: number;
  /** Keys that are remembered as uncacheable. */
  readonly remembered: number;
  /** Requests that found no place and went alone. */
  readonly overflows: number;
  /** Marks that had to go for another key before their time. */
  readonly forgotten: number;
};

/**
 * Who goes to the origin for whom, on the whole host: for each key one leader, and followers on any thread.
 *
 * Invariants (those of the table are in flight-table.ts)
 * - A flight is a slot and a generation. Its word changes by compare-and-swap only: by its leader (the participant in the word)
 *   while LEADING or STREAMING; by anybody from FAILED, DONE and UNCACHEABLE; by the recoverer of a dead leader. So of those who
 *   take over, and of those who begin the next flight of a key, one wins.
 * - What a state tells besides itself (`ENTRY…`, `UNTIL`) is stored before the word.
 * - Who waits first sets WAITED in the word, then waits for just that word. Every change of the word clears the bit and, if it
 *   was set, wakes all. A thread that dies between the two leaves sleepers: `recover` wakes every slot.
 * - A thread that sleeps while its flight's slot has exactly 2^20 further flights takes a new flight for its own. That costs time:
 *   whoever is served compares the key and generation of the object in the store.
 * - Nothing here is a promise that a leader acts: followers have a time limit of their own.
 */
export class Flights {
  readonly memory: SharedArrayBuffer;
  readonly #shared: FlightMemory;
  readonly #table: FlightTable;
  readonly #cells: Int32Array;
  readonly #watch: ChangeWatch;
  readonly #self: number;

  constructor(memory: SharedArrayBuffer, self: number) {
    this.memory = memory;
    this.#shared = new FlightMemory(memory);
    assert(self >= 0 && self < this.#shared.participants, 'a participant has an index below their number');
    this.#self = self + 1;
    this.#table = new FlightTable(this.#shared, this.#self);
    this.#cells = this.#shared.cells;
    this.#watch = new ChangeWatch(this.#cells);
  }

  /** What a request for the key is to do. `key`: latin1 text up to `MAX_HASHED_LENGTH`. Allocates the ticket alone. No lock. */
  enter(key: string, nowMs: number): Ticket {
    const table = this.#table;
    table.aim(key);
    let claimed = NONE;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const slot = table.find();
      if (slot !== NONE) {
        const ticket = this.#join(slot, table.word, nowMs);
        if (ticket === undefined) continue;
        if (claimed !== NONE) table.giveBack(claimed);
        return ticket;
      }
      if (claimed === NONE) {
        claimed = table.claim(nowMs);
        if (claimed === NONE) break;
      } else if (table.publish(claimed)) return this.#ticket('lead', claimed, Atomics.load(this.#cells, claimed * SLOT_CELLS));
    }
    if (claimed !== NONE) table.giveBack(claimed);
    Atomics.add(this.#shared.control, FLIGHT_CONTROL.OVERFLOWS, 1);
    return new Ticket('full', NONE, 0, 0);
  }

  /** Whether the ticket leads its flight. */
  isLeading(ticket: Ticket): boolean {
    return ticket.kind === 'lead' && this.#isLedBy(ticket, Atomics.load(this.#cells, ticket.slot * SLOT_CELLS));
  }

  /**
   * Leader: the head may be shared; followers read the filling object from now on. This and the next four are false when the
   * ticket does not lead (any more), and have done nothing then; after each of those four it does not.
   */
  stream(ticket: Ticket, entry: number, entryGeneration: number): boolean {
    if (!this.isLeading(ticket)) return false;
    const at = ticket.slot * SLOT_CELLS;
    const turn = (Atomics.load(this.#cells, at + SLOT.ENTRY_TURN) + 1) | 1;
    Atomics.store(this.#cells, at + SLOT.ENTRY_TURN, turn);
    Atomics.store(this.#cells, at + SLOT.ENTRY, entry);
    Atomics.store(this.#cells, at + SLOT.ENTRY_GENERATION, entryGeneration);
    Atomics.store(this.#cells, at + SLOT.ENTRY_OF, ticket.generation + 1);
    Atomics.store(this.#cells, at + SLOT.ENTRY_TURN, (turn + 1) | 0);
    ticket.entry = entry;
    ticket.entryGeneration = entryGeneration;
    return this.#move(ticket, FLIGHT.STREAMING);
  }

  /** Leader: the object is whole in the store. Whoever enters next leads a new flight. */
  finish(ticket: Ticket): boolean {
    return this.#move(ticket, FLIGHT.DONE);
  }

  /** Leader: no answer came, or its rest did not. Exactly one follower takes over; when nobody waits the flight is over. */
  fail(ticket: Ticket): boolean {
    return this.#move(ticket, FLIGHT.FAILED);
  }

  /**
   * Leader: the answer may not be shared. All followers go alone at once, and so does whoever enters until `untilMs` (host time,
   * rounded up to 100 ms). Less than half a second from now a follower may find the flight `over` in place of `released`.
   */
  release(ticket: Ticket, untilMs: number): boolean {
    if (!this.isLeading(ticket)) return false;
    const until = Math.min(Math.max(Math.ceil(untilMs / MARK_UNIT_MS), 0), MAX_UINT32);
    Atomics.store(this.#cells, ticket.slot * SLOT_CELLS + SLOT.UNTIL, until);
    return this.#move(ticket, FLIGHT.UNCACHEABLE);
  }

  /** Leader: what this flight has shared is void (its rest cannot be had, nor anything that continues it). For everybody it is over. */
  abandon(ticket: Ticket): boolean {
    return this.#move(ticket, FLIGHT.FREE);
  }

  /** An answer to the key may be shared after all: it is uncacheable no more. */
  forget(key: string): void {
    this.#table.aim(key);
    const slot = this.#table.find();
    const { word } = this.#table;
    if (slot === NONE || flightState(word) !== FLIGHT.UNCACHEABLE) return;
    this.#swap(slot, word, nextFlight(word, 0, FLIGHT.DONE));
  }

  /** How the flight stands; `ticket.entry` tells what it has shared. A few loads. */
  look(ticket: Ticket): FlightState {
    const at = ticket.slot * SLOT_CELLS;
    for (;;) {
      const word = Atomics.load(this.#cells, at);
      const isOver = flightGeneration(word) !== ticket.generation;
      const isKnown = this.#readEntry(ticket);
      // Read while it was written, or a takeover in between: another try sees what came of it.
      if (!isOver && (!isKnown || Atomics.load(this.#cells, at) !== word)) continue;
      ticket.word = word;
      return isOver ? 'over' : itemAt(STATE_NAMES, flightState(word));
    }
  }

  /** Has the waiter told when the flight stands otherwise than at the last look. False: it does already; look again. */
  watch(ticket: Ticket, waiter: ChangeWaiter): boolean {
    const at = ticket.slot * SLOT_CELLS;
    const waited = ticket.word | WAITED;
    if (ticket.word !== waited) {
      const found = Atomics.compareExchange(this.#cells, at, ticket.word, waited);
      if (found !== ticket.word && found !== waited) return false;
      ticket.word = waited;
    }
    return this.#watch.add(at, waited, waiter);
  }

  /** The waiter has had enough. Harmless when it does not wait. */
  unwatch(ticket: Ticket, waiter: ChangeWaiter): void {
    this.#watch.remove(ticket.slot * SLOT_CELLS, waiter);
  }

  /** How many of this thread wait for the flight's slot. */
  waitersHere(ticket: Ticket): number {
    return this.#watch.count(ticket.slot * SLOT_CELLS);
  }

  /** After `failed`: the one for whom it is true leads from now on; for the others look again. */
  takeOver(ticket: Ticket): boolean {
    const at = ticket.slot * SLOT_CELLS;
    for (;;) {
      const word = Atomics.load(this.#cells, at);
      if (flightGeneration(word) !== ticket.generation || flightState(word) !== FLIGHT.FAILED) return false;
      if (!this.#swap(ticket.slot, word, ledBy(word, this.#self))) continue;
      ticket.kind = 'lead';
      return true;
    }
  }

  /** Mends what the ended thread `dead` left: its flights have failed, so that a follower of each takes over. Returns their number. */
  recover(dead: number): number {
    let failed = 0;
    for (let slot = 0; slot < this.#shared.slots; slot += 1) {
      if (this.#table.recoverSlot(slot, dead + 1)) failed += 1;
      // It may have died between a change and the wake-up, in any slot.
      Atomics.notify(this.#cells, slot * SLOT_CELLS);
    }
    return failed;
  }

  /** Looks at every slot: for the coordinator. */
  stats(nowMs: number): FlightStats {
    let leading = 0;
    let streaming = 0;
    let remembered = 0;
    for (let slot = 0; slot < this.#shared.slots; slot += 1) {
      const state = flightState(Atomics.load(this.#cells, slot * SLOT_CELLS));
      if (state === FLIGHT.LEADING) leading += 1;
      else if (state === FLIGHT.STREAMING) streaming += 1;
      else if (state === FLIGHT.UNCACHEABLE && this.#table.isMarked(slot, nowMs)) remembered += 1;
    }
    const overflows = Atomics.load(this.#shared.control, FLIGHT_CONTROL.OVERFLOWS) >>> 0;
    const forgotten = Atomics.load(this.#shared.control, FLIGHT_CONTROL.FORGOTTEN) >>> 0;
    return { slots: this.#shared.slots, leading, streaming, remembered, overflows, forgotten };
  }

  /** Undefined: the slot changed meanwhile. */
  #join(slot: number, word: number, nowMs: number): Ticket | undefined {
    const state = flightState(word);
    if (state === FLIGHT.LEADING || state === FLIGHT.STREAMING || state === FLIGHT.FAILED) {
      return this.#isStill(slot, word) ? this.#ticket('follow', slot, word) : undefined;
    }
    if (state === FLIGHT.UNCACHEABLE && this.#table.isMarked(slot, nowMs)) {
      return this.#isStill(slot, word) ? this.#ticket('uncacheable', slot, word) : undefined;
    }
    const next = nextFlight(word, this.#self, FLIGHT.LEADING);
    return this.#swap(slot, word, next) ? this.#ticket('lead', slot, next) : undefined;
  }

  /** Waiting is no change. */
  #isStill(slot: number, word: number): boolean {
    return (Atomics.load(this.#cells, slot * SLOT_CELLS) | WAITED) === (word | WAITED);
  }

  #ticket(kind: Ticket['kind'], slot: number, word: number): Ticket {
    return new Ticket(kind, slot, flightGeneration(word), word);
  }

  #isLedBy(ticket: Ticket, word: number): boolean {
    if (flightGeneration(word) !== ticket.generation || leaderIn(word) !== this.#self) return false;
    return flightState(word) === FLIGHT.LEADING || flightState(word) === FLIGHT.STREAMING;
  }

  /** The leader's change of state; FREE stands for "over". */
  #move(ticket: Ticket, to: number): boolean {
    if (ticket.kind !== 'lead') return false;
    // The word names the thread, not the request: another one of this thread may take over what this one has given up.
    if (to !== FLIGHT.STREAMING) ticket.kind = 'follow';
    for (;;) {
      const word = Atomics.load(this.#cells, ticket.slot * SLOT_CELLS);
      if (!this.#isLedBy(ticket, word)) return false;
      const isOver = to === FLIGHT.FREE || (to === FLIGHT.FAILED && (word & WAITED) === 0 && ticket.entry === NONE);
      const next = isOver ? nextFlight(word, 0, FLIGHT.DONE) : inState(word, to);
      if (this.#swap(ticket.slot, word, next)) return true;
    }
  }

  #swap(slot: number, word: number, next: number): boolean {
    const at = slot * SLOT_CELLS;
    if (Atomics.compareExchange(this.#cells, at, word, next) !== word) return false;
    if ((word & WAITED) !== 0) Atomics.notify(this.#cells, at);
    return true;
  }

  /** Sets the ticket's entry. False: it was written meanwhile. */
  #readEntry(ticket: Ticket): boolean {
    const at = ticket.slot * SLOT_CELLS;
    const turn = Atomics.load(this.#cells, at + SLOT.ENTRY_TURN);
    const entry = Atomics.load(this.#cells, at + SLOT.ENTRY);
    const entryGeneration = Atomics.load(this.#cells, at + SLOT.ENTRY_GENERATION);
    const flight = Atomics.load(this.#cells, at + SLOT.ENTRY_OF);
    if (Atomics.load(this.#cells, at + SLOT.ENTRY_TURN) !== turn) return false;
    const isMine = (turn & 1) === 0 && flight === ticket.generation + 1;
    ticket.entry = isMine ? entry : NONE;
    ticket.entryGeneration = isMine ? entryGeneration : 0;
    return true;
  }
}
