import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { ReceivedRequest } from './http-request.ts';
import { RawPeer } from './raw-peer.ts';
import { waitFor } from './wait-for.ts';

/** What the origin does with one connection; `index` counts connections from 0. */
export type OriginScript = (connection: RawPeer, index: number) => void | Promise<void>;
/** What to answer to one request: the whole message, several pieces, or nothing at all. `index` counts requests over all connections. */
export type Answer = (
  request: ReceivedRequest,
  index: number,
  connection: RawPeer,
) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;

export const OK_REPLY = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/**
 * A scripted origin on a loopback port of its own: keeps the exact bytes of every connection, and does what the script says.
 * A script's failure is kept and thrown by `close`.
 */
export class RawOrigin {
  readonly connections: RawPeer[] = [];
  /** Whole requests seen by `answering`, over all connections, in order of arrival. */
  readonly requests: ReceivedRequest[] = [];
  readonly #server: Server;
  readonly #failures: unknown[] = [];
  #isClosing = false;

  private constructor(script: OriginScript) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#onConnection(socket, script));
  }

  static async start(script: OriginScript = () => {}, port = 0): Promise<RawOrigin> {
    const origin = new RawOrigin(script);
    await new Promise<void>((resolve, reject) => {
      origin.#server.once('error', reject);
      origin.#server.listen({ port, host: '127.0.0.1', backlog: 4096 }, resolve);
    });
    return origin;
  }

  /** An origin that reads whole requests, one after another on each connection, and answers each. */
  static async answering(answer: Answer | string = OK_REPLY): Promise<RawOrigin> {
    const decide: Answer = typeof answer === 'string' ? () => answer : answer;
    const origin: RawOrigin = await RawOrigin.start((connection) => origin.#answerAll(connection, decide));
    return origin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Connections that are open now. */
  get openConnections(): number {
    return this.connections.filter((connection) => !connection.isClosed).length;
  }

  /** Everything received on all connections, in order of the connections. */
  get text(): string {
    return this.connections.map((connection) => connection.text).join('');
  }

  /** The connection with this number, as soon as there is one. */
  connection(index: number, timeoutMs?: number): Promise<RawPeer> {
    return waitFor(`connection ${index} to the origin`, () => this.connections[index], timeoutMs);
  }

  /** Resets everything, frees the port, and throws what a script failed with before that. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.connections) connection.close();
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.#failures.length > 0) throw new AggregateError(this.#failures, `the origin's script failed: ${String(this.#failures[0])}`);
  }

  #onConnection(socket: Socket, script: OriginScript): void {
    const connection = new RawPeer(socket);
    this.connections.push(connection);
    const index = this.connections.length - 1;
    Promise.resolve()
      .then(() => script(connection, index))
      .catch((error: unknown) => {
        if (!this.#isClosing) this.#failures.push(error);
      });
  }

  async #answerAll(connection: RawPeer, answer: Answer): Promise<void> {
    for (;;) {
      // A kept-alive connection may idle as long as the test likes.
      const request = await connection.readRequest(600_000);
      if (request === undefined) return connection.close();
      this.requests.push(request);
      const reply = await answer(request, this.requests.length - 1, connection);
      if (reply !== undefined) await connection.send(reply);
    }
  }
}
