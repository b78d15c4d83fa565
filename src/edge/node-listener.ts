import { type TimeSlice, UNBOUNDED } from '../base/time-slice.ts';
import { FROM_THE_END, sweepClients } from './sweep-clients.ts';
import { createServer, type Server, type Socket } from 'node:net';
import type { LoopClock } from '../base/clock.ts';
import { PlacedList } from '../base/placed-list.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Gateway } from '../exchange/gateway.ts';
import { FieldMarks } from '../http/field-marks.ts';
import { RequestHead } from '../http/request-head.ts';
import type { ListenerPlan } from '../exchange/listener-plan.ts';
import type { Listener } from './listener.ts';
import { NodeClient } from './node-client.ts';

const READ_BYTES = 64 * 1024;
const MAX_SPARE_HEADS = 1024;
/** How long `acceptQueued` waits for a quiet moment, and what it takes for one. */
const MAX_LAST_TURNS_MS = 500;
const SHORT_TURN_MS = 0.2;

/** How a worker opens a listener: `reusePort` shares the address with the other workers, the kernel spreads the connections. */
export type OpenOptions = { readonly reusePort: boolean };

/** One listener of the `node` engine in one worker: accepts, and holds the list of its client connections. */
export class NodeServer implements Listener {
  readonly config: ListenerConfig;
  readonly gateway: Gateway;
  readonly plan: ListenerPlan;
  readonly clock: LoopClock;
  /** The read buffer of all connections that keep nothing of what they read. */
  readonly sharedRead: Buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  isDraining = false;
  private sweepFrom = FROM_THE_END;
  port = 0;

  private readonly server: Server;
  private readonly clients = new PlacedList<NodeClient>();
  private readonly heads: RequestHead[] = [];
  private accepted = 0;

  constructor(config: ListenerConfig, gateway: Gateway) {
    this.config = config;
    this.gateway = gateway;
    this.plan = gateway.listenerPlan(config);
    this.clock = gateway.clock;
    this.server = createServer({ noDelay: true }, (socket) => this.onSocket(socket));
  }

  async listen(options: OpenOptions): Promise<void> {
    const { server, config } = this;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(
        { host: config.address.host, port: config.address.port, backlog: config.backlog, reusePort: options.reusePort },
        resolve,
      );
    });
    server.removeAllListeners('error');
    // Later errors are those of accept (EMFILE, ECONNABORTED): the listener goes on, the count tells.
    server.on('error', () => this.plan.countRefused('accept-error'));
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
  }

  get connections(): number {
    return this.clients.count;
  }

  async stopAccepting(): Promise<void> {
    if (!this.server.listening) return;
    await this.acceptQueued();
    this.server.close();
  }

  beginDrain(): void {
    this.isDraining = true;
  }

  /**
   * A close resets the connections that still wait in the kernel's queue, and libuv accepts one at each turn of the loop: so
   * turns go by until one has brought none. That turn should be a short one, too, since what arrives in it is lost; while
   * requests keep the loop busy it is waited for a while. Two immediates have a whole poll between them.
   */
  private async acceptQueued(): Promise<void> {
    const endMs = performance.now() + MAX_LAST_TURNS_MS;
    for (;;) {
      const before = this.accepted;
      const beganMs = performance.now();
      await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
      const nowMs = performance.now();
      if (nowMs > endMs || (this.accepted === before && nowMs - beganMs < SHORT_TURN_MS)) return;
    }
  }

  drain(): void {
    this.isDraining = true;
    for (const client of this.clients.items.slice()) client.drain();
  }

  sweep(nowMs: number, slice: TimeSlice = UNBOUNDED): void {
    this.sweepFrom = sweepClients(this.clients.items, { nowMs, slice, from: this.sweepFrom });
  }

  destroy(): void {
    this.isDraining = true;
    this.server.close();
    for (const client of this.clients.items.slice()) client.destroy();
  }

  private onSocket(socket: Socket): void {
    this.plan.countConnection();
    if (this.clients.count >= this.config.limits.maxConnections) {
      this.plan.countRefused('connection-limit');
      socket.destroy();
      return;
    }
    const client = new NodeClient(this, socket);
    this.clients.add(client);
    this.plan.setConnections(this.clients.count);
    socket.on('end', () => client.onGone());
    socket.on('error', () => client.onGone());
    socket.on('close', () => {
      client.onGone();
      client.release();
      this.clients.remove(client);
      this.plan.setConnections(this.clients.count);
    });
  }

  /** A request head for a connection that becomes busy. */
  takeHead(): RequestHead {
    return this.heads.pop() ?? new RequestHead(new FieldMarks(this.config.limits.maxFields));
  }

  giveHead(head: RequestHead): void {
    head.memo.forget();
    head.builtBy = null;
    head.limits = null;
    if (this.heads.length < MAX_SPARE_HEADS) this.heads.push(head);
  }
}

/** Opens one listener of the `node` engine. Rejects with the system's error (EADDRINUSE, EACCES). */
export async function openNodeListener(config: ListenerConfig, gateway: Gateway, options: OpenOptions): Promise<Listener> {
  const server = new NodeServer(config, gateway);
  await server.listen(options);
  return server;
}
