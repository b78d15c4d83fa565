import type { ResponseHead } from '../http/response-head.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { Loan, UpstreamConnection, UpstreamSink } from '../upstream/sink.ts';
import { Admission } from './admission.ts';
import type { Exchange } from './exchange.ts';

/**
 * What the upstream's side holds of an exchange. These calls come from a socket's callback, where a throw would end in nobody's
 * hands and doom the worker; here it costs its own exchange, and the connection never hears of it.
 */
export class GuardedSink implements UpstreamSink {
  /** Its place among the requests that the upstream has at once, where those are limited. */
  readonly admission = new Admission();
  private readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  onUpstreamConnection(connection: UpstreamConnection): void {
    const { life } = this.exchange;
    try {
      this.exchange.onUpstreamConnection(connection);
    } catch (error) {
      // Where the exchange has not taken it yet, nobody else would give it back.
      if (this.exchange.connection === null) connection.abandon();
      this.onThrown(error, life);
    }
  }

  onUpstreamInformational(head: ResponseHead): void {
    const { life } = this.exchange;
    try {
      this.exchange.onUpstreamInformational(head);
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamHead(head: ResponseHead, bodyLength: number): void {
    const { life } = this.exchange;
    try {
      this.admission.onHead(this.exchange.facts, head.status, this.exchange.gateway.clock);
      this.exchange.onUpstreamHead(head, bodyLength);
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamBody(bytes: Buffer): Loan {
    const { life } = this.exchange;
    try {
      return this.exchange.onUpstreamBody(bytes);
    } catch (error) {
      this.onThrown(error, life);
      // How far it got is not known.
      return 'kept';
    }
  }

  onUpstreamPause(): void {
    const { life } = this.exchange;
    try {
      this.exchange.onUpstreamPause();
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamEnd(): void {
    const { life } = this.exchange;
    try {
      this.exchange.onUpstreamEnd();
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamFail(failure: UpstreamFailure): void {
    const { life } = this.exchange;
    try {
      this.admission.onFailure(failure.kind, this.exchange.gateway.clock);
      this.exchange.onUpstreamFail(failure);
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamDrain(): void {
    const { life } = this.exchange;
    try {
      this.exchange.onUpstreamDrain();
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  /** With another life the exchange has ended, and may be serving somebody else already. */
  private onThrown(error: unknown, life: number): void {
    const { exchange } = this;
    exchange.gateway.reportError('serving a request', error);
    if (exchange.life === life) exchange.onException();
  }
}
