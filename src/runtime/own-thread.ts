import { Worker } from 'node:worker_threads';
import type { OwnSources } from './launch.ts';

const BOOT = new URL('./boot.mjs', import.meta.url);

/** What `boot.mjs` finds in `workerData`. */
type OwnThreadData = { readonly sources: OwnSources; readonly entry: string };

/** Starts a thread that runs one of our own modules; what it is to work on comes as its first message. See `boot.mjs`. */
export function startOwnThread(sources: OwnSources, entry: URL, name: string): Worker {
  const data: OwnThreadData = { sources, entry: entry.href };
  return new Worker(BOOT, { workerData: data, name });
}

/** What a thread may take to end by force: one that waits in the kernel for a disk does not end. */
const TERMINATE_TIMEOUT_MS = 1_000;

type EndingThread = { once(event: 'exit', heard: () => void): unknown; terminate(): Promise<number> };

/** Asks a thread to end by itself; after `timeoutMs` it is ended by force. Resolves in any case: what still stands is ended with the process. */
export async function endOwnThread(thread: EndingThread, timeoutMs: number, ask: () => void): Promise<void> {
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  ask();
  if (await inTime(ended, timeoutMs)) return;
  await inTime(
    thread.terminate().then(() => undefined),
    TERMINATE_TIMEOUT_MS,
  );
}

/** False: the time is over. */
export async function inTime(promise: Promise<void>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const isInTime = await Promise.race([promise.then(() => true), late.promise]);
  clearTimeout(timer);
  return isInTime;
}
