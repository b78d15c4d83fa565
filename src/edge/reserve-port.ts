import { type AddressInfo, createServer } from 'node:net';
import type { ListenAddress } from '../config/types.ts';

/**
 * Asks the system whether an address can be bound, and which port it gives for port 0, by binding it alone for a moment.
 * Sockets with SO_REUSEPORT would share a port silently with another Sluice of the same user; this way that is an error.
 * Rejects with the system's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`).
 */
export function reservePort(address: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      // An address of a TCP server that listens is never text or null.
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
