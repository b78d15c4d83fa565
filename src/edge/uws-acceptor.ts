import type { ListenAddress } from '../config/types.ts';
import { loadUws, type UwsAddon, type UwsApp, type UwsDescriptor, type UwsListenSocket, type UwsResponse } from './uws-addon.ts';

/**
 * The accepting half of `sharding: acceptor`: one app of one thread accepts, and hands the connections to the workers' apps,
 * one after the other. It serves nothing itself.
 *
 * A descriptor is an address in this process: handing a connection to an app that is gone is a crash. So a worker that is to
 * end is taken out here first (`remove`); only then, and one turn of its loop later (connections handed over before are on
 * their way to it), may it close its app and end.
 */
export class UwsAcceptor {
  readonly host: string;
  readonly port: number;
  private readonly addon: UwsAddon;
  private readonly app: UwsApp;
  private socket: UwsListenSocket | undefined;
  private readonly children = new Set<UwsDescriptor>();

  constructor(addon: UwsAddon, address: ListenAddress, descriptors: readonly UwsDescriptor[]) {
    this.addon = addon;
    this.host = address.host;
    this.app = addon.App();
    // Without a child the connection lands here.
    this.app.filter(closeAtOnce);
    for (const descriptor of descriptors) this.add(descriptor);
    this.app.listen(address.host, address.port, (socket) => {
      if (socket !== false) this.socket = socket;
    });
    if (this.socket === undefined) {
      this.app.close();
      throw new Error(`cannot listen on ${address.host} port ${address.port}: the address is in use, not of this host, or not permitted`);
    }
    this.port = addon.us_socket_local_port(this.socket);
  }

  add(descriptor: UwsDescriptor): void {
    if (this.children.has(descriptor)) return;
    this.children.add(descriptor);
    this.app.addChildAppDescriptor(descriptor);
  }

  /** Harmless for one that is not there. After it no connection is handed to that app. */
  remove(descriptor: UwsDescriptor): void {
    if (!this.children.delete(descriptor)) return;
    this.app.removeChildAppDescriptor(descriptor);
  }

  /** Hands over what already waits in the queue, then closes the listen socket. */
  async stopAccepting(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    const { socket } = this;
    this.socket = undefined;
    if (socket !== undefined) this.addon.us_listen_socket_close(socket);
  }

  /** Must come before the thread ends. */
  destroy(): void {
    this.socket = undefined;
    this.app.close();
  }
}

function closeAtOnce(res: UwsResponse, step: number): void {
  if (step > 0) res.close();
}

/** Listens, with these apps to hand connections to. Rejects where the addon does not load, or if the address cannot be had. */
export async function openUwsAcceptor(address: ListenAddress, descriptors: readonly UwsDescriptor[]): Promise<UwsAcceptor> {
  return new UwsAcceptor(await loadUws(), address, descriptors);
}
