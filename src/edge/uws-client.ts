import type { Lender } from '../base/direct-writer.ts';
import { type AnswerFraming, type ClientPort, LENT_BYTES } from '../exchange/client-port.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { RequestRefusal } from '../http/refusal.ts';
import { parseRequestHead } from '../http/request-head.ts';
import type { Loan } from '../upstream/sink.ts';
import { ClientTimes } from './client-times.ts';
import type { Flushable } from './flush-queue.ts';
import type { UwsRequest, UwsResponse } from './uws-addon.ts';
import { UwsAnswer, type UwsEnding } from './uws-answer.ts';
import type { UwsServer } from './uws-server.ts';
import { addressText, headText } from './uws-text.ts';

/** A request body that was not wanted is read to its end if no more than this is left, so that the connection can go on. */
const MAX_DISCARD_BYTES = 64 * 1024;
/** With no more than this left, the client is told to close instead of being closed: a reset would destroy the answer. */
const MAX_LINGER_BYTES = 1024 * 1024;
/** uWebSockets.js closes a connection whose body stalls for 10 s, or comes slower than 16 KiB/s: `resume` and `pause` start that anew. */
const REARM_MS = 4000;

/**
 * One request of the `uws` engine and its answer. Pooled: its callbacks are made once. It is reused only after both the
 * answer and the request body have ended, since the addon goes on calling `onData` for a body whose answer is out.
 *
 * The framing of a chunked request, or of one whose head is refused, is not to be trusted: the addon would read what follows
 * as the next request, at once and in the same read. So the answer to such a request is put off until the addon has left its
 * parser (what follows then meets an unanswered request, and the addon closes), and nothing is read after it. A last answer
 * that comes before the end of the request body is put off likewise: of a small body the rest is mostly there already.
 */
export class UwsClient implements ClientPort, Flushable {
  readonly server: UwsServer;
  /** Place in the server's list. */
  listIndex = -1;
  /** Not known to this engine. */
  readonly remotePort = 0;
  readonly canInform = false;

  private address = '';
  private res: UwsResponse | null = null;
  private exchange: Exchange | null = null;
  private readonly answer = new UwsAnswer();
  private readonly times: ClientTimes;
  private isDistrusted = false;
  /** The answer waits until the addon has left its parser. */
  private isDeferred = false;
  private isClosedByClient = false;
  private isLast = false;
  /** Body pieces that came while the exchange does not take any, and whether the last is among them. */
  private readonly stash: Buffer[] = [];
  private isStashWhole = false;
  private isBodyOpen = false;
  private isBodyPaused = true;
  private isReadPaused = false;
  /** Request body bytes to come; -1 = not known. */
  private bodyLeft = 0;
  private bytesRead = 0;
  private hasOnWritable = false;
  private rearmMs = 0;

  private readonly onAborted = (): void => this.handleGone();
  private readonly onData = (bytes: ArrayBuffer, isLast: boolean): void => {
    try {
      this.handleData(bytes, isLast);
    } catch (error) {
      this.onException(error);
    }
  };
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
  private onException(error: unknown): void {
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
    if (head.isChunked || head.contentLength > 0) this.openBody(res, head.isChunked ? -1 : head.contentLength);
    exchange.begin();
  }

  private reset(res: UwsResponse): void {
    this.res = res;
    this.answer.reset(res);
    this.address = '';
    this.isDistrusted = false;
    this.isDeferred = false;
    this.isClosedByClient = false;
    this.isLast = false;
    this.stash.length = 0;
    this.isStashWhole = false;
    this.isBodyOpen = false;
    this.isBodyPaused = true;
    this.isReadPaused = false;
    this.bodyLeft = 0;
    this.bytesRead = 0;
    this.hasOnWritable = false;
    this.times.restart();
  }

  private refuse(refusal: RequestRefusal): void {
    this.isDistrusted = true;
    this.isLast = true;
    this.exchange?.refuse(refusal);
  }

  private openBody(res: UwsResponse, bytes: number): void {
    this.isBodyOpen = true;
    this.bodyLeft = bytes;
    this.rearmMs = this.server.clock.nowMs + REARM_MS;
    res.onData(this.onData);
  }

  /** The bytes are the addon's read buffer: whoever keeps them needs a copy, and who does is known only afterwards. */
  private handleData(bytes: ArrayBuffer, isLast: boolean): void {
    const { exchange } = this;
    if (isLast) this.isBodyOpen = false;
    this.server.clock.refresh();
    this.server.plan.countReceived(bytes.byteLength);
    this.bytesRead += bytes.byteLength;
    if (this.bodyLeft > 0) this.bodyLeft -= bytes.byteLength;
    if (exchange === null) return;
    const piece = Buffer.from(new Uint8Array(bytes));
    if (this.isBodyPaused || this.stash.length > 0) {
      this.stash.push(piece);
      this.isStashWhole = isLast;
      if (!isLast) this.pauseRead();
      return;
    }
    this.times.awaitBody();
    if (piece.length > 0) exchange.onClientBody(piece);
    if (isLast && this.exchange === exchange) this.endBody(exchange);
  }

