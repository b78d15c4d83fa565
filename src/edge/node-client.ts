import type { Socket } from 'node:net';
import { DirectWriter, type Lender } from '../base/direct-writer.ts';
import { never } from '../base/never.ts';
import type { Placed } from '../base/placed-list.ts';
import type { AnswerFraming, ClientPort } from '../exchange/client-port.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { plainAddress } from '../http/ip-address.ts';
import type { RequestRefusal } from '../http/refusal.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { Loan } from '../upstream/sink.ts';
import { AnswerWriter } from './answer-writer.ts';
import type { ClientPhase } from './client-phase.ts';
import { ClientTimes } from './client-times.ts';
import type { NodeServer } from './node-listener.ts';
import type { RequestBody } from './request-body.ts';
import { type IntakeOwner, RequestIntake } from './request-intake.ts';

/** A request body that was not wanted is read to its end if no more than this is left, so that the connection can go on. */
const MAX_DISCARD_BYTES = 64 * 1024;
/** Read and thrown away after the last answer: a reset would destroy it on its way (RFC 9112 section 9.6). */
const MAX_LINGER_BYTES = 1024 * 1024;

/**
 * One client connection of the `node` engine: requests to an `Exchange`, its answer back. HTTP/1.0 and 1.1, persistent;
 * pipelined requests are served one after the other.
 */
export class NodeClient implements ClientPort, IntakeOwner, Placed {
  readonly server: NodeServer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  place = -1;
  phase: ClientPhase = 'idle';

  private readonly socket: Socket;
  private readonly intake: RequestIntake;
  private readonly wire: DirectWriter;
  private readonly writer: AnswerWriter;
  private readonly times: ClientTimes;
  private exchange: Exchange | null = null;
  private bytesRead = 0;
  /** What the client had taken when we began to wait for it to take more. */
  private takenBytes = 0;

  constructor(server: NodeServer, socket: Socket) {
    this.server = server;
    this.socket = socket;
    this.remoteAddress = plainAddress(socket.remoteAddress ?? '');
    this.remotePort = socket.remotePort ?? 0;
    this.wire = new DirectWriter(socket, () => this.onDrain());
    this.writer = new AnswerWriter(this.wire);
    this.times = new ClientTimes(server.config, server.clock);
    this.intake = new RequestIntake(this, server, socket);
  }

  // ---- IntakeOwner ---------------------------------------------------------------------------------------------------

  onBytes(length: number): void {
    this.server.clock.refresh();
    this.bytesRead += length;
    this.server.plan.countReceived(length);
    if (this.phase === 'closing' && this.bytesRead > MAX_LINGER_BYTES) this.socket.destroy();
  }

  onHeadBegun(): void {
    this.times.awaitHead();
  }

  onHead(head: RequestHead, body: RequestBody): void {
    this.phase = body.isWhole ? 'answering' : 'paused';
    const exchange = this.openExchange();
    exchange.useHead(head);
    this.writer.begin(head.minor, head.keepAlive);
    this.times.awaitNothing();
    exchange.begin();
  }

  /** Answers a request that cannot be served, and closes. */
  onRefusal(refusal: RequestRefusal): void {
    this.closeAfter();
    this.phase = 'answering';
    const exchange = this.exchange ?? this.openExchange();
    exchange.refuse(refusal);
  }

  onBodyBytes(bytes: Buffer): Loan {
    this.times.awaitBody();
    return this.exchange === null ? 'released' : this.exchange.onClientBody(bytes);
  }

  onBodyEnd(): void {
    this.phase = 'answering';
    this.awaitTurn();
    this.exchange?.onClientBodyEnd();
  }

  onBodyFault(): void {
    this.closeAfter();
    if (this.exchange !== null) this.exchange.onClientFault('malformed-body');
    else this.startClosing();
  }

  onDiscarded(): void {
    this.becomeIdle();
  }

