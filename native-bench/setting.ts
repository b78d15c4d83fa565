import type { NativeOptions } from './options.ts';
import type { Place } from './subjects.ts';

/** What every scenario gets. */
export type Setting = {
  readonly options: NativeOptions;
  readonly folder: string;
  /** nginx: 100 bytes, 64 KiB, 2 GiB. */
  readonly originPort: number;
  readonly uploadOriginPort: number;
  /** Versions and configurations of all that was started, by name, for the report. */
  readonly configurations: Map<string, { readonly version: string; readonly configText: string }>;
};

export const PROXY_CPU = '0';
export const LOAD_CPU = '1';

export function pinnedPlace(setting: Setting): Place {
  return { workers: 1, originPort: setting.originPort, folder: setting.folder, cpus: PROXY_CPU, hasGcProbe: false };
}