  private endBody(exchange: Exchange): void {
    this.awaitTurn();
    exchange.onClientBodyEnd();
  }

  private pauseRead(): void {
    if (this.isReadPaused || !this.isBodyOpen || this.answer.isEnded) return;
    this.isReadPaused = true;
    this.res?.pause();
  }

  /** The client is waited for where it is to send, or to take what we have for it. */
  private awaitTurn(): void {
    if (this.isUploading || this.answer.isFull) this.times.awaitBody();
    else this.times.awaitNothing();
  }

  private get isUploading(): boolean {
    return this.isBodyOpen && !this.isBodyPaused;
  }

  // ---- ClientPort ----------------------------------------------------------------------------------------------------

  get remoteAddress(): string {
    if (this.address === '' && this.res !== null && !this.answer.isEnded) this.address = addressText(this.res.getRemoteAddress());
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
    this.isDeferred = this.isDistrusted || (this.isLast && this.isBodyOpen);
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
    this.answer.finish();
    if (this.isDeferred) this.server.flushQueue.add(this);
    else this.flush();
  }

  cut(): void {
    this.exchange = null;
    if (!this.answer.isEnded) this.res?.close();
  }

  pauseBody(): void {
    this.isBodyPaused = true;
    this.awaitTurn();
    this.pauseRead();
  }

  resumeBody(): void {
    if (!this.isBodyPaused) return;
    this.isBodyPaused = false;
    while (this.stash.length > 0 && !this.isBodyPaused) this.exchange?.onClientBody(this.stash.shift() ?? Buffer.alloc(0));
    const { exchange } = this;
    if (this.isBodyPaused || exchange === null) return;
    if (this.isStashWhole) {
      this.isStashWhole = false;
      this.endBody(exchange);
    } else if (this.isBodyOpen) {
      this.times.awaitBody();
      if (this.isReadPaused) this.res?.resume();
      this.isReadPaused = false;
    }
  }

  closeAfter(): void {
    this.isLast = true;
  }

  private endingOf(): UwsEnding {
    if (this.isClosedByClient) return 'by-client';
    return this.isDistrusted || !this.isBodyOpen || this.bodyLeft > MAX_LINGER_BYTES ? 'closed' : 'told';
  }

  private canDiscardRest(): boolean {
    return !this.isBodyOpen || (this.bodyLeft <= MAX_DISCARD_BYTES && this.exchange?.head.expectsContinue !== true);
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
    if (!this.hasOnWritable && !this.answer.isEnded) {
      this.hasOnWritable = true;
      this.res?.onWritable(this.onWritable);
    }
    this.awaitTurn();
  }

  private handleGone(): void {
    const { exchange } = this;
    this.exchange = null;
    this.isBodyOpen = false;
    this.server.clock.refresh();
    this.answer.drop();
    exchange?.onClientGone();
    this.releaseIfOver();
  }

  /** Gives itself back once the exchange and the answer have ended. */
  private releaseIfOver(): void {
    if (this.exchange !== null || !this.answer.isEnded || this.listIndex < 0) return;
    this.res = null;
    this.server.release(this, !this.isBodyOpen);
  }

  sweep(nowMs: number): void {
    const verdict = this.times.judge(nowMs, this.movedBytes());
    if (verdict !== undefined) this.giveUp(verdict === 'due' ? 'client-idle' : 'client-too-slow');
    else if (this.isBodyOpen && nowMs >= this.rearmMs) this.rearm(nowMs);
  }

  private rearm(nowMs: number): void {
    this.rearmMs = nowMs + REARM_MS;
    if (!this.answer.isEnded) this.isReadPaused ? this.res?.pause() : this.res?.resume();
  }

  /** What the minimum rate is measured by, where it is the client's turn; else -1. */
  private movedBytes(): number {
    if (this.isUploading) return this.bytesRead;
    return this.answer.isFull ? this.answer.bytesWritten : -1;
  }

  private giveUp(kind: 'client-idle' | 'client-too-slow'): void {
    this.server.plan.countTimeout(kind);
    this.times.awaitNothing();
    this.isLast = true;
    const { exchange } = this;
    if (exchange === null) this.cut();
    else exchange.onClientFault(this.isUploading ? 'body-timeout' : 'client-stalled');
  }
}
