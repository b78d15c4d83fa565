import type { Socket } from 'node:net';
import type { AnswerFraming, ClientPort } from '../exchange/client-port.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { DirectReader } from '../base/direct-reader.ts';
import { DirectWriter } from '../base/direct-writer.ts';
import { ChunkedDecoder } from '../http/chunked.ts';
import type { RequestRefusal } from '../http/refusal.ts';
import { parseRequestHead, type RequestHead } from '../http/request-head.ts';
import type { Loan } from '../upstream/sink.ts';
import { AnswerWriter } from './answer-writer.ts';
import { judgePartialHead, skipEmptyLines } from './early-refusal.ts';
import { MinRate } from './min-rate.ts';
import type { NodeServer } from './node-listener.ts';
import { Stash } from './stash.ts';

/**
 * Where a connection stands. `idle`: between requests, or part of a head is there. `body`: the exchange runs and its request
 * body is not whole. `answering`: the request is whole, its answer is not. `discarding`: answered, the short rest of the
 * request body is thrown away. `closing`: the last answer is written, what still comes is thrown away.
 */
type Phase = 'idle' | 'body' | 'answering' | 'discarding' | 'closing' | 'closed';

/** Bytes of later requests that are kept while an answer is being made; more stay in the kernel. */
const MAX_STASH_BYTES = 64 * 1024;
/** A request body that was not wanted is read to its end if no more than this is left, so that the connection can go on. */
const MAX_DISCARD_BYTES = 64 * 1024;
/** Read and thrown away after the last answer: a reset would destroy it on its way (RFC 9112 section 9.6). */
const MAX_LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 2000;
/** Without a request for so long, a connection gives its head back: ten thousand idle ones must not hold ten thousand heads. */
const REST_MS = 1000;
const READ_BYTES = 64 * 1024;
const HEAD_END = '\r\n\r\n';

/**
 * One client connection of the `node` engine: bytes in, requests to an `Exchange`, its answer back. HTTP/1.0 and 1.1,
 * persistent; pipelined requests are served one after the other. It reads into a buffer that all connections of the worker
 * share: what has to be kept is copied, and a body that goes on gets a buffer of its own, because it is lent further.
 */
export class NodeClient implements ClientPort {
  readonly server: NodeServer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Place in the server's list. */
  listIndex = -1;

  private readonly socket: Socket;
  private readonly reader: DirectReader;
  private readonly wire: DirectWriter;
  private readonly writer: AnswerWriter;
  private readonly stash = new Stash();
  private readonly minRate: MinRate;
  private phase: Phase = 'idle';
  private exchange: Exchange | null = null;
  /** Kept from request to request, since the same head often comes again; given back when the connection rests. */
  private head: RequestHead | null = null;
  private decoder: ChunkedDecoder | null = null;
  /** To be read into next: the worker's, or one of its own while a body is lent further. */
  private readBuffer: Buffer;
  /** Being read into: what the reader was given last. It learns of another only when a read returns. */
  private filledBuffer: Buffer;
  private isConsuming = false;
  private isBodyPaused = true;
  private isReadStopped = false;
  private isKeptAlive = true;
  private minor = 1;
  /** Request body bytes to come; -1 = chunked. */
  private bodyLeft = 0;
  private bytesRead = 0;
  /** Where the search for the end of a stashed head goes on. */
  private scanFrom = 0;
  private deadlineMs: number;
  private restsFromMs = 0;

  constructor(server: NodeServer, socket: Socket) {
    this.server = server;
    this.socket = socket;
    this.readBuffer = server.sharedRead;
    this.filledBuffer = server.sharedRead;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.remotePort = socket.remotePort ?? 0;
    this.reader = new DirectReader(socket, server.sharedRead, (length) => this.onRead(length));
    this.wire = new DirectWriter(socket, () => this.onDrain());
    this.writer = new AnswerWriter(this.wire);
    this.minRate = new MinRate(server.config.minRateBytesPerSec, server.config.minRateAfterMs);
    this.deadlineMs = server.clock.nowMs + server.config.timeouts.keepAliveMs;
  }

  // ---- reading -------------------------------------------------------------------------------------------------------

  /** Bytes came into `filledBuffer`. Returns the buffer for the next read, `undefined` = the same. */
  private onRead(length: number): Buffer | undefined {
    const buffer = this.filledBuffer;
    this.server.clock.refresh();
    this.bytesRead += length;
    this.server.countReceived(length);
    try {
      if (this.stash.length === 0) this.consume(buffer, 0, length);
      else this.readMore(buffer, length);
    } catch (error) {
      this.onException(error);
    }
    if (!this.isReadStopped && this.stash.length > MAX_STASH_BYTES && this.phase !== 'idle') {
      this.isReadStopped = true;
      this.reader.pause();
    }
    if (this.readBuffer === buffer) return undefined;
    this.filledBuffer = this.readBuffer;
    return this.readBuffer;
  }

