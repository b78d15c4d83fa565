import type { GatewayConfig, ListenAddress } from '../config/types.ts';
import { reservePort } from '../edge/reserve-port.ts';
import { summarizeError } from './faults.ts';

export type KnownPorts = {
  /** Ports that were given for a port 0 before, by listener name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Addresses that are ours already, as `addressText` writes them, so that they are not checked to be free; `all`: do not check any. */
  readonly ours: ReadonlySet<string> | 'all';
};

/** The configuration with a real port at every listener, the same for all workers; or the first address that cannot be bound, as text. */
export async function resolvePorts(config: GatewayConfig, known: KnownPorts): Promise<GatewayConfig | string> {
  const listeners: GatewayConfig['listeners'][number][] = [];
  for (const listener of config.listeners) {
    const { host, port: asked } = listener.address;
    const address = { host, port: asked === 0 ? (known.ports[listener.name] ?? 0) : asked };
    const isOurs = address.port !== 0 && (known.ours === 'all' || known.ours.has(addressText(address)));
    const port = isOurs ? address.port : await portOf(address);
    if (typeof port === 'string') return `listener ${listener.name}: ${port}`;
    listeners.push({ ...listener, address: { host, port } });
  }
  return { ...config, listeners };
}

/** `127.0.0.1:8080`, `[::1]:8080`. */
export function addressText({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The port that an address gets, or why it cannot be bound. */
async function portOf(address: ListenAddress): Promise<number | string> {
  try {
    return await reservePort(address);
  } catch (error) {
    return `cannot listen on ${addressText(address)}: ${bindProblem(error)}`;
  }
}

/** What the system's word means, and what to do. */
export function bindProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return 'another process listens there (EADDRINUSE); choose another address with --listen';
  if (code === 'EACCES') return 'not permitted (EACCES); ports below 1024 need CAP_NET_BIND_SERVICE';
  if (code === 'EADDRNOTAVAIL') return 'this host does not have that address (EADDRNOTAVAIL)';
  return summarizeError(error);
}
