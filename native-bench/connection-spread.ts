import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const WHO = 'GET /who HTTP/1.1\r\nHost: bench.example\r\n\r\n';

/** One connection and the thread that serves it. The subject must have been started with `hasWho`. */
export type Placed = { readonly socket: Socket; readonly worker: string };

/** Opens a connection and asks who serves it. It stays open. */
export async function openPlaced(port: number): Promise<Placed> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  // A reset after the measurement is of no interest; before it, `once` below throws.
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(WHO);
  const [chunk]: unknown[] = await once(socket, 'data');
  const worker = /\r\nx-worker: (\d+)\r\n/i.exec(String(chunk))?.[1];
  if (worker === undefined) throw new Error(`/who did not tell the worker: ${String(chunk).slice(0, 100)}`);
  return { socket, worker };
}

/**
 * Opens `count` connections one after the other, `times` over: the share that the busiest worker got of each lot, from
 * 1 / workers (even) to 1.
 */
export async function busiestShares(port: number, count: number, times: number): Promise<number[]> {
  const shares: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const perWorker = new Map<string, number>();
    const sockets: Socket[] = [];
    for (let i = 0; i < count; i += 1) {
      const { socket, worker } = await openPlaced(port);
      sockets.push(socket);
      perWorker.set(worker, (perWorker.get(worker) ?? 0) + 1);
    }
    shares.push(Math.max(...perWorker.values()) / count);
    for (const socket of sockets) socket.destroy();
  }
  return shares;
}
