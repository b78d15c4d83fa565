import { connect, type Socket } from 'node:net';
import { parseReply } from '../harness/http-reply.ts';
import { within } from '../harness/wait-for.ts';

const OPEN_TIMEOUT_MS = 10_000;
const LAST_CHUNK = '\r\n0\r\n\r\n';

/** What became of a request. `wrong` is what must never be. */
export type Outcome =
  | { readonly kind: 'whole'; readonly version: number; readonly isCollapsed: boolean }
  | { readonly kind: 'refused'; readonly status: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'wrong'; readonly why: string };

/** What may be answered, by version: its bytes, and its validator. */
export type Expected = { readonly bodies: readonly Buffer[]; readonly tags: readonly (string | undefined)[] };

/** One request on a connection that is known to be with a certain worker. Keeps every byte. */
export class TrialClient {
  readonly worker: string;
  readonly engine: string;
  readonly #socket: Socket;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #tail = '';
  /** Of a message with a length: where it ends; -1: not known, or there is none. */
  #endsAt = -1;
  readonly #over = Promise.withResolvers<void>();

  private constructor(socket: Socket, worker: string, engine: string) {
    this.#socket = socket;
    this.worker = worker;
    this.engine = engine;
    socket.on('data', (piece: Buffer) => this.#onData(piece));
    socket.on('close', () => this.#over.resolve());
  }

  /** Opens a connection, and asks `/who` whose it is. */
  static open(port: number, engine: string): Promise<TrialClient> {
    const opened = new Promise<TrialClient>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.on('error', reject);
      socket.once('close', () => reject(new Error('closed before it told its worker')));
      socket.once('data', (piece: Buffer) => {
        const worker = /\r\nx-worker: (\d+)\r\n/i.exec(piece.toString('latin1'))?.[1];
        if (worker === undefined) reject(new Error(`no worker told: ${piece.toString('latin1')}`));
        else resolve(new TrialClient(socket, worker, engine));
      });
      socket.write('GET /who HTTP/1.1\r\nHost: a.example\r\n\r\n');
    });
    return within('a client opens', opened, OPEN_TIMEOUT_MS);
  }

  ask(path: string, closes: boolean): void {
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: a.example\r\n${closes ? 'Connection: close\r\n' : ''}\r\n`);
  }

  /** Reads nothing for a while. */
  nap(ms: number): void {
    this.#socket.pause();
    setTimeout(() => this.#socket.resume(), ms);
  }

  /** With FIN, or with RST. */
  leave(isReset: boolean): void {
    if (isReset) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Waits until the answer is whole or the connection is gone. */
  async outcome(expected: Expected, timeoutMs: number): Promise<Outcome> {
    try {
      await within('an end', this.#over.promise, timeoutMs);
    } catch {
      return { kind: 'wrong', why: `neither whole nor cut after ${timeoutMs} ms and ${this.#bytes} bytes` };
    } finally {
      this.#socket.destroy();
    }
    return judge(Buffer.concat(this.#pieces), expected);
  }

  #onData(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    this.#tail = (this.#tail + piece.toString('latin1', Math.max(0, piece.length - LAST_CHUNK.length))).slice(-LAST_CHUNK.length);
    if (this.#endsAt === -1) this.#readLength();
    if (this.#bytes === this.#endsAt || this.#tail === LAST_CHUNK) this.#over.resolve();
  }

  #readLength(): void {
    const seen = Buffer.concat(this.#pieces.slice(0, 4)).toString('latin1', 0, 16_384);
    const headEnd = seen.indexOf('\r\n\r\n');
    const length = headEnd === -1 ? undefined : /\r\ncontent-length: *(\d+)\r\n/i.exec(seen.slice(0, headEnd + 2))?.[1];
    if (length !== undefined) this.#endsAt = headEnd + 4 + Number(length);
  }
}

/** What the bytes are, now that no more will come. */
function judge(bytes: Buffer, { bodies, tags }: Expected): Outcome {
  if (bytes.length === 0) return { kind: 'cut' };
  const parsed = parseReply(bytes, 'GET', true);
  if (parsed.kind !== 'message') return judgeCut(bytes, bodies);
  const { message } = parsed;
  if (parsed.length !== bytes.length) return { kind: 'wrong', why: `${bytes.length - parsed.length} bytes after the answer` };
  if (message.status >= 500 && message.field('content-type')?.includes('problem') === true)
    return { kind: 'refused', status: message.status };
  if (message.status !== 200) return { kind: 'wrong', why: `status ${message.status}: ${message.text.slice(0, 200)}` };
  if (message.field('content-length') === undefined && message.chunks === undefined)
    return { kind: 'wrong', why: 'a 200 that ends where its connection does' };
  const version = bodies.findIndex((body) => body.equals(message.body));
  if (version === -1) return { kind: 'wrong', why: `a 200 with ${message.body.length} bytes that nobody has sent` };
  if (message.field('etag') !== tags[version]) return { kind: 'wrong', why: `version ${version} with the tag ${message.field('etag')}` };
  return { kind: 'whole', version, isCollapsed: /; collapsed/.test(message.field('cache-status') ?? '') };
}

/** An answer that was cut: what came of it must have been right. */
function judgeCut(bytes: Buffer, bodies: readonly Buffer[]): Outcome {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd === -1) return { kind: 'cut' };
  const head = bytes.toString('latin1', 0, headEnd + 2);
  const rest = bytes.subarray(headEnd + 4);
  const body = /\r\ntransfer-encoding: *chunked\r\n/i.test(head) ? unchunked(rest) : rest;
  if (!head.startsWith('HTTP/1.1 200 ')) return { kind: 'wrong', why: `cut within ${head.slice(0, 40)}` };
  const isRight = bodies.some((right) => right.subarray(0, body.length).equals(body));
  return isRight ? { kind: 'cut' } : { kind: 'wrong', why: `cut after ${body.length} bytes, not all of which are right` };
}

/** What there is of a chunked body that was cut. */
function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = lineEnd === -1 ? 0 : Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
