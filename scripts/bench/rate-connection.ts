import { connect, type Socket } from 'node:net';

/** What the owner of a connection hears of it. */
export type RateOwner = {
  onAnswer(connection: RateConnection): void;
  onBroken(connection: RateConnection, why: string): void;
};

const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
const LENGTH = /\r\ncontent-length: *(\d+)/i;

/**
 * One keep-alive connection that carries one request at a time. It reads answers framed by Content-Length, which is all that the
 * bench's origins send, and calls anything else broken. Reads land in one static buffer: no stream machinery on the way.
 */
export class RateConnection {
  readonly socket: Socket;
  readonly owner: RateOwner;
  /** Number of the request it carries; -1 = free. */
  request = -1;
  intendedMs = 0;
  sentMs = 0;
  /** Bytes of the answer's body still to come; -1 = its head is not complete. */
  bodyLeft = -1;
  partialHead = '';
  isBroken = false;

  constructor(address: { readonly host: string; readonly port: number }, owner: RateOwner) {
    this.owner = owner;
    this.socket = connect({
      ...address,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(65536),
        callback: (size, buffer) => {
          this.onBytes(Buffer.from(buffer.buffer, buffer.byteOffset, size));
          return true;
        },
      },
    });
    this.socket.on('error', (error) => this.break(error.message));
    this.socket.on('close', () => this.break('connection closed'));
  }

  send(bytes: Buffer): void {
    this.bodyLeft = -1;
    this.socket.write(bytes);
  }

  break(why: string): void {
    if (this.isBroken) return;
    this.isBroken = true;
    this.socket.destroy();
    this.owner.onBroken(this, why);
  }

  onBytes(chunk: Buffer): void {
    let bodyBytes = chunk.length;
    if (this.bodyLeft === -1) {
      bodyBytes = this.onHead(chunk);
      if (bodyBytes === -1) return;
    }
    this.bodyLeft -= bodyBytes;
    if (this.bodyLeft < 0 || this.request === -1) this.break('bytes that no request asked for');
    else if (this.bodyLeft === 0) this.owner.onAnswer(this);
  }

  /** Bytes of the body in this chunk, or -1 when the head is not complete or the connection is broken. */
  onHead(chunk: Buffer): number {
    const end = this.partialHead === '' ? chunk.indexOf(HEAD_END) : -1;
    const text = end === -1 ? this.partialHead + chunk.toString('latin1') : chunk.toString('latin1', 0, end);
    const headLength = end === -1 ? text.indexOf('\r\n\r\n') : end;
    if (headLength === -1) {
      this.partialHead = text;
      return -1;
    }
    const bodyBytes = end === -1 ? text.length - headLength - 4 : chunk.length - end - 4;
    this.partialHead = '';
    const length = LENGTH.exec(text.slice(0, headLength))?.[1];
    if (!text.startsWith('HTTP/1.1 2')) this.break(text.slice(0, text.indexOf('\r\n')));
    else if (length === undefined) this.break('an answer without Content-Length');
    if (this.isBroken) return -1;
    this.bodyLeft = Number(length);
    return bodyBytes;
  }
}
