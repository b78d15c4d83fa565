import type { Socket } from 'node:net';
import { DirectReader } from '../base/direct-reader.ts';
import { never } from '../base/never.ts';
import type { RequestRefusal } from '../http/refusal.ts';
import { parseRequestHead, type RequestHead } from '../http/request-head.ts';
import type { Loan } from '../upstream/sink.ts';
import type { ClientPhase } from './client-phase.ts';
import { judgeLargeHead, judgePartialHead, skipEmptyLines } from './early-refusal.ts';
import type { NodeServer } from './node-listener.ts';
import { ReadBuffers } from './read-buffers.ts';
import { RequestBody } from './request-body.ts';
import { Stash } from './stash.ts';

/** What the intake asks and tells its connection, whose phase says what is done with bytes. Each call may change it. */
export interface IntakeOwner {
  readonly phase: ClientPhase;
  /** Bytes came, whatever they are. */
  onBytes(length: number): void;
  /** A head has begun and is not whole. */
  onHeadBegun(): void;
  onHead(head: RequestHead, body: RequestBody): void;
  onRefusal(refusal: RequestRefusal): void;
  onBodyBytes(bytes: Buffer): Loan;
  onBodyEnd(): void;
  onBodyFault(): void;
  /** The unwanted rest of a body is over. */
  onDiscarded(): void;
  onException(error: unknown): void;
}

/** Bytes of later requests that are kept while an answer is being made; more stay in the kernel. */
const MAX_STASH_BYTES = 64 * 1024;
const HEAD_END = '\r\n\r\n';

/** The reading half of a client connection: bytes in, heads and bodies out, whatever the packets. */
export class RequestIntake {
  readonly body = new RequestBody();
  private readonly owner: IntakeOwner;
  private readonly server: NodeServer;
  private readonly reader: DirectReader;
  private readonly buffers: ReadBuffers;
  private readonly stash = new Stash();
  /** Kept from request to request, since the same head often comes again; given back when the connection rests. */
  private head: RequestHead | null = null;
  private isConsuming = false;
  private isStopped = false;
  /** Where the search for the end of a stashed head goes on. */
  private scanFrom = 0;

  constructor(owner: IntakeOwner, server: NodeServer, socket: Socket) {
    this.owner = owner;
    this.server = server;
    this.buffers = new ReadBuffers(server.sharedRead);
    this.reader = new DirectReader(socket, server.sharedRead, (length) => this.onRead(length));
  }

  /** Bytes are there that nothing has been done with. */
  get hasHeld(): boolean {
    return this.stash.length > 0;
  }

  /** The phase allows more than before: takes up what was put off, stashed bytes first, then the socket. */
  goOn(): void {
    if (this.isConsuming) return;
    try {
      while (this.stash.length > 0 && this.canConsume()) this.consumeStash();
    } catch (error) {
      this.onThrown(error);
    }
    if (!this.isStopped || this.stash.length > MAX_STASH_BYTES) return;
    this.isStopped = false;
    this.reader.resume();
  }

  /** Nothing of what comes or came is wanted any more. It is still read, so that our last answer is not reset away. */
  drop(): void {
    this.buffers.useShared();
    this.stash.take();
    if (!this.isStopped) return;
    this.isStopped = false;
    this.reader.resume();
  }

  /** What only a busy connection needs goes back to the server. */
  rest(): void {
    if (this.head !== null) this.server.giveHead(this.head);
    this.head = null;
  }

  /** Returns the buffer for the next read, `undefined` = the same. */
  private onRead(length: number): Buffer | undefined {
    const { filled } = this.buffers.slot;
    this.owner.onBytes(length);
    try {
      if (this.stash.length === 0) this.consume(filled, 0, length);
      else this.readMore(filled, length);
    } catch (error) {
      this.onThrown(error);
    }
    if (!this.isStopped && this.stash.length > MAX_STASH_BYTES && this.owner.phase !== 'idle') {
      this.isStopped = true;
      this.reader.pause();
    }
    return this.buffers.slot.turn();
  }

  private onThrown(error: unknown): void {
    this.isConsuming = false;
    this.owner.onException(error);
  }

  private readMore(buffer: Buffer, length: number): void {
    if (this.isDropping) return;
    this.stash.append(buffer, 0, length);
    if (this.owner.phase === 'idle' && this.hasWholeHead()) this.consumeStash();
  }

  private get isDropping(): boolean {
    return this.owner.phase === 'closing' || this.owner.phase === 'closed';
  }

