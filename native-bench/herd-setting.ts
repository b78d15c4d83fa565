import { join } from 'node:path';
import { freePort, type Started, startProcess, waitForPort } from '../scripts/bench/start-process.ts';
import type { Subject } from '../scripts/bench/subject.ts';
import { ALL_CPUS, pinnedPlace, type Setting } from './setting.ts';
import { peerPlan, type SubjectPlan, startSubjects, stopSubjects } from './subjects.ts';
import type { Skipped } from './section.ts';

/** What the herds have in common: their origin, and who is asked. */

const WORKERS = 2;
const MEMORY = '256MiB';

/** As many connections to the origin as the herd needs, since neither nginx nor Varnish has a limit. */
const POOL = 'maxConnections: 4000, maxPending: 4000';

export type HerdOrigin = { readonly port: number; readonly started: Started };
export type OriginReport = { readonly keys: number; readonly requests: number; readonly expiries: number };

export async function startHerdOrigin(): Promise<HerdOrigin> {
  const port = await freePort();
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'herd-origin.ts')];
  const started = startProcess(command, { cpus: ALL_CPUS, env: { HERD_ORIGIN_PORT: String(port) } });
  await waitForPort(started, port);
  return { port, started };
}

/** What the origin was asked since the last time. */
export async function readOrigin(port: number): Promise<OriginReport> {
  const told: unknown = await (await fetch(`http://127.0.0.1:${port}/report`)).json();
  if (typeof told !== 'object' || told === null) throw new Error('the origin does not report');
  const numberOf = (name: string): number => Number((told as Record<string, unknown>)[name]);
  return { keys: numberOf('keys'), requests: numberOf('requests'), expiries: numberOf('expiries') };
}

function herdPlans(setting: Setting, stored: Stored): SubjectPlan[] {
  const extras = { cacheMemory: MEMORY, ...stored, pool: POOL, hasWho: true };
  const ours = setting.options.engines.map(
    (engine): SubjectPlan => ({ kind: 'sluice', engine, pipelining: 1, name: `sluice-${engine}-herd`, extras }),
  );
  return [peerPlan('nginx-herd'), peerPlan('varnish-herd'), ...ours];
}

/** Of Sluice's store: what is not as usual. */
export type Stored = { readonly cacheMemory?: string; readonly cache?: string };

export type HerdBench = { readonly subjects: readonly Subject[]; readonly originPort: number };

/** Runs with everything started, two workers each and nothing pinned but the load, and stops it whatever happens. */
export async function withHerdBench<T>(
  setting: Setting,
  run: (bench: HerdBench) => Promise<T>,
  stored: Stored = {},
): Promise<{ result: T; skipped: Skipped[] }> {
  const origin = await startHerdOrigin();
  const place = { ...pinnedPlace(setting), workers: WORKERS, cpus: ALL_CPUS, originPort: origin.port };
  const { subjects, skipped } = await startSubjects(herdPlans(setting, stored), place);
  try {
    return { result: await run({ subjects, originPort: origin.port }), skipped };
  } finally {
    await stopSubjects(subjects);
    await origin.started.stop();
  }
}
