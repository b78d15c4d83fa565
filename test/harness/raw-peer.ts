import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Parsed } from './http-message.ts';
import { parseReply, type Reply } from './http-reply.ts';
import { parseRequest, type ReceivedRequest } from './http-request.ts';
import { within } from './wait-for.ts';

type Bytes = string | Uint8Array;
const toBuffer = (bytes: Bytes): Buffer => (typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes));

/**
 * One end of a TCP connection in the hands of a test: sends exactly the bytes given (strings are latin1), keeps all that came,
 * and waits for conditions on it. Nothing is sent, answered or closed unless the test says so.
 */
export class RawPeer {
  readonly socket: Socket;
  /** The other side has sent its last byte. */
  isEnded = false;
  /** The connection is gone, both ways. */
  isClosed = false;
  /** What the connection failed with, e.g. `ECONNRESET`. */
  error: NodeJS.ErrnoException | undefined;
  /** Bytes received in all, kept or not. */
  receivedBytes = 0;
  #pieces: Buffer[] = [];
  #cursor = 0;
  #isKeeping = true;
  readonly #watchers = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (piece: Buffer) => this.#onData(piece));
    socket.on('end', () => {
      this.isEnded = true;
      this.#wake();
    });
    socket.on('error', (error) => {
      this.error = error;
    });
    socket.on('close', () => {
      this.isEnded = true;
      this.isClosed = true;
      this.#wake();
    });
  }

  /** All bytes kept so far. */
  get received(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  /** All that was received, as latin1. */
  get text(): string {
    return this.received.toString('latin1');
  }

  /** What no `readReply`, `readRequest` or `take` has consumed yet. */
  get unread(): Buffer {
    return this.received.subarray(this.#cursor);
  }

  /** Resolves when the bytes are handed to the kernel; on a connection that is gone, at once. */
  send(bytes: Bytes): Promise<void> {
    if (this.socket.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.socket.write(toBuffer(bytes), () => resolve());
    });
  }

  /** Sends each piece by itself, with turns of the event loop in between, so that they mostly arrive apart. */
  async sendPieces(pieces: readonly Bytes[]): Promise<void> {
    for (const piece of pieces) {
      await this.send(piece);
      await nextTurn();
      await nextTurn();
    }
  }

  /** Sends `bytes` cut at the offsets given (any order, duplicates allowed). */
  sendSplit(bytes: Bytes, cuts: readonly number[]): Promise<void> {
    const whole = toBuffer(bytes);
    const edges = [...new Set([0, ...cuts.filter((cut) => cut > 0 && cut < whole.length), whole.length])].sort((a, b) => a - b);
    return this.sendPieces(edges.slice(1).map((edge, i) => whole.subarray(edges[i], edge)));
  }

  /** Sends FIN; the other direction stays open. */
  halfClose(): void {
    this.socket.end();
  }

  /** Stops reading, so that the kernel's window fills and the other side feels it. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** From now on bytes are counted and not kept: for bodies too large for memory. */
  countOnly(): void {
    this.#isKeeping = false;
    this.#pieces = [];
    this.#cursor = 0;
  }

  /** Closes at once, with FIN. */
  close(): void {
    this.socket.destroy();
  }

  /** Closes at once, with RST. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Waits until `condition` holds; it is asked after every piece of data, end and close. */
  async until(what: string, condition: (peer: RawPeer) => boolean, timeoutMs?: number): Promise<void> {
    if (condition(this)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = (): void => {
      if (condition(this)) resolve();
    };
    this.#watchers.add(watcher);
    try {
      await within(`${what}; received: ${JSON.stringify(this.text.slice(-500))}`, promise, timeoutMs);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  /** Waits until the text is among what was received; fails as soon as it cannot come any more. */
  async untilText(text: string, timeoutMs?: number): Promise<void> {
    await this.until(`received ${JSON.stringify(text)}`, (peer) => peer.text.includes(text) || peer.isEnded, timeoutMs);
    if (!this.text.includes(text)) throw new Error(`ended without ${JSON.stringify(text)}: ${JSON.stringify(this.text)}`);
  }

  /** Waits until the other side has closed (FIN or RST) and gives all that was received. */
  async untilEnd(timeoutMs?: number): Promise<Buffer> {
    await this.until('the other side closes', (peer) => peer.isEnded, timeoutMs);
    return this.received;
  }

  /** The next message by `parse`; `undefined` if the connection ended cleanly before its first byte. Throws if it is bad. */
  async take<T>(what: string, parse: (bytes: Buffer, isEnded: boolean) => Parsed<T>, timeoutMs?: number): Promise<T | undefined> {
    let parsed: Parsed<T> = { kind: 'incomplete' };
    await this.until(
      what,
      () => {
        parsed = parse(this.unread, this.isEnded);
        return parsed.kind !== 'incomplete' || this.isEnded;
      },
      timeoutMs,
    );
    // The compiler does not see that the condition above has assigned it.
    const found = parsed as Parsed<T>;
    if (found.kind === 'bad') throw new Error(`${what}: ${found.why}`);
    if (found.kind === 'incomplete') return undefined;
    this.#cursor += found.length;
    return found.message;
  }

  /** The next response; throws if the connection ends before or within it. `method` is that of the request it answers. */
  async readReply(method = 'GET', timeoutMs?: number): Promise<Reply> {
    const reply = await this.take(`a reply to ${method}`, (bytes, isEnded) => parseReply(bytes, method, isEnded), timeoutMs);
    if (reply === undefined) throw new Error(`closed without a reply to ${method} (${this.error?.code ?? 'FIN'})`);
    return reply;
  }

  /** The next request; `undefined` when the connection ends before one. */
  readRequest(timeoutMs?: number): Promise<ReceivedRequest | undefined> {
    return this.take('a request', parseRequest, timeoutMs);
  }

  #onData(piece: Buffer): void {
    this.receivedBytes += piece.length;
    if (this.#isKeeping) this.#pieces.push(piece);
    this.#wake();
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
