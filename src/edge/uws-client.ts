import type { Lender } from '../base/direct-writer.ts';
import type { Placed } from '../base/placed-list.ts';
import { type AnswerFraming, type ClientPort, LENT_BYTES } from '../exchange/client-port.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestRefusal } from '../http/refusal.ts';
import { parseRequestHead } from '../http/request-head.ts';
import type { Loan } from '../upstream/sink.ts';
import { ClientTimes } from './client-times.ts';
import type { Flushable } from './flush-queue.ts';
import type { UwsRequest, UwsResponse } from './uws-addon.ts';
import { UwsAnswer, type UwsEnding } from './uws-answer.ts';
import { UwsIntake, type UwsIntakeOwner } from './uws-intake.ts';
import type { UwsServer } from './uws-server.ts';
import { addressText, headText } from './uws-text.ts';

/** A request body that was not wanted is read to its end if no more than this is left, so that the connection can go on. */
const MAX_DISCARD_BYTES = 64 * 1024;
/** With no more than this left, the client is told to close instead of being closed: a reset would destroy the answer. */
const MAX_LINGER_BYTES = 1024 * 1024;

/**
 * One request of the `uws` engine and its answer. Pooled: its callbacks are made once. It is reused only after both the
 * answer and the request body have ended, since the addon goes on calling `onData` for a body whose answer is out.
 *
 * The framing of a chunked request, or of one whose head is refused, is not to be trusted: the addon would read what follows
 * as the next request, at once and in the same read. So the answer to such a request is put off until the addon has left its
 * parser (what follows then meets an unanswered request, and the addon closes), and nothing is read after it. A last answer
 * that comes before the end of the request body is put off likewise: of a small body the rest is mostly there already.
 */
export class UwsClient implements ClientPort, UwsIntakeOwner, Flushable, Placed {
  readonly server: UwsServer;
  place = -1;
  /** Not known to this engine. */
  readonly remotePort = 0;
  readonly canInform = false;

  private address = '';
  private exchange: Exchange | null = null;
  private readonly answer = new UwsAnswer();
  private readonly intake = new UwsIntake(this, this.answer);
  private readonly times: ClientTimes;
  private isDistrusted = false;
  /** The answer waits until the addon has left its parser. */
  private isDeferred = false;
  private isClosedByClient = false;
  private isLast = false;
  private hasOnWritable = false;

  private readonly onAborted = (): void => this.handleGone();
  private readonly onWritable = (): boolean => {
    try {
      return this.handleWritable();
    } catch (error) {
      this.onException(error);
      return true;
    }
  };

  constructor(server: UwsServer) {
    this.server = server;
    this.times = new ClientTimes(server.config, server.clock);
  }

  // ---- the request -----------------------------------------------------------------------------------------------------

  /** A request is there, lent for this call. */
  begin(res: UwsResponse, req: UwsRequest): void {
    this.reset(res);
    res.onAborted(this.onAborted);
    try {
      this.read(res, req);
    } catch (error) {
      this.onException(error);
    }
  }

  /** Our own fault: this request pays with a 500, the worker goes on. */
  onException(error: unknown): void {
    this.isLast = true;
    this.server.gateway.reportError('serving a request', error);
    if (this.exchange === null) this.cut();
    else this.exchange.onException();
  }

  private read(res: UwsResponse, req: UwsRequest): void {
    const { gateway, plan, config } = this.server;
    const exchange = gateway.open(this, plan);
    this.exchange = exchange;
    if (gateway.accessLog !== undefined) this.address = addressText(res.getRemoteAddress());
    const text = headText(req);
    if (text === undefined) {
      this.refuse('malformed-field');
      return;
    }
    plan.countReceived(text.length);
    const refusal = text.length > config.limits.maxHeadBytes ? 'head-too-large' : parseRequestHead(text, exchange.head, config.limits);
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    const { head } = exchange;
    if (!head.keepAlive) {
      this.isLast = true;
      this.isClosedByClient = req.getHeader('connection').length === 5;
    }
    this.isDistrusted = head.isChunked;
    if (head.isChunked || head.contentLength > 0) this.intake.open(res, head.isChunked ? -1 : head.contentLength, this.server.clock.nowMs);
    exchange.begin();
  }

  private reset(res: UwsResponse): void {
    this.answer.reset(res);
    this.intake.reset();
    this.address = '';
    this.isDistrusted = false;
    this.isDeferred = false;
    this.isClosedByClient = false;
    this.isLast = false;
    this.hasOnWritable = false;
    this.times.restart();
  }

  private refuse(refusal: RequestRefusal): void {
    this.isDistrusted = true;
    this.isLast = true;
    this.exchange?.refuse(refusal);
  }

  // ---- UwsIntakeOwner --------------------------------------------------------------------------------------------------

  onBytes(length: number): void {
    this.server.clock.refresh();
    this.server.plan.countReceived(length);
  }

  onBodyBytes(piece: Buffer): void {
    this.times.awaitBody();
    this.exchange?.onClientBody(piece);
  }

  onBodyEnd(): void {
    this.awaitTurn();
    this.exchange?.onClientBodyEnd();
  }

  /** The client is waited for where it is to send, or to take what we have for it. */
  private awaitTurn(): void {
    if (this.intake.isAwaited || this.answer.isFull) this.times.awaitBody();
    else this.times.awaitNothing();
  }

  // ---- ClientPort ----------------------------------------------------------------------------------------------------

