import { ChunkedDecoder } from '../http/chunked.ts';
import { FieldMarks } from '../http/field-marks.ts';
import { parseResponseHead, ResponseHead } from '../http/response-head.ts';
import type { FailureKind } from './failure.ts';

export type ReaderLimits = { readonly maxHeadBytes: number; readonly maxFields: number };

/**
 * What the last call of `next` came upon. `head` and `informational`: `head` holds it. `body`: the range `dataStart` to
 * `dataEnd` of the buffer. `end`: the response is whole. `fault`: `fault` and `detail` tell why; nothing more may be read.
 */
export type ReaderStatus = 'more' | 'informational' | 'head' | 'body' | 'end' | 'fault';

/** Interim answers to one request. An origin that sends more is playing. */
export const MAX_INFORMATIONAL = 32;

/** Bytes that are taken as text at first, in which most heads are whole. A longer or a split head takes the slower way. */
const HEAD_GUESS_BYTES = 2048;
const FIRST_COLLECT_BYTES = 4096;
const EMPTY = Buffer.alloc(0);
const CR = 13;
const LF = 10;

type BodyKind = 'none' | 'length' | 'chunked' | 'until-close';
type Phase = 'idle' | 'head' | 'body' | 'ended';

/**
 * Turns the bytes of one connection into the events of its responses. Pure: no socket, no time. It is pulled, so that the
 * connection can stop between two events. Hot object: one for each connection, one shape.
 */
export class ResponseReader {
  status: ReaderStatus = 'more';
  readonly head: ResponseHead;
  /** With status `head`: body length, 0 where there can be none, -1 where only the stream tells. */
  bodyLength = 0;
  dataStart = 0;
  dataEnd = 0;
  fault: FailureKind = 'malformed-head';
  detail = '';
  /** At least one byte of the response that `begin` announced has come. */
  hasBegun = false;
  /** The final head has come. */
  hasHead = false;
  readonly #limits: ReaderLimits;
  readonly #chunked = new ChunkedDecoder();
  #phase: Phase = 'idle';
  #bodyKind: BodyKind = 'none';
  #isHeadRequest = false;
  #remaining = 0;
  #informational = 0;
  /** A head that came in pieces. Its buffer is kept for the next one. */
  #collected = EMPTY;
  #collectedLength = 0;

  constructor(limits: ReaderLimits) {
    this.#limits = limits;
    this.head = new ResponseHead(new FieldMarks(limits.maxFields));
  }

  /** The next response answers a request that has been sent; `isHead`: it was a HEAD. */
  begin(isHead: boolean): void {
    this.#phase = 'head';
    this.#isHeadRequest = isHead;
    this.#informational = 0;
    this.#collectedLength = 0;
    this.hasBegun = false;
    this.hasHead = false;
    this.status = 'more';
  }

  /** The body's end can be told from the body itself, so the connection may live on after it. */
  get isFramed(): boolean {
    return this.#bodyKind !== 'until-close';
  }

  /**
   * Reads `buffer` from `start` to the next event. Returns the index of the first byte that was not used. To be called again
   * until `status` is `more`, `end` or `fault`, even when no byte is left: a head without a body is followed by `end`.
   */
  next(buffer: Buffer, start: number, end: number): number {
    switch (this.#phase) {
      case 'head':
        return this.#nextHead(buffer, start, end);
      case 'body':
        return this.#nextBody(buffer, start, end);
      case 'ended':
        this.#phase = 'idle';
        return this.#stop('end', start);
      default:
        return start < end ? this.#fail('malformed-body', 'bytes after the response', start) : this.#stop('more', start);
    }
  }

  /** The origin sent its end of stream. True if that was the end of the response too, false if the response is broken off. */
  endOfStream(): boolean {
    return this.#phase === 'body' && this.#bodyKind === 'until-close';
  }

