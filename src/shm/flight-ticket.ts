/**
 * What a request is to its key's flight.
 * `lead`: it goes to the origin for all. `follow`: somebody else does; look and watch.
 * `uncacheable`: the key's answers were not to be shared lately, so it goes alone, at once. `full`: no place in the table, likewise alone.
 */
export type TicketKind = 'lead' | 'follow' | 'uncacheable' | 'full';

/**
 * How a flight stands.
 * - `leading`: no head yet. `streaming`: the object fills. `done`: it is whole in the store.
 * - `failed`: the leader gave up or died; `takeOver` decides who goes on.
 * - `released`: not to be shared: everybody goes alone, at once.
 * - `over`: the flight has ended and its slot serves another one. Look in the store, then enter anew.
 */
export type FlightState = 'leading' | 'streaming' | 'done' | 'failed' | 'released' | 'over';

/** A request's place in a flight. Made by `enter`; `look` and `takeOver` change it, nobody else does. */
export class Ticket {
  kind: TicketKind;
  /** -1: in no flight. */
  readonly slot: number;
  readonly generation: number;
  /**
   * The object that was shared last in this flight, as of the last look; -1: none. In any state: one who goes on for a failed leader
   * finds the partial object here, and one who comes late to a flight that is `over` the whole one. The store tells whether it is still there.
   */
  entry = -1;
  entryGeneration = 0;
  /** The slot's word as of the last look. */
  word: number;

  constructor(kind: TicketKind, slot: number, generation: number, word: number) {
    this.kind = kind;
    this.slot = slot;
    this.generation = generation;
    this.word = word;
  }
}
