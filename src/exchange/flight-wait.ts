import type { ChangeWaiter } from '../shm/change-watch.ts';
import type { Ticket } from '../shm/flight-ticket.ts';
import type { Flights } from '../shm/flights.ts';
import type { Exchange } from './exchange.ts';

/** Who waits for a flight to stand otherwise. */
export interface FlightWaiter {
  /** It does, or may: look again. */
  onFlightChange(ticket: Ticket): void;
  /** Patience is over. */
  onFlightTimeout(): void;
}

/** The wait of one exchange for the flight of another, with its limit, and the time that it took. One object for all its waits. */
export class FlightWait implements ChangeWaiter {
  /** When patience ends, ms of the loop's clock. */
  deadlineMs = 0;
  private readonly exchange: Exchange;
  private readonly flights: Flights;
  private readonly waiter: FlightWaiter;
  private ticket: Ticket | null = null;
  private sinceMs = 0;

  constructor(exchange: Exchange, flights: Flights, waiter: FlightWaiter) {
    this.exchange = exchange;
    this.flights = flights;
    this.waiter = waiter;
  }

  get isWaiting(): boolean {
    return this.ticket !== null;
  }

  /** Until the flight stands otherwise than at the last look. False: it does already; look again. */
  begin(ticket: Ticket, deadlineMs: number): boolean {
    if (!this.flights.watch(ticket, this)) return false;
    const { gateway } = this.exchange;
    this.ticket = ticket;
    this.deadlineMs = deadlineMs;
    this.sinceMs = gateway.clock.nowMs;
    gateway.waits.add(this);
    return true;
  }

  /** Harmless when nothing is waited for. */
  end(): void {
    const { ticket } = this;
    if (ticket === null) return;
    const { gateway, facts } = this.exchange;
    this.ticket = null;
    gateway.waits.delete(this);
    facts.addWait(gateway.clock.nowMs - this.sinceMs);
    this.flights.unwatch(ticket, this);
  }

  onChange(): void {
    const { ticket, exchange, waiter } = this;
    exchange.gateway.clock.refresh();
    this.end();
    if (ticket !== null) exchange.gateway.guard(exchange, () => waiter.onFlightChange(ticket));
  }

  onTimeout(): void {
    const { exchange, waiter } = this;
    exchange.gateway.guard(exchange, () => {
      this.end();
      waiter.onFlightTimeout();
    });
  }
}
