import { type TimeSlice, UNBOUNDED } from '../base/time-slice.ts';
import { FROM_THE_END, sweepClients } from './sweep-clients.ts';
import type { LoopClock } from '../base/clock.ts';
import { PlacedList } from '../base/placed-list.ts';
import type { ListenerConfig } from '../config/types.ts';
import type { Gateway } from '../exchange/gateway.ts';
import type { ListenerPlan } from '../exchange/listener-plan.ts';
import { FlushQueue } from './flush-queue.ts';
import type { Listener } from './listener.ts';
import type { UwsAddon, UwsApp, UwsDescriptor, UwsListenSocket, UwsResponse } from './uws-addon.ts';
import { UwsClient } from './uws-client.ts';

/** Kept for reuse; those of a burst go back to the collector. */
const MAX_FREE_CLIENTS = 1024;
const EXCLUSIVE_PORT = 1;

/**
 * One listener of the `uws` engine in one worker: an app of its own on the worker's loop. It knows how many connections are
 * open but not which: an idle one cannot be closed before the addon does (10 s), or `destroy`.
 */
export class UwsServer implements Listener {
  readonly config: ListenerConfig;
  readonly gateway: Gateway;
  readonly plan: ListenerPlan;
  readonly clock: LoopClock;
  /** Runs after the addon has left its parser, within which a tick may end: `UwsClient` relies on it. */
  readonly flushQueue = new FlushQueue();
  isDraining = false;
  private sweepFrom = FROM_THE_END;
  port = 0;
  connections = 0;

  private readonly addon: UwsAddon;
  private readonly app: UwsApp;
  private readonly active = new PlacedList<UwsClient>();
  private readonly free: UwsClient[] = [];
  private socket: UwsListenSocket | undefined;
  private isDestroyed = false;

  constructor(addon: UwsAddon, config: ListenerConfig, gateway: Gateway) {
    this.config = config;
    this.gateway = gateway;
    this.plan = gateway.listenerPlan(config);
    this.clock = gateway.clock;
    this.addon = addon;
    this.app = addon.App();
    this.app.filter((res, step) => this.onConnection(res, step));
    this.app.any('/*', (res, req) => {
      this.clock.refresh();
      this.take().begin(res, req);
    });
  }

  /** By which an acceptor hands connections to this app. */
  get descriptor(): UwsDescriptor {
    return this.app.getDescriptor();
  }

  /** Throws if the address cannot be had; the addon does not tell why. */
  listen(sharesPort: boolean): void {
    const { host, port } = this.config.address;
    const onListen = (socket: UwsListenSocket | false): void => {
      if (socket === false) return;
      this.socket = socket;
      this.port = this.addon.us_socket_local_port(socket);
    };
    if (sharesPort) this.app.listen(host, port, onListen);
    else this.app.listen(host, port, EXCLUSIVE_PORT, onListen);
    if (this.socket !== undefined) return;
    this.app.close();
    throw new Error(`cannot listen on ${host} port ${port}: the address is in use, not of this host, or not permitted`);
  }

  async stopAccepting(): Promise<void> {
    // One turn of the loop accepts what the kernel has queued so far: fewer connections are reset by the close.
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.closeSocket();
  }

  beginDrain(): void {
    this.isDraining = true;
  }

  /** Running answers and those of requests still to come are the last of their connections; idle ones stay. */
  drain(): void {
    this.isDraining = true;
  }

  sweep(nowMs: number, slice: TimeSlice = UNBOUNDED): void {
    this.sweepFrom = sweepClients(this.active.items, { nowMs, slice, from: this.sweepFrom });
  }

  /** Must come before the thread ends: a thread that ends with a live app aborts the process. */
  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    this.isDraining = true;
    this.socket = undefined;
    this.app.close();
  }

  /** `isReusable`: the addon will not call it any more. */
  release(client: UwsClient, isReusable: boolean): void {
    this.active.remove(client);
    if (isReusable && this.free.length < MAX_FREE_CLIENTS) this.free.push(client);
  }

  private take(): UwsClient {
    const client = this.free.pop() ?? new UwsClient(this);
    this.active.add(client);
    return client;
  }

  private onConnection(res: UwsResponse, step: number): void {
    this.connections += step;
    this.plan.setConnections(this.connections);
    if (step < 0) return;
    this.plan.countConnection();
    if (this.connections <= this.config.limits.maxConnections) return;
    this.plan.countRefused('connection-limit');
    res.close();
  }

  private closeSocket(): void {
    const { socket } = this;
    this.socket = undefined;
    if (socket !== undefined && !this.isDestroyed) this.addon.us_listen_socket_close(socket);
  }
}
