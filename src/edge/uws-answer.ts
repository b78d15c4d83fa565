import type { Lender } from '../base/direct-writer.ts';
import type { AnswerFraming } from '../exchange/client-port.ts';
import type { Loan } from '../upstream/sink.ts';
import type { UwsResponse } from './uws-addon.ts';
import { wireText, withoutDate } from './uws-text.ts';

/** Pieces of a body of unknown length up to this are put together with what else comes in the tick. */
const MAX_JOINED_BYTES = 16 * 1024;
/** Given to `write` at once: what cannot be sent of it is copied into the addon's buffer, whose size it does not tell. */
const SLICE_BYTES = 32 * 1024;
/** Given to `end` at once, which copies in the same way. Of more than this, what cannot be sent stays with us: it may be a whole stored object. */
const MAX_WHOLE_BYTES = 64 * 1024;
const EMPTY = Buffer.alloc(0);
const NO_BODY: AnswerFraming = { kind: 'none' };
const doNothing = (): void => {};

/** `none`: no head given. `held`: given and not written. `open`: written. `ended`: the answer has left our hands. */
type Phase = 'none' | 'held' | 'open' | 'ended';

/**
 * How the connection ends. `stays`. `by-client`: the client said close in the one form that uWebSockets.js knows, which
 * closes by itself. `told`: the answer tells it; the client closes, or the addon's idle timer. `closed`: closed as soon as the
 * answer is out; where the answer is streamed the addon cannot do that, then nothing more is read and the timer closes.
 */
export type UwsEnding = 'stays' | 'by-client' | 'told' | 'closed';

/**
 * Writes one answer by `HttpResponse`. Everything that is there at one time leaves in one `cork`, a small answer as a whole in
 * one `end`. Known on the pinned build and minded here:
 * - a head of unknown length cannot leave before the first byte of its body;
 * - `end(…, true)` after the head is out writes a field into the body;
 * - `endWithoutBody` with a length leaves the answer unfinished, and without one it cannot close;
 * - once `onWritable` is set, the addon does not send its own buffer by itself: an empty cork does it.
 */
export class UwsAnswer {
  /** `null` once the answer has ended or its client has gone: then it must not be touched. */
  res: UwsResponse | null = null;
  private phase: Phase = 'ended';
  private ending: UwsEnding = 'stays';
  private status = '';
  private block = '';
  private framing: AnswerFraming = NO_BODY;
  private lengthWhenNone = -1;
  /** The addon refers to none of them after a call: it has sent a piece, copied it, or not taken it. */
  private readonly pieces: Buffer[] = [];
  /** Who is told when the piece at the same place is no longer needed. */
  private readonly lenders: (Lender | null)[] = [];
  private isFinished = false;
  /** The client does not take what we have. */
  isFull = false;
  /** Body bytes given away. */
  bytesWritten = 0;
  private readonly inCork = (): void => this.emit();

  /** For the next request. */
  reset(res: UwsResponse): void {
    this.res = res;
    this.phase = 'none';
    this.ending = 'stays';
    this.isFinished = false;
    this.isFull = false;
    this.bytesWritten = 0;
  }

  /** The response must not be touched any more. */
  drop(): void {
    this.res = null;
    this.phase = 'ended';
    while (this.pieces.length > 0) this.dropFirst();
  }

  get isEnded(): boolean {
    return this.phase === 'ended';
  }

  get hasHead(): boolean {
    return this.phase !== 'none';
  }

  /** Keeps the head until there is a body, or `flush`. The same words as `ClientPort.writeHead`. */
  hold(status: string, block: string, framing: AnswerFraming, lengthWhenNone: number): void {
    this.phase = 'held';
    this.status = status;
    this.block = block;
    this.framing = framing;
    this.lengthWhenNone = lengthWhenNone;
  }

  endBy(ending: UwsEnding): void {
    this.ending = ending;
  }

  /** Takes body bytes without writing anything, for a flush to come. */
  add(bytes: Buffer): Loan {
    if (bytes.length === 0 || this.framing.kind === 'none') return 'released';
    this.pieces.push(bytes);
    this.lenders.push(null);
    return 'kept';
  }

  /** Takes body bytes and writes what can be written. */
  write(bytes: Buffer): Loan {
    if (this.phase === 'held' && this.framing.kind === 'unknown' && bytes.length <= MAX_JOINED_BYTES) {
      this.add(Buffer.from(bytes));
      return 'released';
    }
    if (this.add(bytes) === 'released') return 'released';
    if (!this.isFull) this.flush();
    return this.pieces.length === 0 ? 'released' : 'kept';
  }

  /** The piece that was taken last and kept stays as it is until `lender` is told. */
  owe(lender: Lender): void {
    this.lenders[this.pieces.length - 1] = lender;
  }