  /** Our own fault: this request pays with a 500, the worker goes on. */
  onException(error: unknown): void {
    this.closeAfter();
    this.server.gateway.reportError('serving a request', error);
    if (this.exchange === null) this.socket.destroy();
    else this.exchange.onException();
  }

  private openExchange(): Exchange {
    const exchange = this.server.gateway.open(this, this.server.plan);
    this.exchange = exchange;
    return exchange;
  }

  // ---- ClientPort ----------------------------------------------------------------------------------------------------

  get isFull(): boolean {
    return this.writer.isFull;
  }

  get localPort(): number {
    return this.server.port;
  }

  get canInform(): boolean {
    return this.writer.minor > 0;
  }

  writeInformational(status: string, block: string): void {
    this.writer.writeInformational(`HTTP/1.1 ${status}\r\n${block}\r\n`);
  }

  writeHead(status: string, block: string, framing: AnswerFraming, lengthWhenNone: number): void {
    const { writer, server } = this;
    const isUntilClose = framing.kind === 'unknown' && writer.minor === 0;
    if (isUntilClose || server.isDraining || server.gateway.isDraining || !this.canDiscardRest()) this.closeAfter();
    writer.writeHead(status, block, framing, lengthWhenNone);
  }

  writeBody(bytes: Buffer): Loan {
    const loan = this.writer.writeBody(bytes);
    if (this.writer.isFull) this.awaitTurn();
    return loan;
  }

  writeBodyText(text: string): void {
    this.writer.writeBodyText(text);
  }

  lendBody(bytes: Buffer, lender: Lender): Loan {
    const loan = this.writer.writeBody(bytes, lender);
    if (this.writer.isFull) this.awaitTurn();
    return loan;
  }

  writeOut(): void {
    this.writer.flush();
    if (this.writer.isFull) this.awaitTurn();
  }

  finish(): void {
    this.exchange = null;
    this.writer.finish();
    this.server.plan.countSent(this.writer.takeBytesWritten());
    if (this.phase === 'closed') return;
    if (!this.writer.isKeptAlive) this.startClosing();
    else if (this.intake.body.isWhole) this.becomeIdle();
    else this.startDiscarding();
    this.intake.goOn();
  }

