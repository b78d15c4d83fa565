import type { ChildProcess } from 'node:child_process';
import type { StartFlags } from './start-options.ts';

/** Our own modules without types, as `sources.mjs` reads them. */
export type OwnSources = {
  /** Where each module's text begins and ends in `bytes`, by URL. */
  readonly places: ReadonlyMap<string, readonly [begin: number, end: number]>;
  /** UTF-8. */
  readonly bytes: Uint8Array;
};

/** What `launch.mjs` hands to the supervisor. */
export type Launch = {
  /** Boots already. */
  readonly firstProxy: ChildProcess;
  /** As they were read at the start. */
  readonly sources: OwnSources;
  /** Starts a process that waits for its `FirstToProxy`. */
  readonly forkProxy: () => ChildProcess;
  /** As they are on the disk now; rejects when they cannot be read. */
  readonly readOwnSources: () => Promise<OwnSources>;
};

/** Resolves with the exit code. */
export type StartCommand = (flags: StartFlags) => Promise<number>;