  private canConsume(): boolean {
    const { phase } = this.owner;
    if (phase === 'idle') return this.scanFrom === 0 || this.hasWholeHead();
    return phase === 'uploading' || phase === 'discarding' || this.isDropping;
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
    const { phase } = this.owner;
    switch (phase) {
      case 'idle':
        return this.consumeHead(bytes, at, end);
      case 'uploading':
        return this.consumeBody(bytes, at, end);
      case 'blocked':
      case 'paused':
      case 'answering':
        return at;
      case 'discarding':
        return this.discardBody(bytes, at, end);
      case 'closing':
      case 'closed':
        return end;
      default:
        return never(phase, 'bytes of a client');
    }
  }

  private consumeHead(bytes: Buffer, start: number, end: number): number {
    const at = skipEmptyLines(bytes, start, end);
    if (at === end) return end;
    const { head } = this;
    if (head?.memo.matches(bytes, at, end)) {
      this.tellHead(head);
      return at + head.memo.length;
    }
    const text = bytes.toString('latin1', at, end);
    const length = text.indexOf(HEAD_END) + HEAD_END.length;
    if (length < HEAD_END.length) return this.keepPartialHead(bytes, at, end);
    if (length > this.server.config.limits.maxHeadBytes) {
      this.owner.onRefusal(judgeLargeHead(bytes.subarray(at, end), this.server.config.limits.maxTargetBytes));
      return end;
    }
    this.vetHead(length < text.length ? bytes.toString('latin1', at, at + length) : text, bytes, at);
    return at + length;
  }

  /** `text` is the head at `bytes[at, …)`. */
  private vetHead(text: string, bytes: Buffer, at: number): void {
    const head = this.head ?? this.server.takeHead();
    this.head = head;
    const refusal = parseRequestHead(text, head, this.server.config.limits);
    if (refusal !== undefined) {
      this.owner.onRefusal(refusal);
      return;
    }
    head.memo.store(bytes, at, at + text.length);
    this.tellHead(head);
  }

  private tellHead(head: RequestHead): void {
    this.body.begin(head);
    this.owner.onHead(head, this.body);
  }

  private keepPartialHead(bytes: Buffer, at: number, end: number): number {
    const refusal = this.judgePartial(bytes.subarray(at, end), 0);
    if (refusal !== undefined) {
      this.owner.onRefusal(refusal);
      return end;
    }
    this.stash.append(bytes, at, end);
    this.scanFrom = end - at;
    this.owner.onHeadBegun();
    return end;
  }

  /** Looks for the end of a head that came in pieces, each byte once. */
  private hasWholeHead(): boolean {
    const bytes = this.stash.peek();
    const from = Math.max(0, this.scanFrom - HEAD_END.length + 1);
    if (bytes.indexOf(HEAD_END, from, 'latin1') >= 0) return true;
    const refusal = this.judgePartial(bytes, from);
    this.scanFrom = bytes.length;
    if (refusal !== undefined) this.owner.onRefusal(refusal);
    return false;
  }

  private judgePartial(bytes: Buffer, from: number): RequestRefusal | undefined {
    const { maxHeadBytes, maxTargetBytes } = this.server.config.limits;
    return judgePartialHead(bytes, from) ?? (bytes.length > maxHeadBytes ? judgeLargeHead(bytes, maxTargetBytes) : undefined);
  }

  private consumeBody(bytes: Buffer, start: number, end: number): number {
    const { body, buffers, owner } = this;
    const at = body.next(bytes, start, end);
    if (body.isFaulty) {
      owner.onBodyFault();
      return end;
    }
    if (body.dataEnd > body.dataStart) {
      const loan = owner.onBodyBytes(buffers.pieceOf(bytes, body.dataStart, body.dataEnd));
      if (loan === 'kept') buffers.leave(bytes);
      if (!body.isWhole && !this.isDropping) buffers.useOwn();
    }
    if (body.isWhole) this.endBody();
    return at;
  }

  private endBody(): void {
    const { buffers, owner } = this;
    buffers.useShared();
    // The answer may have come, and ended, while the last bytes were handed on.
    if (owner.phase === 'uploading' || owner.phase === 'paused') owner.onBodyEnd();
    else if (owner.phase === 'discarding') owner.onDiscarded();
  }

  private discardBody(bytes: Buffer, start: number, end: number): number {
    const at = this.body.next(bytes, start, end);
    if (this.body.isFaulty) this.owner.onBodyFault();
    else if (this.body.isWhole) this.endBody();
    return at;
  }
}