  cut(): void {
    this.exchange = null;
    this.phase = 'closed';
    // An HTTP/1.0 client takes an orderly close for the end of the body; only a reset tells it otherwise.
    if (this.writer.isUntilClose) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  pauseBody(): void {
    if (this.phase !== 'uploading') return;
    this.phase = 'paused';
    this.awaitTurn();
  }

  resumeBody(): void {
    if (this.phase !== 'paused') return;
    this.phase = 'uploading';
    this.times.awaitBody();
    this.intake.goOn();
  }

  closeAfter(): void {
    this.writer.isKeptAlive = false;
  }

  // ---- life ----------------------------------------------------------------------------------------------------------

  private onDrain(): void {
    this.server.clock.refresh();
    try {
      this.afterDrain();
    } catch (error) {
      this.onException(error);
    }
  }

  private afterDrain(): void {
    if (this.exchange !== null) {
      this.awaitTurn();
      this.exchange.onClientDrain();
    } else if (this.phase === 'blocked') {
      this.becomeIdle();
      this.intake.goOn();
    }
  }

  /** The peer has ended its side, or the connection is gone. */
  onGone(): void {
    const { exchange } = this;
    this.exchange = null;
    if (this.phase !== 'closing') this.close();
    exchange?.onClientGone();
  }

  /** The connection is closed: nothing is called any more. */
  release(): void {
    this.server.plan.countSent(this.writer.takeBytesWritten());
    this.intake.rest();
  }

  /** Closes if nothing is going on; else after the running answer. */
  drain(): void {
    if ((this.phase === 'idle' || this.phase === 'blocked') && !this.intake.hasHeld) this.socket.destroySoon();
    else this.closeAfter();
  }

  destroy(): void {
    this.socket.destroy();
  }

  sweep(nowMs: number): void {
    try {
      this.look(nowMs);
    } catch (error) {
      this.onException(error);
    }
  }

  private look(nowMs: number): void {
    const verdict = this.times.judge(nowMs, this.movedBytes());
    if (verdict === 'due') this.onDeadline();
    else if (verdict === 'too-slow') this.giveUp('client-too-slow');
    else if (this.phase === 'idle' && this.times.isResting(nowMs)) this.rest();
  }

  private rest(): void {
    this.intake.rest();
    this.writer.rest();
  }

  /** What the minimum rate is measured by, where it is the client's turn; else -1. */
  private movedBytes(): number {
    if (this.phase === 'uploading') return this.bytesRead;
    if (this.exchange !== null && this.writer.isFull) return this.takenNow();
    return -1;
  }

  /** Bytes that the kernel has taken for the client since ever. */
  private takenNow(): number {
    return this.socket.bytesWritten - this.wire.unsentBytes;
  }

  private onDeadline(): void {
    // A large piece takes its time: a client that has taken some of it is not idle.
    if (this.phase !== 'uploading' && this.wire.queuedBytes > 0 && this.takenNow() > this.takenBytes) this.awaitTaking();
    else this.onIdle();
  }

  /** The client has done nothing for as long as it had. */
  private onIdle(): void {
    const { phase } = this;
    switch (phase) {
      case 'uploading':
      case 'paused':
      case 'answering':
        this.giveUp('client-idle');
        return;
      case 'idle':
        if (this.intake.hasHeld) this.onHeadTimeout();
        else this.closeIdle('client-keep-alive');
        return;
      case 'blocked':
        this.closeIdle('client-idle');
        return;
      case 'discarding':
      case 'closing':
      case 'closed':
        this.close();
        return;
      default:
        never(phase, 'deadline of a client');
    }
  }

  private onHeadTimeout(): void {
    this.server.plan.countTimeout('client-head');
    this.onRefusal('head-timeout');
  }

  private closeIdle(kind: 'client-keep-alive' | 'client-idle'): void {
    this.server.plan.countTimeout(kind);
    this.close();
  }

  private close(): void {
    this.phase = 'closed';
    this.socket.destroy();
  }

  /** The client does not go on: 408 if nothing of an answer was sent, else the connection is cut. */
  private giveUp(kind: 'client-idle' | 'client-too-slow'): void {
    this.server.plan.countTimeout(kind);
    this.closeAfter();
    this.exchange?.onClientFault(this.phase === 'uploading' ? 'body-timeout' : 'client-stalled');
  }

  /** The client is waited for where it is to send, or to take what we have for it. */
  private awaitTurn(): void {
    if (this.phase === 'uploading') this.times.awaitBody();
    else if (this.writer.isFull) this.awaitTaking();
    else this.times.awaitNothing();
  }

  private awaitTaking(): void {
    this.takenBytes = this.takenNow();
    this.times.awaitBody();
  }

  /** That the client takes what waits for it of an answer that is over for us. */
  private awaitDelivery(): void {
    this.takenBytes = this.takenNow();
    this.times.awaitDelivery();
  }

  /** A client that does not take its last answer gets no next one made: its requests wait, and with them our memory. */
  private becomeIdle(): void {
    this.phase = this.writer.isFull ? 'blocked' : 'idle';
    this.times.awaitRequest();
    if (this.wire.queuedBytes > 0) this.awaitDelivery();
  }

  private startDiscarding(): void {
    this.phase = 'discarding';
    this.times.awaitBody();
  }

  private canDiscardRest(): boolean {
    const { isWhole, left } = this.intake.body;
    if (isWhole) return true;
    return left >= 0 && left <= MAX_DISCARD_BYTES && this.exchange?.head.expectsContinue !== true;
  }

  private startClosing(): void {
    this.phase = 'closing';
    this.bytesRead = 0;
    this.intake.drop();
    if (this.wire.queuedBytes > 0) this.awaitDelivery();
    else this.times.awaitClose();
    this.socket.end();
  }
}
