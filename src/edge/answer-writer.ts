import type { DirectWriter, Lender } from '../base/direct-writer.ts';
import { type AnswerFraming, COPIED_BYTES, LENT_BYTES } from '../exchange/client-port.ts';
import type { Loan } from '../upstream/sink.ts';

/** A length that no answer has. */
const NONE_LIKE_IT = -2;
const LAST_CHUNK = '0\r\n\r\n';

/**
 * Writes the answers of one HTTP/1 connection, one after the other: status line, framing, chunks. Text waits for
 * `flush` or until there is enough of it, so that head, body and end leave in one write.
 */
export class AnswerWriter {
  private readonly wire: DirectWriter;
  private out = '';
  private lastHead = '';
  private lastBlock = '';
  private lastStatus = '';
  private lastLength = NONE_LIKE_IT;
  private isChunked = false;
  private hasBody = false;
  /** The client's minor version. */
  minor = 1;
  /** Whether the connection may go on after the answer; the head tells it. */
  isKeptAlive = true;
  /** A head has been given for the running answer. */
  isBegun = false;
  /** The body ends where the connection does (HTTP/1.0 client, length unknown). */
  isUntilClose = false;
  private bytesWritten = 0;

  constructor(wire: DirectWriter) {
    this.wire = wire;
  }

  /** Whether the client is behind: more than the socket's high-water mark waits. */
  get isFull(): boolean {
    return this.wire.isFull;
  }

  /** Bytes written since this was last asked. */
  takeBytesWritten(): number {
    const bytes = this.bytesWritten;
    this.bytesWritten = 0;
    return bytes;
  }

  /** Lets go of what only the next answer could use. */
  rest(): void {
    this.lastHead = '';
    this.lastBlock = '';
    this.lastStatus = '';
    this.lastLength = NONE_LIKE_IT;
  }

  /** The answers to come are for a request of this version and this wish. */
  begin(minor: number, isKeptAlive: boolean): void {
    this.minor = minor;
    this.isKeptAlive = isKeptAlive;
  }

  /** As `ClientPort.writeHead`. An answer of unknown length to an HTTP/1.0 client ends with the connection. */
  writeHead(status: string, block: string, framing: AnswerFraming, lengthWhenNone: number): void {
    const { kind } = framing;
    this.isBegun = true;
    this.hasBody = kind !== 'none';
    this.isChunked = kind === 'unknown' && this.minor > 0;
    this.isUntilClose = kind === 'unknown' && this.minor === 0;
    const length = kind === 'length' ? framing.bytes : kind === 'none' ? lengthWhenNone : -1;
    // The same fields as last time, the same length, and nothing to say of the connection: the same head.
    if (length !== this.lastLength || !this.isKeptAlive || this.minor === 0 || block !== this.lastBlock || status !== this.lastStatus) {
      const framed = length >= 0 ? `Content-Length: ${length}\r\n` : this.isChunked ? 'Transfer-Encoding: chunked\r\n' : '';
      this.lastHead = `HTTP/1.1 ${status}\r\n${block}${framed}${this.connectionLine()}\r\n`;
      this.lastLength = this.isKeptAlive && this.minor > 0 && length >= 0 ? length : NONE_LIKE_IT;
      this.lastBlock = block;
      this.lastStatus = status;
    }
    this.append(this.lastHead);
  }

  /** HTTP/1.1 persists unless told, HTTP/1.0 only if told (RFC 9112 section 9.3). */
  private connectionLine(): string {
    if (!this.isKeptAlive) return 'Connection: close\r\n';
    return this.minor === 0 ? 'Connection: keep-alive\r\n' : '';
  }

  writeInformational(text: string): void {
    this.append(text);
  }

  /** As `ClientPort.writeBody` and, with a lender, `lendBody`. */
  writeBody(bytes: Buffer, lender: Lender | null = null): Loan {
    const length = bytes.length;
    if (length === 0 || !this.hasBody) return 'released';
    if (length > (lender === null ? COPIED_BYTES : LENT_BYTES)) return this.writeLarge(bytes, lender);
    this.writeBodyText(bytes.toString('latin1', 0, length));
    return 'released';
  }

  writeBodyText(text: string): void {
    if (text === '' || !this.hasBody) return;
    this.append(this.isChunked ? `${text.length.toString(16)}\r\n${text}\r\n` : text);
  }

  /** Ends the answer and writes what waits. */
  finish(): void {
    if (this.isChunked) this.out += LAST_CHUNK;
    this.isChunked = false;
    this.isBegun = false;
    this.hasBody = false;
    this.flush();
  }

  flush(): void {
    const out = this.out;
    if (out === '') return;
    this.out = '';
    this.bytesWritten += out.length;
    this.wire.writeText(out);
  }

  private append(text: string): void {
    this.out += text;
    if (this.out.length > COPIED_BYTES) this.flush();
  }

  private writeLarge(bytes: Buffer, lender: Lender | null): Loan {
    const before = this.isChunked ? `${this.out}${bytes.length.toString(16)}\r\n` : this.out;
    const after = this.isChunked ? '\r\n' : '';
    this.out = '';
    this.bytesWritten += before.length + bytes.length + after.length;
    const isHeld = before === '' ? this.wire.writeBytes(bytes, lender) : this.wire.writeAround(before, bytes, after, lender);
    return isHeld ? 'kept' : 'released';
  }
}
