import { Worker } from 'node:worker_threads';
import type { OwnSources } from './own-sources.ts';

const BOOT = new URL('./boot.mjs', import.meta.url);

/** What a thread finds in `workerData`; `data` is what was given to `startOwnThread`. */
export type OwnThreadData = { readonly sources: OwnSources; readonly entry: string; readonly data: unknown };

/** Starts a thread that runs one of our own modules; see `boot.mjs`. */
export function startOwnThread(sources: OwnSources, entry: URL, options: { readonly data: unknown; readonly name: string }): Worker {
  const data: OwnThreadData = { sources, entry: entry.href, data: options.data };
  return new Worker(BOOT, { workerData: data, name: options.name });
}
