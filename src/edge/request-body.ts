import { ChunkedDecoder } from '../http/chunked.ts';
import type { RequestHead } from '../http/request-head.ts';

/** The body of the request that a connection is reading: what of the bytes is data, and where it ends. */
export class RequestBody {
  /** Of what `next` came upon; empty if there is no data. */
  dataStart = 0;
  dataEnd = 0;
  isWhole = true;
  isFaulty = false;
  /** Bytes to come; -1 = not known, the body is chunked. */
  left = 0;
  private decoder: ChunkedDecoder | null = null;

  begin(head: RequestHead): void {
    this.isFaulty = false;
    this.left = head.isChunked ? -1 : Math.max(0, head.contentLength);
    this.isWhole = this.left === 0;
    if (!head.isChunked) return;
    this.decoder ??= new ChunkedDecoder();
    this.decoder.reset();
  }

  /**
   * Takes bytes from `start` on, up to a range of data, the end of the body or a fault, and returns where it got to. What it has
   * taken of `bytes` may be moved within that.
   */
  next(bytes: Buffer, start: number, end: number): number {
    if (this.left < 0) return this.nextChunk(bytes, start, end);
    const at = Math.min(end, start + this.left);
    this.left -= at - start;
    this.isWhole = this.left === 0;
    return this.found(start, at, at);
  }

  private nextChunk(bytes: Buffer, start: number, end: number): number {
    const { decoder } = this;
    if (decoder === null) return end;
    let at = decoder.next(bytes, start, end);
    const isData = decoder.status === 'data';
    const dataStart = isData ? decoder.dataStart : at;
    let dataEnd = isData ? decoder.dataEnd : at;
    // Chunks that came together leave together, moved over the framing between them: a write for each would cost us thirty times what it costs to send them.
    while (decoder.status === 'data' && at < end) {
      at = decoder.next(bytes, at, end);
      if (decoder.status !== 'data') break;
      bytes.copyWithin(dataEnd, decoder.dataStart, decoder.dataEnd);
      dataEnd += decoder.dataEnd - decoder.dataStart;
    }
    this.isWhole = decoder.status === 'end';
    this.isFaulty = decoder.status === 'fault';
    return this.found(dataStart, dataEnd, at);
  }

  private found(dataStart: number, dataEnd: number, at: number): number {
    this.dataStart = dataStart;
    this.dataEnd = dataEnd;
    return at;
  }
}
