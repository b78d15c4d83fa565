import type { ResponseHead } from '../http/response-head.ts';
import type { TryKind } from '../upstream/endpoint-watch.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { FailureKind, UpstreamFailure } from '../upstream/failure.ts';
import type { Loan, UpstreamConnection, UpstreamSink } from '../upstream/sink.ts';
import type { Target } from '../upstream/target.ts';
import { Admission } from './admission.ts';
import type { Exchange } from './exchange.ts';
import { losesRace, winsRace } from './hedging.ts';
import { TryAccount } from './try-account.ts';

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
  /** Whom its outcome is owed. */
  readonly account: TryAccount;
  /** When it had its connection; 0 = not yet. */
  connectedMs = 0;
  /** A connection has been asked for, and has not come. */
  private isAsking = false;
  private timer: NodeJS.Timeout | null = null;
  /** When it has had its time, ms of the loop's clock; for `Gateway.waits`. */
  deadlineMs = 0;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
    this.account = new TryAccount(exchange.gateway.clock);
  }

  /** `target` has just been chosen by `cluster`. */
  begin(target: Target, kind: TryKind, cluster: Cluster): void {
    if (this.account.isOpen) this.settle();
    this.target = target;
    this.account.begin(cluster, target, kind);
  }

  /** It has so long to the head of an answer. */
  limit(ms: number): void {
    const { waits, clock } = this.exchange.gateway;
    this.deadlineMs = clock.nowMs + ms;
    waits.add(this);
  }

  onTimeout(): void {
    const stage = this.connection === null ? 'queued' : 'sent';
    this.letGo();
    this.onUpstreamFail({ kind: 'try-timeout', stage, isReused: false, detail: 'no response head in the time of a try' });
  }

  /** Calls `next` after `ms`, unless it is given up before. */
  after(ms: number, next: () => void): void {
    const { exchange } = this;
    const { life, gateway } = exchange;
    this.timer = setTimeout(() => {
      this.timer = null;
      if (exchange.life !== life) return;
      gateway.clock.refresh();
      gateway.guard(exchange, next);
    }, ms);
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

  /** Wants no more of an answer whose head has come. */
  forgo(): void {
    this.connection?.forgo();
    this.connection = null;
    this.settle();
  }

  /** Gives it up; nothing more is heard of it. */
  drop(): void {
    this.letGo();
    this.settle();
  }

  private letGo(): void {
    const { connection, target } = this;
    this.connection = null;
    if (connection !== null) connection.abandon();
    else if (this.isAsking) target?.pool.cancel(this);
  }

  /** It is over, however it went. */
  settle(): void {
    this.isAsking = false;
    this.admission.leave();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.deadlineMs !== 0) this.endLimit();
    this.account.end();
  }

  private endLimit(): void {
    this.deadlineMs = 0;
    this.exchange.gateway.waits.delete(this);
  }

  /** The exchange has ended, and is used for another one. */
  reset(): void {
    this.settle();
    this.target = null;
    this.connection = null;
    this.connectedMs = 0;
  }

  onUpstreamConnection(connection: UpstreamConnection): void {
    const { exchange } = this;
    const { life } = exchange;
    this.isAsking = false;
    this.connection = connection;
    try {
      exchange.onUpstreamConnection(this, connection);
    } catch (error) {
      // Where the exchange has ended without it, nobody else would give it back.
      if (exchange.life !== life) connection.abandon();
      this.onThrown(error, life);
    }
  }

  onUpstreamInformational(head: ResponseHead): void {
    const { life } = this.exchange;
    try {
      if (this.exchange.current === this) this.exchange.onUpstreamInformational(head);
    } catch (error) {
      this.onThrown(error, life);
    }
  }

  onUpstreamHead(head: ResponseHead, bodyLength: number): void {
    const { exchange } = this;
    const { life } = exchange;
    try {
      exchange.gateway.clock.refresh();
      this.admission.onHead(exchange.facts, head.status, exchange.gateway.clock);
      if (this.deadlineMs !== 0) this.endLimit();
      if (this.account.isOpen) this.account.onAnswer(head.status);
      if (exchange.rivals === null || winsRace(exchange, this, head.status)) exchange.onUpstreamHead(head, bodyLength);
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
    if (this.account.isOpen) this.settle();
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
      if (this.account.isOpen) this.account.onFailure(failure.kind);
      this.settle();
      if (exchange.rivals === null || losesRace(exchange, this)) exchange.onUpstreamFail(failure);
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
