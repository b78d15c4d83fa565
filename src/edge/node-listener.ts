import { createServer, type Server, Socket } from 'node:net';
import type { LoopClock } from '../base/clock.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Gateway } from '../exchange/gateway.ts';
import type { ListenerPlan, TimeoutKind } from '../exchange/listener-plan.ts';
import { FlushQueue } from './flush-queue.ts';
import type { Listener } from './listener.ts';
import { NodeClient } from './node-client.ts';

const READ_BYTES = 64 * 1024;

/** How a worker opens a listener: `reusePort` shares the address with the other workers, the kernel spreads the connections. */
export type OpenOptions = { readonly reusePort: boolean };

/**
 * One listener of the `node` engine in one worker: accepts, and holds the list of its client connections.
 *
 * `node:net` gives an accepted socket no `onread` buffer, which saves a buffer and a stream event for each read (2 µs of a
 * relayed request); so the handle is taken over by a socket that has one.
 */
export class NodeServer implements Listener {
  readonly name: string;
  readonly host: string;
  readonly config: ListenerConfig;
  readonly gateway: Gateway;
  readonly plan: ListenerPlan;
  readonly clock: LoopClock;
  readonly flushQueue = new FlushQueue();
  /** The read buffer of all connections that keep nothing of what they read. */
  readonly sharedRead: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  isDraining = false;
  port = 0;

  private readonly server: Server;
  private readonly clients: NodeClient[] = [];

  constructor(config: ListenerConfig, gateway: Gateway) {
    this.name = config.name;
    this.host = config.address.host;
    this.config = config;
    this.gateway = gateway;
    this.plan = gateway.listenerPlan(config);
    this.clock = gateway.clock;
    this.server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.onSocket(socket));
  }

  async listen(options: OpenOptions): Promise<void> {
    const { server, config } = this;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: config.address.host, port: config.address.port, backlog: config.backlog, reusePort: options.reusePort }, resolve);
    });
    server.removeAllListeners('error');
    // Later errors are those of accept (EMFILE, ECONNABORTED): the listener goes on, the count tells.
    server.on('error', () => this.plan.countRefused('accept-error'));
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  get connections(): number {
    return this.clients.length;
  }

  countReceived(bytes: number): void {
    this.plan.countReceived(bytes);
  }

  countSent(bytes: number): void {
    this.plan.countSent(bytes);
  }

  countTimeout(kind: TimeoutKind): void {
    this.plan.countTimeout(kind);
  }

  async stopAccepting(): Promise<void> {
    this.isDraining = true;
    if (!this.server.listening) return;
    // One turn of the loop accepts what the kernel has queued so far: fewer connections are reset by the close.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.server.close();
  }

  drain(): void {
    this.isDraining = true;
    for (const client of this.clients.slice()) client.drain();
  }

  sweep(nowMs: number): void {
    for (let i = this.clients.length - 1; i >= 0; i--) this.clients[i]?.sweep(nowMs);
  }

  destroy(): void {
    this.isDraining = true;
    this.server.close();
    for (const client of this.clients.slice()) client.destroy();
  }

  private onSocket(accepted: Socket): void {
    this.plan.countConnection();
    if (this.clients.length >= this.config.limits.maxConnections) {
      this.plan.countRefused('connection-limit');
      accepted.destroy();
      return;
    }
    const socket = adoptHandle(accepted, (length, buffer) => client.onRead(length, buffer), this.sharedRead, () => client.takeReadBuffer());
    const client = new NodeClient(this, socket);
    this.add(client);
    socket.on('end', () => client.onGone());
    socket.on('error', () => client.onGone());
    socket.on('close', () => {
      client.onGone();
      this.remove(client);
    });
  }

  private add(client: NodeClient): void {
    client.listIndex = this.clients.push(client) - 1;
    this.plan.setConnections(this.clients.length);
  }

  private remove(client: NodeClient): void {
    const last = this.clients.pop();
    if (last !== undefined && last !== client) {
      this.clients[client.listIndex] = last;
      last.listIndex = client.listIndex;
    }
    client.listIndex = -1;
    this.plan.setConnections(this.clients.length);
  }
}

type HandleOwner = { _handle: unknown };

/** Moves an accepted socket's handle into a socket that reads into a given buffer. */
function adoptHandle(
  accepted: Socket,
  onRead: (length: number, buffer: Buffer) => boolean,
  first: Buffer,
  next: () => Buffer | undefined,
): Socket {
  const owner = accepted as unknown as HandleOwner;
  const handle = owner._handle;
  owner._handle = null;
  let isFirst = true;
  const buffer = (): Buffer | undefined => {
    if (!isFirst) return next();
    isFirst = false;
    return first;
  };
  const options = { handle, onread: { buffer, callback: (length: number, bytes: Uint8Array) => onRead(length, bytes as Buffer) } };
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  socket.setNoDelay(true);
  socket.resume();
  return socket;
}

/** Opens one listener of the `node` engine. Rejects with the system's error (EADDRINUSE, EACCES). */
export async function openNodeListener(config: ListenerConfig, gateway: Gateway, options: OpenOptions): Promise<Listener> {
  const server = new NodeServer(config, gateway);
  await server.listen(options);
  return server;
}
