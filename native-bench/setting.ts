import os from 'node:os';
import type { NativeOptions } from './options.ts';
import type { Configuration, Place } from './subjects.ts';

/** What every scenario gets. */
export type Setting = {
  readonly options: NativeOptions;
  readonly folder: string;
  /** nginx: 100 bytes, 64 KiB, 2 GiB. */
  readonly originPort: number;
  readonly uploadOriginPort: number;
  readonly configurations: Map<string, Configuration>;
};

export const PROXY_CPU = '0';
export const LOAD_CPU = '1';
/** For what is not pinned: without it a child would inherit the load's CPU. */
export const ALL_CPUS = `0-${os.availableParallelism() - 1}`;

export function pinnedPlace(setting: Setting): Place {
  const { originPort, folder, configurations } = setting;
  return { workers: 1, originPort, folder, cpus: PROXY_CPU, hasGcProbe: false, configurations };
}
