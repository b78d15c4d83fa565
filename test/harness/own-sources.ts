import type { OwnSources } from '../../src/runtime/launch.ts';

/** Our own modules for threads that a test starts, as the launcher reads them, in JavaScript. */
export async function readSources(): Promise<OwnSources> {
  const path = new URL('../../src/runtime/sources.mjs', import.meta.url).href;
  const { readOwnSources } = (await import(path)) as { readOwnSources(): Promise<OwnSources> };
  return readOwnSources();
}