  get remoteAddress(): string {
    const { res } = this.answer;
    if (this.address === '' && res !== null) this.address = addressText(res.getRemoteAddress());
    return this.address;
  }

  get localPort(): number {
    return this.server.port;
  }

  get isFull(): boolean {
    return this.answer.isFull;
  }

  writeInformational(): void {
    // Never called: `canInform` is false, the addon has no way to write an interim answer.
  }

  writeHead(status: string, block: string, framing: AnswerFraming, lengthWhenNone: number): void {
    const { answer, server } = this;
    if (this.isDistrusted || server.isDraining || server.gateway.isDraining || !this.canDiscardRest()) this.isLast = true;
    this.isDeferred = this.isDistrusted || (this.isLast && this.intake.isOpen);
    answer.hold(status, block, framing, lengthWhenNone);
    if (this.isLast && !this.isDeferred) answer.endBy(this.endingOf());
    server.plan.countSent(status.length + block.length);
    server.flushQueue.add(this);
  }

  writeBody(bytes: Buffer): Loan {
    const { answer, server } = this;
    server.plan.countSent(bytes.length);
    if (!this.isDeferred) {
      const loan = answer.write(bytes);
      if (answer.isFull) this.awaitWritable();
      return loan;
    }
    const loan = answer.add(bytes);
    answer.isFull = true;
    server.flushQueue.add(this);
    return loan;
  }

  writeBodyText(text: string): void {
    this.writeBody(Buffer.from(text, 'latin1'));
  }

  lendBody(bytes: Buffer, lender: Lender): Loan {
    if (bytes.length <= LENT_BYTES) {
      this.writeBody(Buffer.from(bytes));
      return 'released';
    }
    const loan = this.writeBody(bytes);
    if (loan === 'kept') this.answer.owe(lender);
    return loan;
  }

  /** What waits does so in the flush queue. */
  writeOut(): void {}

  finish(): void {
    this.exchange = null;
    this.intake.drop();
    this.answer.finish();
    if (this.isDeferred) this.server.flushQueue.add(this);
    else this.flush();
  }

  cut(): void {
    this.exchange = null;
    this.intake.drop();
    this.answer.res?.close();
  }

  pauseBody(): void {
    this.intake.pause();
    this.awaitTurn();
  }

  resumeBody(): void {
    this.intake.resume();
    if (this.intake.isAwaited) this.times.awaitBody();
  }

  closeAfter(): void {
    this.isLast = true;
  }

  private endingOf(): UwsEnding {
    if (this.isClosedByClient) return 'by-client';
    return this.isDistrusted || !this.intake.isOpen || this.intake.left > MAX_LINGER_BYTES ? 'closed' : 'told';
  }

  private canDiscardRest(): boolean {
    return !this.intake.isOpen || (this.intake.left <= MAX_DISCARD_BYTES && this.exchange?.head.expectsContinue !== true);
  }

  // ---- life ----------------------------------------------------------------------------------------------------------

  /** Writes what is held. Called at the end of the tick, or after the addon has left its parser. */
  flush(): void {
    try {
      this.write();
    } catch (error) {
      this.onException(error);
    }
  }

  private write(): void {
    const { answer } = this;
    if (!answer.hasHead || answer.isEnded) {
      this.releaseIfOver();
      return;
    }
    const wasFull = answer.isFull;
    if (this.isDeferred) {
      answer.isFull = false;
      answer.endBy(this.endingOf());
    }
    answer.flush();
    if (answer.isFull) this.awaitWritable();
    else if (wasFull) this.exchange?.onClientDrain();
    this.releaseIfOver();
  }

  private handleWritable(): boolean {
    this.server.clock.refresh();
    const { answer } = this;
    answer.onWritable();
    this.awaitTurn();
    if (answer.isFull) this.awaitWritable();
    else this.exchange?.onClientDrain();
    this.releaseIfOver();
    return !answer.isFull;
  }

  private awaitWritable(): void {
    const { res } = this.answer;
    if (!this.hasOnWritable && res !== null) {
      this.hasOnWritable = true;
      res.onWritable(this.onWritable);
    }
    this.awaitTurn();
  }

  private handleGone(): void {
    const { exchange } = this;
    this.exchange = null;
    this.intake.end();
    this.server.clock.refresh();
    this.answer.drop();
    exchange?.onClientGone();
    this.releaseIfOver();
  }

  /** Gives itself back once the exchange and the answer have ended. */
  private releaseIfOver(): void {
    if (this.exchange !== null || !this.answer.isEnded || this.place < 0) return;
    this.server.release(this, !this.intake.isOpen);
  }

  sweep(nowMs: number): void {
    const verdict = this.times.judge(nowMs, this.movedBytes());
    if (verdict !== undefined) this.giveUp(verdict === 'due' ? 'client-idle' : 'client-too-slow');
    else this.intake.sweep(nowMs);
  }

  /** What the minimum rate is measured by, where it is the client's turn; else -1. */
  private movedBytes(): number {
    if (this.intake.isAwaited) return this.intake.bytesRead;
    return this.answer.isFull ? this.answer.bytesWritten : -1;
  }

  private giveUp(kind: 'client-idle' | 'client-too-slow'): void {
    this.server.plan.countTimeout(kind);
    this.times.awaitNothing();
    this.isLast = true;
    const { exchange } = this;
    if (exchange === null) this.cut();
    else exchange.onClientFault(this.intake.isAwaited ? 'body-timeout' : 'client-stalled');
  }
}
