import { connect, type Socket } from 'node:net';
import { lookupWithin } from './name-cache.ts';
import type { ConnectionPlan } from './plan.ts';

/** What a socket tells its connection. */
export interface SocketEvents {
  onOpen(): void;
  onEndOfStream(): void;
  /** It is of no use any more; called several times for some breaks. */
  onBreak(error: Error | undefined): void;
  /** True = do not destroy the socket for this error. */
  outlives(error: Error): boolean;
}

/**
 * Opens a TCP connection; what it reads and writes goes past its stream, see `base/direct-reader.ts`.
 *
 * Node destroys a socket when a write fails. But an origin that answers an upload early and closes makes our next write fail
 * while its answer lies unread in the kernel, and destroying would lose it; hence the detour at `destroy`.
 */
export function openSocket({ host, port, timeouts }: ConnectionPlan, events: SocketEvents): Socket {
  const socket = connect({ host, port, noDelay: true, lookup: lookupWithin(timeouts.connectMs) });
  socket.on('connect', () => events.onOpen());
  socket.on('end', () => events.onEndOfStream());
  socket.on('error', (error) => events.onBreak(error));
  socket.on('close', () => events.onBreak(undefined));
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error) => (error !== undefined && events.outlives(error) ? socket : destroy(error));
  return socket;
}
