import { createServer, type Socket } from 'node:net';

/**
 * The origin behind the proxy under test: as little work per request as Node allows, so that the proxy is what is measured.
 * `GET /relay` answers 100 bytes, `GET /large` 64 KiB, a body of any length is swallowed and answered with 2 bytes.
 * It trusts the proxy to send well-formed requests, one at a time or pipelined. Prints `origin PORT` when it accepts.
 */

const RELAY = answer(100);
const LARGE = answer(65536);
const SMALL = answer(2);
const HEAD_END = '\r\n\r\n';
const CHUNKED_END = '0\r\n\r\n';

function answer(bytes: number): Buffer {
  const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${bytes}\r\n\r\n`;
  return Buffer.from(head + '0123456789'.repeat(Math.ceil(bytes / 10)).slice(0, bytes), 'latin1');
}

/** Bytes of body still to come on one connection; `chunked` until the last chunk has been seen. */
class Reader {
  socket: Socket;
  rest = '';
  bodyLeft = 0;
  isChunked = false;
  constructor(socket: Socket) {
    this.socket = socket;
  }

  onBytes(chunk: Buffer): void {
    if (this.isChunked) {
      this.onChunked(chunk.toString('latin1'));
      return;
    }
    const skipped = Math.min(this.bodyLeft, chunk.length);
    if (skipped > 0) {
      this.bodyLeft -= skipped;
      if (this.bodyLeft === 0) this.socket.write(SMALL);
    }
    if (skipped < chunk.length) this.onHeads(this.rest + chunk.toString('latin1', skipped));
  }

  onHeads(text: string): void {
    let at = 0;
    for (let end = text.indexOf(HEAD_END); end !== -1; end = text.indexOf(HEAD_END, at)) {
      const head = text.slice(at, end);
      at = end + HEAD_END.length;
      if (/^(?:GET|HEAD) /.test(head)) {
        this.socket.write(head.startsWith('GET /large') ? LARGE : RELAY);
        continue;
      }
      this.rest = '';
      this.beginBody(head, text.slice(at));
      return;
    }
    this.rest = text.slice(at);
  }

  beginBody(head: string, after: string): void {
    this.isChunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    this.bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (!this.isChunked && this.bodyLeft === 0) this.socket.write(SMALL);
    if (after.length > 0) this.onBytes(Buffer.from(after, 'latin1'));
  }

  /** The load sends bodies of one repeated letter, so the end of a chunked one cannot occur inside it. */
  onChunked(text: string): void {
    const seen = this.rest + text;
    const end = seen.indexOf(CHUNKED_END);
    this.rest = end === -1 ? seen.slice(-CHUNKED_END.length) : '';
    if (end === -1) return;
    this.isChunked = false;
    this.socket.write(SMALL);
    if (end + CHUNKED_END.length < seen.length) this.onHeads(seen.slice(end + CHUNKED_END.length));
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  const reader = new Reader(socket);
  socket.on('data', (chunk) => reader.onBytes(chunk));
  socket.on('error', () => socket.destroy());
});
server.listen(Number(process.env['BENCH_ORIGIN_PORT'] ?? 0), '127.0.0.1', 4096, () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.stdout.write(`origin ${address.port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
