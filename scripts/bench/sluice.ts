import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gcProbeEnv } from './gc-log.ts';
import { freePort, startProcess, waitForOutput } from './start-process.ts';
import type { Subject } from './subject.ts';

export type SluiceOptions = {
  readonly name: string;
  readonly engine: 'node' | 'uws';
  readonly workers: number;
  readonly pipelining: number;
  readonly originPort: number;
  /** Folder for its config file. */
  readonly folder: string;
  /** As for `taskset -c`; `undefined` = not pinned. */
  readonly cpus: string | undefined;
  /** Where its garbage collections are logged; `undefined` = no probe in the process. */
  readonly gcLog: string | undefined;
};

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 20_000;

export function sluiceConfig(options: SluiceOptions, port: number, generation = 0): string {
  const stamp = generation === 0 ? '' : `, headers: { response: { set: { x-generation: "${generation}" } } }`;
  return `workers: ${options.workers}
listeners:
  - { name: web, listen: "127.0.0.1:${port}", engine: ${options.engine} }
upstreams:
  origin:
    endpoints: ["http://127.0.0.1:${options.originPort}"]
    pool: { pipelining: ${options.pipelining} }
routes:
  - { name: all, match: { path: "/*" }, upstream: origin${stamp} }
accessLog: { enabled: false }
`;
}

export function configPath(options: SluiceOptions): string {
  return join(options.folder, `${options.name}.yaml`);
}

/** Starts real processes by the same launcher that users start; ready when it has printed its `sluice ready` line. */
export async function startSluice(options: SluiceOptions): Promise<Subject> {
  const port = await freePort();
  writeFileSync(configPath(options), sluiceConfig(options, port));
  const started = startProcess([join(ROOT, 'scripts/sluice'), 'start', '--config', configPath(options)], {
    cpus: options.cpus,
    env: { SLUICE_WORKERS: String(options.workers), ...(options.gcLog === undefined ? {} : gcProbeEnv(options.gcLog)) },
  });
  try {
    await waitForOutput(started, /^sluice ready.*$/m, READY_MS);
  } catch (error) {
    await started.stop();
    throw error;
  }
  // Ports differ from run to run and say nothing: the report shows the defaults.
  const configText = sluiceConfig({ ...options, originPort: 9000 }, 8080);
  return { name: options.name, port, workers: options.workers, version: sluiceVersion(), configText, started };
}

function sluiceVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
  return `sluice ${version} (Node ${process.version})`;
}