  #stop(status: ReaderStatus, at: number): number {
    this.status = status;
    return at;
  }

  #fail(kind: FailureKind, detail: string, at: number): number {
    this.#phase = 'idle';
    this.fault = kind;
    this.detail = detail;
    return this.#stop('fault', at);
  }

  #nextHead(buffer: Buffer, start: number, end: number): number {
    if (start === end) return this.#stop('more', start);
    this.hasBegun = true;
    if (this.#collectedLength > 0) return this.#collectHead(buffer, start, end);
    const { memo } = this.head;
    if (memo.matches(buffer, start, end)) return this.#acceptHead(start + memo.length);
    const text = buffer.toString('latin1', start, Math.min(end, start + HEAD_GUESS_BYTES));
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return this.#collectHead(buffer, start, end);
    if (headEnd + 4 > this.#limits.maxHeadBytes) return this.#fail('head-too-large', 'bytes', start);
    const after = this.#takeHead(text, start + headEnd + 4);
    if (this.status === 'head') memo.store(buffer, start, after);
    return after;
  }

  /** Goes byte by byte, so that a head that can never be whole is refused at once and not when a deadline passes. */
  #collectHead(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end) {
      if (this.#collectedLength === this.#limits.maxHeadBytes) return this.#fail('head-too-large', 'bytes', at);
      if (this.#collectedLength === this.#collected.length) this.#growCollected();
      const bytes = this.#collected;
      const byte = buffer[at++] ?? 0;
      const length = ++this.#collectedLength;
      bytes[length - 1] = byte;
      if (byte !== LF) continue;
      if (bytes[length - 2] !== CR) return this.#fail('malformed-head', 'bare LF', at);
      if (length < 4 || bytes[length - 3] !== LF || bytes[length - 4] !== CR) continue;
      this.#collectedLength = 0;
      return this.#takeHead(bytes.toString('latin1', 0, length), at);
    }
    const opening = this.#collected.toString('latin1', 0, Math.min(5, this.#collectedLength));
    return 'HTTP/'.startsWith(opening) ? this.#stop('more', at) : this.#fail('malformed-head', 'malformed-status-line', at);
  }

  #growCollected(): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(FIRST_COLLECT_BYTES, this.#collected.length * 2), this.#limits.maxHeadBytes));
    this.#collected.copy(larger);
    this.#collected = larger;
  }

  #takeHead(text: string, at: number): number {
    const fault = parseResponseHead(text, this.head, this.#limits);
    if (fault !== undefined) return this.#fail(fault === 'too-many-fields' ? 'head-too-large' : 'malformed-head', fault, at);
    return this.#acceptHead(at);
  }

  /** The head has been parsed, now or when the same one came before. */
  #acceptHead(at: number): number {
    const status = this.head.status;
    if (status === 101) return this.#fail('unexpected-upgrade', '101', at);
    if (status < 200) {
      if (++this.#informational > MAX_INFORMATIONAL) return this.#fail('malformed-head', 'too many interim answers', at);
      return this.#stop('informational', at);
    }
    this.hasHead = true;
    this.#frameBody();
    return this.#stop('head', at);
  }

  /** RFC 9112 6.3. */
  #frameBody(): void {
    const { status, isChunked, contentLength } = this.head;
    this.#phase = 'body';
    if (this.#isHeadRequest || status === 204 || status === 304) this.#bodyKind = 'none';
    else if (isChunked) this.#bodyKind = 'chunked';
    else this.#bodyKind = contentLength >= 0 ? 'length' : 'until-close';
    this.bodyLength = this.#bodyKind === 'none' ? 0 : contentLength;
    if (this.#bodyKind === 'chunked') this.#chunked.reset();
    this.#remaining = this.#bodyKind === 'length' ? contentLength : 0;
    if (this.bodyLength === 0) this.#phase = 'ended';
  }

  #nextBody(buffer: Buffer, start: number, end: number): number {
    if (start === end) return this.#stop('more', start);
    if (this.#bodyKind === 'chunked') return this.#nextChunk(buffer, start, end);
    const length = this.#bodyKind === 'length' ? Math.min(this.#remaining, end - start) : end - start;
    this.dataStart = start;
    this.dataEnd = start + length;
    if (this.#bodyKind === 'length') {
      this.#remaining -= length;
      if (this.#remaining === 0) this.#phase = 'ended';
    }
    return this.#stop('body', start + length);
  }

  #nextChunk(buffer: Buffer, start: number, end: number): number {
    const chunked = this.#chunked;
    const at = chunked.next(buffer, start, end);
    switch (chunked.status) {
      case 'data':
        this.dataStart = chunked.dataStart;
        this.dataEnd = chunked.dataEnd;
        return this.#stop('body', at);
      case 'end':
        this.#phase = 'idle';
        return this.#stop('end', at);
      case 'fault':
        return this.#fail('malformed-body', 'chunked coding', at);
      default:
        return this.#stop('more', at);
    }
  }
}