  /** Our own fault: this request pays with a 500, the worker goes on. */
  private onException(error: unknown): void {
    this.isConsuming = false;
    this.isKeptAlive = false;
    this.server.gateway.reportError('serving a request', error);
    if (this.exchange === null) this.socket.destroy();
    else this.exchange.onException();
  }

  private readMore(buffer: Buffer, length: number): void {
    this.stash.append(buffer, 0, length);
    if (this.phase === 'idle' && !this.writer.isFull && this.hasWholeHead()) this.consumeStash();
  }

  /** Looks for the end of a head that came in pieces, each byte once. */
  private hasWholeHead(): boolean {
    const bytes = this.stash.peek();
    const from = Math.max(0, this.scanFrom - 3);
    if (bytes.indexOf(HEAD_END, from, 'latin1') >= 0) return true;
    const refusal = judgePartialHead(bytes, from) ?? (bytes.length > this.server.config.limits.maxHeadBytes ? 'head-too-large' : undefined);
    this.scanFrom = bytes.length;
    if (refusal !== undefined) this.refuse(refusal);
    return false;
  }

  private consumeStash(): void {
    const bytes = this.stash.take();
    this.scanFrom = 0;
    this.consume(bytes, 0, bytes.length);
  }

  private consume(bytes: Buffer, start: number, end: number): void {
    this.isConsuming = true;
    let at = start;
    while (at < end) {
      const next = this.consumeOnce(bytes, at, end);
      if (next === at) {
        this.stash.append(bytes, at, end);
        break;
      }
      at = next;
    }
    this.isConsuming = false;
  }

  /** Uses some of the bytes and returns where it got to; the same place means that the rest must wait. */
  private consumeOnce(bytes: Buffer, at: number, end: number): number {
    switch (this.phase) {
      case 'idle':
        return this.writer.isFull ? at : this.consumeHead(bytes, at, end);
      case 'body':
        return this.isBodyPaused ? at : this.consumeBody(bytes, at, end);
      case 'discarding':
        return this.discardBody(at, end);
      case 'answering':
        return at;
      case 'closing':
        if (this.bytesRead > MAX_LINGER_BYTES) this.socket.destroy();
        return end;
      case 'closed':
        return end;
    }
  }

  private consumeHead(bytes: Buffer, start: number, end: number): number {
    const at = skipEmptyLines(bytes, start, end);
    if (at === end) return end;
    let text = bytes.toString('latin1', at, end);
    const headLength = text.indexOf(HEAD_END) + 4;
    if (headLength < 4) {
      this.awaitHead(bytes.subarray(at, end));
      if (this.phase === 'idle') this.stash.append(bytes, at, end);
      return end;
    }
    if (headLength > this.server.config.limits.maxHeadBytes) {
      this.refuse('head-too-large');
      return end;
    }
    if (headLength < text.length) text = bytes.toString('latin1', at, at + headLength);
    this.startRequest(text);
    return at + headLength;
  }

  private awaitHead(bytes: Buffer): void {
    const refusal = judgePartialHead(bytes, 0) ?? (bytes.length > this.server.config.limits.maxHeadBytes ? 'head-too-large' : undefined);
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    this.scanFrom = bytes.length;
    this.deadlineMs = this.server.clock.nowMs + this.server.config.timeouts.headMs;
  }

  private startRequest(text: string): void {
    const head = this.head ?? this.takeHead();
    const refusal = head.text === text ? undefined : parseRequestHead(text, head, this.server.config.limits);
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    const exchange = this.openExchange();
    exchange.useHead(head);
    this.minor = head.minor;
    this.isKeptAlive = head.keepAlive;
    this.isBodyPaused = true;
    this.deadlineMs = 0;
    this.bodyLeft = head.isChunked ? -1 : Math.max(0, head.contentLength);
    this.phase = this.bodyLeft === 0 ? 'answering' : 'body';
    if (head.isChunked) this.decoder = resetDecoder(this.decoder);
    exchange.begin();
  }

  private takeHead(): RequestHead {
    const head = this.server.takeHead();
    this.head = head;
    return head;
  }

  private openExchange(): Exchange {
    const exchange = this.server.gateway.open(this, this.server.plan);
    this.exchange = exchange;
    return exchange;
  }

