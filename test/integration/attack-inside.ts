import { waitFor } from '../harness/wait-for.ts';
import type { Front } from './front.ts';

type Client = { readonly wire: { readonly queuedBytes: number }; readonly socket: { readonly bytesWritten: number } };

/** What the clients of a `node` listener have been given in all, and what of it waits in our process because they do not read. */
export function written(front: Front): { readonly bytes: number; readonly queuedBytes: number } {
  const { clients } = front.listener as unknown as { readonly clients: { readonly items: readonly Client[] } };
  const sum = (read: (client: Client) => number): number => clients.items.reduce((total, client) => total + read(client), 0);
  return { bytes: sum(({ socket }) => socket.bytesWritten), queuedBytes: sum(({ wire }) => wire.queuedBytes) };
}

/** Waits until clients that do not read are given nothing more: the kernel is full, and so is what we allow ourselves. */
export async function untilStill(front: Front): Promise<number> {
  let last = -1;
  return waitFor('the clients are given nothing more', async () => {
    const { bytes, queuedBytes } = written(front);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const isStill = queuedBytes > 0 && bytes === last;
    last = bytes;
    return isStill ? bytes : undefined;
  });
}
