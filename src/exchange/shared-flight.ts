import { never } from '../base/never.ts';
import { N_EPOCH } from '../cache/numbers.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import type { Ticket } from '../shm/flight-ticket.ts';
import type { Flights } from '../shm/flights.ts';
import type { ObjectStore } from '../shm/object-store.ts';
import type { Exchange } from './exchange.ts';
import { FlightWait, type FlightWaiter } from './flight-wait.ts';
import { isOf } from './shared-answer.ts';
import { DUPLICATE_IN_PROGRESS, DUPLICATE_NOT_ANSWERED, SHARING_UNAVAILABLE } from './sharing-answers.ts';
import type { OwnAnswer } from './answers.ts';
import type { SharingPlan } from './sharing-plan.ts';

/** A key whose answers are not shared is known for so long. */
const REMEMBERED_MS = 10_000;
/** Flights that a request enters before it goes by itself: what one had for it may be gone, or too old. */
const MAX_FLIGHTS = 3;

/** `too-old`: what was asked has been changed between the flight's request and this one. `useless`: it has gone meanwhile. */
export type Attached = 'taken' | 'too-old' | 'useless';

/** What comes of a request that looks for an identical one under way. */
export interface FlightMember {
  /** It goes to the upstream, for all or alone. */
  send(): void;
  /** It must not run: an identical one may have. */
  refuse(answer: OwnAnswer): void;
  /** There is what the flight has for all; pinned, `attach` is to unpin it. */
  attach(filling: FillingObject): Attached;
  /** It waits from now on. */
  onParked(): void;
}

/**
 * The place of one request among the identical ones of the whole host: it asks the upstream for all (it leads), waits for what another
 * one gets, or goes alone. One that may run twice does so where another one's answer cannot be had; one that may not is refused then.
 */
export class SharedFlight implements FlightWaiter {
  /** When its patience ends, ms of the loop's clock. */
  private readonly deadlineMs: number;
  private readonly exchange: Exchange;
  private readonly sharing: SharingPlan;
  private readonly flights: Flights;
  private readonly store: ObjectStore;
  private readonly firstKey: string;
  private ownKey: string;
  private readonly isRepeatable: boolean;
  private readonly member: FlightMember;
  private ticket: Ticket | null = null;
  private entered = 0;
  private readonly wait: FlightWait;

  constructor(exchange: Exchange, sharing: SharingPlan, of: { key: string; isRepeatable: boolean; member: FlightMember }) {
    this.exchange = exchange;
    this.sharing = sharing;
    this.flights = sharing.flights;
    this.store = sharing.caching.store;
    this.firstKey = of.key;
    this.ownKey = of.key;
    this.isRepeatable = of.isRepeatable;
    this.member = of.member;
    this.wait = new FlightWait(exchange, sharing.flights, this);
    this.deadlineMs = exchange.gateway.clock.nowMs + sharing.config.maxWaitMs;
  }

  /** Of the flight, and of what it has for all. */
  get key(): string {
    return this.ownKey;
  }

  /** The flight that it leads. */
  get led(): Ticket | null {
    return this.ticket?.kind === 'lead' ? this.ticket : null;
  }

  enter(): void {
    const { flights, sharing, exchange } = this;
    const ticket = flights.enter(this.key, exchange.gateway.clock.hostMs);
    this.ticket = ticket;
    this.entered++;
    switch (ticket.kind) {
      case 'lead':
      case 'uncacheable':
        this.member.send();
        return;
      case 'full':
        sharing.metrics.countWaitOver('full');
        this.goWithout(SHARING_UNAVAILABLE);
        return;
      case 'follow':
        if (flights.waitersHere(ticket) < sharing.config.maxFollowers) this.follow(ticket, false);
        else this.giveUp('maxFollowers');
        return;
      default:
        never(ticket.kind, 'enter');
    }
  }

  onFlightChange(ticket: Ticket): void {
    this.follow(ticket, true);
  }

  onFlightTimeout(): void {
    this.giveUp('maxWait');
  }

