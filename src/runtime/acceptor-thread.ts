import { parentPort } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { openUwsAcceptor, type UwsAcceptor } from '../edge/uws-acceptor.ts';
import { summarizeError } from './faults.ts';
import type { FromAcceptor, Handover, ToAcceptor } from './messages.ts';
import { addressText } from './resolve-ports.ts';

// The accepting side of `sharding: acceptor`. It has a thread of its own because connections wait for the loop that accepts
// them: on the coordinator they would wait while a scrape is printed or a plan copied, and an app of uWebSockets.js must be
// closed before its thread ends, which the main thread, that others may end, cannot promise.

type Open = { readonly acceptor: UwsAcceptor; readonly children: Set<number> };

/** Address, as text, to what accepts there. It opens with its first child and closes with its last. */
const open = new Map<string, Open>();
/** One change at a time: closing takes a turn of the loop. */
let changes: Promise<void> = Promise.resolve();

assert(parentPort !== null, 'acceptor-thread.ts runs as a thread');
const port = parentPort;

async function add({ address, descriptor }: Handover): Promise<string | undefined> {
  const key = addressText(address);
  const found = open.get(key);
  if (found !== undefined) {
    found.acceptor.add(descriptor);
    found.children.add(descriptor);
    return undefined;
  }
  try {
    open.set(key, { acceptor: await openUwsAcceptor(address, [descriptor]), children: new Set([descriptor]) });
    return undefined;
  } catch (error) {
    return summarizeError(error);
  }
}

/** Nothing is handed to that app any more. The last of an address takes what still waits in the queue. */
async function remove({ address, descriptor }: Handover): Promise<undefined> {
  const key = addressText(address);
  const found = open.get(key);
  if (found?.children.delete(descriptor) !== true) return;
  const { acceptor, children } = found;
  if (children.size === 0) await acceptor.stopAccepting();
  acceptor.remove(descriptor);
  if (children.size > 0) return;
  open.delete(key);
  acceptor.destroy();
}

async function end(): Promise<void> {
  for (const { acceptor } of open.values()) acceptor.destroy();
  open.clear();
  // The loop frees what was closed at its next turn; a thread that ends before aborts the process.
  await new Promise((resolve) => setImmediate(resolve));
  process.exit(0);
}

async function handle(message: ToAcceptor): Promise<void> {
  if (message.kind === 'end') return end();
  const problem = message.kind === 'add' ? await add(message.handover) : await remove(message.handover);
  const answer: FromAcceptor = { id: message.id, problem };
  port.postMessage(answer);
}

port.on('message', (message: ToAcceptor) => {
  changes = changes.then(() => handle(message));
});