  /** No more bytes will be added. Nothing is written yet. */
  finish(): void {
    this.isFinished = true;
  }

  flush(): void {
    if (this.phase === 'held' || this.phase === 'open') this.res?.cork(this.inCork);
  }

  /** The client takes bytes again. */
  onWritable(): void {
    this.isFull = false;
    if (this.pieces.length > 0) this.flush();
    else this.res?.cork(doNothing);
  }

  private emit(): void {
    const { res, framing } = this;
    if (res === null) return;
    if (framing.kind === 'none') this.emitBodyless(res);
    else if (framing.kind === 'length') this.emitLength(res, framing.bytes);
    else this.emitChunks(res);
  }

  private emitBodyless(res: UwsResponse): void {
    if (!this.isFinished) return;
    if (this.lengthWhenNone >= 0) this.block += `Content-Length: ${this.lengthWhenNone}\r\n`;
    this.emitHead(res, true);
    if (this.ending === 'closed') res.pause();
    res.endWithoutBody();
    this.drop();
  }

  private emitLength(res: UwsResponse, totalBytes: number): void {
    const first = this.pieces[0];
    if (this.phase === 'held') {
      if (totalBytes === 0 && !this.isFinished) return;
      if (totalBytes === 0 || (first?.length === totalBytes && (totalBytes <= MAX_WHOLE_BYTES || this.ending === 'closed'))) {
        this.emitWhole(res, first ?? EMPTY);
        return;
      }
      this.emitHead(res, true);
      if (first === undefined) res.tryEnd(EMPTY, totalBytes);
    }
    while (this.pieces.length > 0) if (!this.emitPiece(res, totalBytes)) return;
  }

  /** False when there is no more to do now. */
  private emitPiece(res: UwsResponse, totalBytes: number): boolean {
    const piece = this.pieces[0] ?? EMPTY;
    const isFinal = this.bytesWritten + piece.length === totalBytes;
    if (isFinal && this.ending === 'closed') res.pause();
    const [isAllSent, isEnded] = res.tryEnd(piece, totalBytes);
    if (isEnded) {
      this.bytesWritten = totalBytes;
      this.drop();
      return false;
    }
    const sentBytes = isAllSent ? piece.length : res.getWriteOffset() - this.bytesWritten;
    this.bytesWritten += sentBytes;
    if (sentBytes === piece.length) this.dropFirst();
    else this.pieces[0] = piece.subarray(sentBytes);
    this.isFull = !isAllSent;
    return isAllSent;
  }

  private emitChunks(res: UwsResponse): void {
    if (this.phase === 'held') {
      if (this.isFinished) {
        // The whole body is here already: told by its length it is cheaper for both sides.
        this.emitWhole(res, this.pieces.length === 1 ? (this.pieces[0] ?? EMPTY) : Buffer.concat(this.pieces));
        return;
      }
      if (this.pieces.length === 0) return;
      this.emitHead(res, true);
    }
    // After the last byte the addon sends its buffer by itself, so fullness no longer matters.
    while (this.pieces.length > 0 && (!this.isFull || this.isFinished)) this.emitSlice(res);
    if (!this.isFinished) return;
    if (this.ending === 'closed') res.pause();
    res.end();
    this.drop();
  }

  private emitSlice(res: UwsResponse): void {
    const piece = this.pieces[0] ?? EMPTY;
    const slice = piece.subarray(0, SLICE_BYTES);
    this.bytesWritten += slice.length;
    if (slice.length < piece.length) this.pieces[0] = piece.subarray(SLICE_BYTES);
    if (!res.write(slice)) this.isFull = true;
    if (slice.length === piece.length) this.dropFirst();
  }

  private dropFirst(): void {
    this.pieces.shift();
    this.lenders.shift()?.onReturned();
  }

  private emitWhole(res: UwsResponse, body: Buffer): void {
    const isClosed = this.ending === 'closed';
    this.bytesWritten += body.length;
    this.emitHead(res, !isClosed);
    // Should the client not take it at once, what it sends meanwhile must not be read as a request.
    if (isClosed) res.pause();
    res.end(body, isClosed);
    this.drop();
  }

  /** All fields in one call: the value goes out as it is given, and every call across the border costs 0.1 µs. */
  private emitHead(res: UwsResponse, tellsEnding: boolean): void {
    this.phase = 'open';
    res.writeStatus(wireText(this.status));
    const kept = withoutDate(this.block);
    const fields = tellsEnding && this.ending !== 'stays' ? `${kept}Connection: close\r\n` : kept;
    if (fields === '') return;
    const colon = fields.indexOf(':');
    const valueStart = fields.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1;
    res.writeHeader(fields.slice(0, colon), wireText(fields.slice(valueStart, -2)));
  }
}
