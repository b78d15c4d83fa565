import type { ResponseHead } from '../http/response-head.ts';
import type { EndpointWatch, TryKind } from '../upstream/endpoint-watch.ts';
import type { FailureKind, UpstreamFailure } from '../upstream/failure.ts';
import type { Loan, UpstreamConnection, UpstreamSink } from '../upstream/sink.ts';
import type { Target } from '../upstream/target.ts';
import { Admission } from './admission.ts';
import type { Exchange } from './exchange.ts';

/**
 * One try at the upstream for an exchange: the endpoint, the connection, and what has to be told when it is over. An exchange goes on with one
 * at a time, which it uses over again; where two race there is another for the second.
 *
 * It is what the upstream's side holds. These calls come from a socket's callback, where a throw would end in nobody's hands and doom the
 * worker; here it costs its own exchange, and the connection never hears of it.
 */
export class Try implements UpstreamSink {
  readonly exchange: Exchange;
  target: Target | null = null;
  connection: UpstreamConnection | null = null;
  /** Its place among the requests that the upstream has at once, where those are limited. */
  readonly admission = new Admission();
  /** A connection has been asked for, and has not come. */
  private isAsking = false;
  /** Whom its end is owed. */
  private watch: EndpointWatch | null = null;
  private beganMs = 0;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
  }

  begin(target: Target, kind: TryKind): void {
    if (this.watch !== null) this.settle();
    this.target = target;
    const { watch } = target;
    this.watch = watch;
    if (watch === null) return;
    this.beganMs = this.exchange.gateway.clock.nowMs;
    watch.begin(kind);
  }

  /** Asks for a connection. One that is not the first never gets a used one, which may be as stale as the last. */
  ask(isFresh: boolean, isPipelinable: boolean): void {
    const { target } = this;
    if (target === null) return;
    this.isAsking = true;
    if (isFresh) target.pool.requestFresh(this);
    else target.pool.request(this, isPipelinable);
  }

  /** Fails without having asked: in a microtask, as everything that comes to nothing before there is a connection. */
  refuse(kind: FailureKind): void {
    const { exchange } = this;
    const { life } = exchange;
    this.isAsking = true;
    queueMicrotask(() => {
      if (exchange.life !== life || !this.isAsking) return;
      this.onUpstreamFail({ kind, stage: 'queued', isReused: false, detail: 'not asked' });
    });
  }

  /** Gives it up; nothing more is heard of it. */
  drop(): void {
    const { connection, target } = this;
    this.connection = null;
    if (connection !== null) connection.abandon();
    else if (this.isAsking) target?.pool.cancel(this);
    this.settle();
  }

  /** It is over, however it went. */
  settle(): void {
    this.isAsking = false;
    this.admission.leave();
    this.watch?.end();
    this.watch = null;
  }

  /** The exchange has ended, and is used for another one. */
  reset(): void {
    this.settle();
    this.target = null;
    this.connection = null;
    this.beganMs = 0;
  }

  onUpstreamConnection(connection: UpstreamConnection): void {
    const { exchange } = this;
    const { life } = exchange;
    this.isAsking = false;
    this.connection = connection;
    try {
      exchange.onUpstreamConnection(connection);
    } catch (error) {
      // Where the exchange has ended without it, nobody else would give it back.
      if (exchange.life !== life) connection.abandon();
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
    const { exchange } = this;
    const { life } = exchange;
    try {
      const nowMs = exchange.gateway.clock.refresh();
      this.admission.onHead(exchange.facts, head.status, exchange.gateway.clock);
      if (this.watch !== null) this.watch.onAnswer(head.status, nowMs - this.beganMs);
      exchange.onUpstreamHead(head, bodyLength);
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
    this.connection = null;
    if (this.watch !== null) this.settle();
    try {
      this.exchange.onUpstreamEnd();
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamFail(failure: UpstreamFailure): void {
    const { exchange } = this;
    const { life } = exchange;
    this.connection = null;
    try {
      this.admission.onFailure(failure.kind, exchange.gateway.clock);
      this.watch?.onFailure(failure.kind);
      this.settle();
      exchange.onUpstreamFail(failure);
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