  private follow(ticket: Ticket, hasWaited: boolean): void {
    const { flights } = this;
    for (;;) {
      const state = flights.look(ticket);
      switch (state) {
        case 'leading':
          if (!this.wait.begin(ticket, this.deadlineMs)) continue;
          this.member.onParked();
          return;
        case 'streaming':
        case 'done':
        case 'over':
          this.arrive(ticket);
          return;
        case 'failed':
          if (!flights.takeOver(ticket)) continue;
          this.takeOver(ticket, hasWaited);
          return;
        case 'released':
          this.sharing.metrics.countRelease();
          this.goWithout(DUPLICATE_NOT_ANSWERED);
          return;
        default:
          never(state, 'follow');
      }
    }
  }

  /** The flight has something for all, or had. */
  private arrive(ticket: Ticket): void {
    const filling = this.open(ticket);
    const sequence = filling?.numbers[N_EPOCH] ?? 0;
    const attached = filling === undefined ? 'useless' : this.member.attach(filling);
    if (attached === 'taken') return;
    this.ticket = null;
    // Those who come after a change have a flight of their own, as long as the one from before it goes on.
    if (attached === 'too-old') this.ownKey = `${this.firstKey}\n${sequence}`;
    if (this.isRepeatable && this.entered < MAX_FLIGHTS) this.enter();
    else this.goWithout(DUPLICATE_NOT_ANSWERED);
  }

  private open(ticket: Ticket): FillingObject | undefined {
    const { store, key } = this;
    if (ticket.entry >= 0) {
      const filling = store.openFilling(ticket.entry, ticket.entryGeneration, key);
      if (filling !== undefined) return filling;
    }
    // The slot has gone on to the key's next flight meanwhile.
    for (let at = store.find(key); at >= 0; at = store.next(at, key)) {
      const object = store.open(at, key);
      if (object !== undefined && isOf(object.numbers, ticket)) return store.openFilling(at, object.generation, key);
    }
    return undefined;
  }

  /** The worker of whoever led has died. Nobody knows what became of its request; but one that comes only now is a new one. */
  private takeOver(ticket: Ticket, hasWaited: boolean): void {
    if (this.isRepeatable || !hasWaited) {
      this.sharing.metrics.countTakeover();
      this.member.send();
      return;
    }
    this.flights.abandon(ticket);
    this.goWithout(DUPLICATE_NOT_ANSWERED);
  }

  private giveUp(why: 'maxWait' | 'maxFollowers'): void {
    this.sharing.metrics.countWaitOver(why);
    this.goWithout(DUPLICATE_IN_PROGRESS);
  }

  /** Another one's answer cannot be had. */
  goWithout(answer: OwnAnswer): void {
    this.ticket = null;
    if (this.isRepeatable) this.member.send();
    else this.member.refuse(answer);
  }

  // ---- leading ---------------------------------------------------------------------------------------------------------

  /** Followers read the object from now on. */
  stream(entry: number, generation: number): void {
    if (this.led !== null) this.flights.stream(this.led, entry, generation);
  }

  /** What there is for all is whole. Who asks from now on asks anew. */
  finish(): void {
    if (this.led !== null) this.flights.finish(this.led);
  }

  /** The others go by themselves, at once, or are refused. */
  release(): void {
    const { led } = this;
    if (led === null) return;
    if (this.isRepeatable) this.flights.release(led, this.exchange.gateway.clock.hostMs + REMEMBERED_MS);
    else this.flights.abandon(led);
  }

  /** It turned out that answers to the key can be shared, which it was remembered not to. */
  forget(): void {
    if (this.ticket?.kind === 'uncacheable') this.flights.forget(this.key);
  }

  /** There is no answer, for whatever reason. */
  fail(): void {
    const { led } = this;
    if (led === null) return;
    if (this.isRepeatable) this.flights.fail(led);
    else this.flights.abandon(led);
  }

  /** The exchange ends. */
  close(): void {
    this.wait.end();
    this.fail();
    this.ticket = null;
  }
}
