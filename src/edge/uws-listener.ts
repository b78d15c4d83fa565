import type { ListenerConfig } from '../config/types.ts';
import type { Gateway } from '../exchange/gateway.ts';
import type { Listener } from './listener.ts';
import { loadUws, type UwsDescriptor } from './uws-addon.ts';
import { UwsServer } from './uws-server.ts';

/** `reusePort` shares the address with the other workers, the kernel spreads the connections. Not with port 0, which the addon binds alone. */
export type UwsOpenOptions = { readonly reusePort: boolean };

/** A listener that does not listen: an acceptor hands it connections by its descriptor. */
export interface UwsChildListener extends Listener {
  readonly descriptor: UwsDescriptor;
}

/** Opens one listener of the `uws` engine. Rejects with the remedy where the addon does not load, or if the address cannot be had. */
export async function openUwsListener(config: ListenerConfig, gateway: Gateway, options: UwsOpenOptions): Promise<Listener> {
  const server = new UwsServer(await loadUws(), config, gateway);
  server.listen(options.reusePort);
  return server;
}

/**
 * The worker's part of `sharding: acceptor`. `port` is the acceptor's, as clients see it. It must be taken out of the acceptor
 * before `destroy`, and one turn of the loop must pass in between.
 */
export async function openUwsChild(config: ListenerConfig, gateway: Gateway, port: number): Promise<UwsChildListener> {
  const server = new UwsServer(await loadUws(), config, gateway);
  server.port = port;
  return server;
}
