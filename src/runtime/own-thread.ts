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
