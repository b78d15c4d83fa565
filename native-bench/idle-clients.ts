import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const REQUEST = 'GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n';
const BATCH = 100;

/** Opens connections that each carry one request and then stay open. Throws when one is refused or closed. */
export async function openIdleClients(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const size = Math.min(BATCH, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: size }, () => openOne(port)))));
  }
  return sockets;
}

async function openOne(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  // A reset after the measurement is of no interest; before it, `once` below throws.
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(REQUEST);
  await new Promise<void>((resolve, reject) => {
    socket.once('data', () => resolve());
    // Without it a proxy that has had enough of them would hold up the run for ever.
    socket.once('close', () => reject(new Error('a connection was closed before its first answer: the proxy takes no more of them')));
  });
  return socket;
}

export type SlowReader = { readonly bytes: () => number; readonly isOver: () => boolean; stop(): void };

const TICK_MS = 100;

/** Downloads `path` at no more than `bytesPerSec`: reads its share, then leaves the rest in the kernel until the next tick. */
export function startSlowReader(port: number, path: string, bytesPerSec: number): SlowReader {
  const socket = connect({ host: '127.0.0.1', port });
  let bytes = 0;
  let budget = 0;
  let isOver = false;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n`);
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    budget -= chunk.length;
    if (budget <= 0) socket.pause();
  });
  const timer = setInterval(() => {
    budget = Math.min(budget + (bytesPerSec * TICK_MS) / 1000, bytesPerSec);
    if (budget > 0) socket.resume();
  }, TICK_MS);
  const end = (): void => {
    isOver = true;
    clearInterval(timer);
    socket.destroy();
  };
  socket.on('error', end);
  socket.on('end', end);
  return { bytes: () => bytes, isOver: () => isOver, stop: end };
}