  private consumeBody(bytes: Buffer, at: number, end: number): number {
    this.deadlineMs = this.server.clock.nowMs + this.server.config.timeouts.idleMs;
    if (this.bodyLeft < 0) return this.consumeChunks(bytes, at, end);
    const length = Math.min(this.bodyLeft, end - at);
    this.bodyLeft -= length;
    this.deliver(bytes, at, at + length);
    if (this.bodyLeft === 0 && this.phase === 'body') this.endBody();
    return at + length;
  }

  private consumeChunks(bytes: Buffer, start: number, end: number): number {
    const { decoder } = this;
    if (decoder === null) return end;
    const at = decoder.next(bytes, start, end);
    switch (decoder.status) {
      case 'data':
        this.deliver(bytes, decoder.dataStart, decoder.dataEnd);
        break;
      case 'end':
        this.endBody();
        break;
      case 'fault':
        this.isKeptAlive = false;
        this.exchange?.onClientFault('malformed-body');
        return end;
      case 'more':
        break;
    }
    return at;
  }

  /**
   * Bytes in the shared buffer are copied before they are lent on, since another connection's next read overwrites them; a
   * body that goes on reads into its own buffer from now on, and into a fresh one whenever the last is still in use.
   */
  private deliver(bytes: Buffer, start: number, end: number): void {
    const { exchange } = this;
    if (exchange === null) return;
    const isShared = bytes === this.server.sharedRead;
    const piece = isShared ? Buffer.from(bytes.subarray(start, end)) : bytes.subarray(start, end);
    const loan = exchange.onClientBody(piece);
    if (this.phase !== 'body') return;
    const isOwn = this.readBuffer !== this.server.sharedRead;
    if (isOwn ? loan === 'kept' && bytes === this.readBuffer : this.bodyLeft !== 0) this.readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);
  }

  private endBody(): void {
    this.phase = 'answering';
    this.deadlineMs = 0;
    this.readBuffer = this.server.sharedRead;
    this.exchange?.onClientBodyEnd();
  }

  private discardBody(at: number, end: number): number {
    const length = Math.min(this.bodyLeft, end - at);
    this.bodyLeft -= length;
    if (this.bodyLeft === 0) this.becomeIdle();
    return at + length;
  }

  /** Answers a request that cannot be served, and closes. */
  private refuse(refusal: RequestRefusal): void {
    this.isKeptAlive = false;
    this.phase = 'answering';
    const exchange = this.exchange ?? this.openExchange();
    exchange.refuse(refusal);
  }

  // ---- ClientPort ----------------------------------------------------------------------------------------------------

  get isFull(): boolean {
    return this.writer.isFull;
  }

  get localPort(): number {
    return this.server.port;
  }

  get canInform(): boolean {
    return this.minor > 0;
  }

  writeInformational(status: string, block: string): void {
    this.writer.writeInformational(`HTTP/1.1 ${status}\r\n${block}\r\n`);
  }

  writeHead(status: string, block: string, framing: AnswerFraming, lengthWhenNone: number): void {
    const isUntilClose = framing.kind === 'unknown' && this.minor === 0;
    if (isUntilClose || this.server.isDraining || this.server.gateway.isDraining || !this.canDiscardRest()) this.isKeptAlive = false;
    const length = framing.kind === 'length' ? framing.bytes : framing.kind === 'none' ? lengthWhenNone : -1;
    const connection = this.isKeptAlive ? (this.minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n';
    const start = `HTTP/1.1 ${status}\r\n${block}${length < 0 ? '' : `Content-Length: ${length}\r\n`}${connection}`;
    this.writer.writeHead(start, framing, this.minor);
  }

  writeBody(bytes: Buffer): Loan {
    const loan = this.writer.writeBody(bytes);
    if (this.writer.isFull) this.awaitDrain();
    return loan;
  }

  writeOut(): void {
    this.writer.flush();
    if (this.writer.isFull) this.awaitDrain();
  }

  finish(): void {
    this.exchange = null;
    this.writer.finish();
    this.server.countSent(this.writer.takeBytesWritten());
    if (this.phase === 'closed') return;
    if (!this.isKeptAlive) {
      this.startClosing();
      return;
    }
    if (this.phase === 'body') this.phase = 'discarding';
    else this.becomeIdle();
    if (!this.isConsuming) this.goOn();
  }

  cut(): void {
    this.exchange = null;
    this.phase = 'closed';
    // An HTTP/1.0 client takes an orderly close for the end of the body; only a reset tells it otherwise.
    if (this.writer.isUntilClose) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  pauseBody(): void {
    this.isBodyPaused = true;
    this.deadlineMs = 0;
  }

  resumeBody(): void {
    if (!this.isBodyPaused) return;
    this.isBodyPaused = false;
    if (this.phase === 'body') this.deadlineMs = this.server.clock.nowMs + this.server.config.timeouts.idleMs;
    if (!this.isConsuming) this.goOn();
  }

  closeAfter(): void {
    this.isKeptAlive = false;
  }

  // ---- life ----------------------------------------------------------------------------------------------------------

  private onDrain(): void {
    this.server.clock.refresh();
    if (this.exchange !== null) {
      if (this.phase === 'answering') this.deadlineMs = 0;
      this.exchange.onClientDrain();
    } else {
      this.goOn();
    }
  }

  /** The peer has ended its side, or the connection is gone. */
  onGone(): void {
    const { exchange } = this;
    this.exchange = null;
    if (this.phase !== 'closing') {
      this.phase = 'closed';
      this.socket.destroy();
    }
    exchange?.onClientGone();
  }

  /** Closes if nothing is going on; else after the running answer. */
  drain(): void {
    if (this.phase === 'idle' && this.stash.length === 0) this.socket.destroySoon();
    else this.isKeptAlive = false;
  }

  destroy(): void {
    this.socket.destroy();
  }

  sweep(nowMs: number): void {
    if (this.deadlineMs !== 0 && nowMs >= this.deadlineMs) this.onDeadline();
    else if (this.minRate.isOn && this.isSlow(nowMs)) this.onTooSlow();
    if (this.phase === 'idle' && this.head !== null && nowMs > this.restsFromMs) this.giveHead();
  }

  private giveHead(): void {
    if (this.head !== null) this.server.giveHead(this.head);
    this.head = null;
  }

  private isSlow(nowMs: number): boolean {
    if (this.phase === 'body' && !this.isBodyPaused) return this.minRate.isBelow(nowMs, this.bytesRead);
    if (this.phase === 'answering' && this.writer.isFull) return this.minRate.isBelow(nowMs, this.socket.bytesWritten - this.wire.queuedBytes);
    this.minRate.restart();
    return false;
  }

  private onTooSlow(): void {
    this.server.countTimeout('client-too-slow');
    this.giveUp();
  }

  private onDeadline(): void {
    this.deadlineMs = 0;
    if (this.phase === 'idle' && this.stash.length > 0) {
      this.server.countTimeout('client-head');
      this.refuse('head-timeout');
      return;
    }
    if (this.phase === 'body' || this.phase === 'answering') {
      this.server.countTimeout('client-idle');
      this.giveUp();
      return;
    }
    this.phase = 'closed';
    this.socket.destroy();
  }

  /** The client does not go on: 408 if nothing of an answer was sent, else the connection is cut. */
  private giveUp(): void {
    this.isKeptAlive = false;
    if (this.phase === 'body') this.exchange?.onClientFault('body-timeout');
    else this.exchange?.onClientFault('client-stalled');
  }

  private awaitDrain(): void {
    if (this.phase === 'answering') this.deadlineMs = this.server.clock.nowMs + this.server.config.timeouts.idleMs;
  }

  private becomeIdle(): void {
    this.phase = 'idle';
    this.scanFrom = 0;
    this.deadlineMs = this.server.clock.nowMs + this.server.config.timeouts.keepAliveMs;
    this.restsFromMs = this.server.clock.nowMs + REST_MS;
  }

  /** Takes up what was put off: stashed bytes first, then the socket. */
  private goOn(): void {
    while (this.stash.length > 0 && this.canConsume()) this.consumeStash();
    if (!this.isReadStopped || this.stash.length > MAX_STASH_BYTES) return;
    this.isReadStopped = false;
    this.reader.resume();
  }

  private canConsume(): boolean {
    if (this.phase === 'idle') return !this.writer.isFull && (this.scanFrom === 0 || this.hasWholeHead());
    return this.phase === 'discarding' || (this.phase === 'body' && !this.isBodyPaused);
  }

  private canDiscardRest(): boolean {
    if (this.phase !== 'body') return true;
    return this.bodyLeft >= 0 && this.bodyLeft <= MAX_DISCARD_BYTES && this.exchange?.head.expectsContinue !== true;
  }

  private startClosing(): void {
    this.phase = 'closing';
    this.bytesRead = 0;
    this.readBuffer = this.server.sharedRead;
    this.stash.take();
    this.deadlineMs = this.server.clock.nowMs + LINGER_MS;
    this.socket.end();
    if (this.isReadStopped) {
      this.isReadStopped = false;
      this.reader.resume();
    }
  }
}

function resetDecoder(decoder: ChunkedDecoder | null): ChunkedDecoder {
  const used = decoder ?? new ChunkedDecoder();
  used.reset();
  return used;
}
