import { connect } from 'node:net';
import type { Reply } from './http-reply.ts';
import { RawPeer } from './raw-peer.ts';

/** Opens a connection that the test drives byte by byte. The caller closes it (`t.after(() => client.close())`). */
export function connectRaw(port: number, host = '127.0.0.1', localAddress = '0.0.0.0'): Promise<RawPeer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, localAddress, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(new RawPeer(socket));
    });
  });
}

/** Sends the bytes on a connection of their own and gives everything that came until the other side closed. */
export async function exchangeRaw(port: number, bytes: string | Uint8Array, timeoutMs?: number): Promise<Buffer> {
  const client = await connectRaw(port);
  try {
    await client.send(bytes);
    return await client.untilEnd(timeoutMs);
  } finally {
    client.close();
  }
}

/** One request on a connection of its own, and its reply. `request` is the whole message. */
export async function askOnce(port: number, request: string | Uint8Array, timeoutMs?: number): Promise<Reply> {
  const client = await connectRaw(port);
  try {
    const method =
      Buffer.from(request as Uint8Array)
        .toString('latin1')
        .split(' ', 1)[0] ?? '';
    await client.send(request);
    return await client.readReply(method, timeoutMs);
  } finally {
    client.close();
  }
}
