import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ListenAddress } from '../config/types.ts';

// An import would read every export to make a module of it, and one of them (`WebSocket`) loads undici and HTTP/2: 80 ms of CPU
// and 10 MB in each process, for nothing.
const { createServer } = process.getBuiltinModule('node:http');

/** What the handlers of a plain server see; `runtime` takes the types from here, since servers live in `edge` only. */
export type PlainRequest = IncomingMessage;
export type PlainReply = ServerResponse;
export type PlainHandler = (request: PlainRequest, reply: PlainReply) => void;

export type PlainServer = {
  readonly host: string;
  readonly port: number;
  /** Closes the listen socket and idle connections, waits `graceMs` for the others, then cuts them. */
  close(graceMs: number): Promise<void>;
};

export type PlainServerOptions = {
  /** Another process of ours may listen there too. */
  readonly sharesPort: boolean;
  /** Client connections; over it: closed at once. */
  readonly maxConnections: number;
};

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;

/**
 * A `node:http` server for what is not proxied traffic: the admin listener and the demo origin.
 * Rejects when the address cannot be bound.
 */
export function openPlainServer(address: ListenAddress, options: PlainServerOptions, handler: PlainHandler): Promise<PlainServer> {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS }, handler);
  server.maxConnections = options.maxConnections;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port, reusePort: options.sharesPort }, () => {
      server.off('error', reject);
      resolve(new OpenServer(server, address.host));
    });
  });
}

class OpenServer implements PlainServer {
  readonly host: string;
  readonly port: number;
  readonly #server: Server;

  constructor(server: Server, host: string) {
    this.#server = server;
    this.host = host;
    // An address of a TCP server that listens is never text or null.
    this.port = (server.address() as AddressInfo).port;
  }

  async close(graceMs: number): Promise<void> {
    const cut = setTimeout(() => this.#server.closeAllConnections(), graceMs);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
    clearTimeout(cut);
  }
}
