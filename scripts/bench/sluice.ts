import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gcProbeEnv } from './gc-log.ts';
import { freePort, startProcess, waitForOutput } from './start-process.ts';
import type { Subject } from './subject.ts';

/** What most measurements leave as it is. */
export type SluiceExtras = {
  readonly sharding?: 'reuseport' | 'acceptor';
  /** Size of the object store, as in a configuration: answers below `/c/` are cached then. Absent: no cache. */
  readonly cacheMemory?: string;
  /** `/who` answers with the thread that serves the connection, in `x-worker`. */
  readonly hasWho?: boolean;
  /** The settings of that cache, in YAML; absent: the defaults. */
  readonly cache?: string;
  /** Of the pool of connections to the origin, in YAML, beside `pipelining`. */
  readonly pool?: string;
  /** Further settings of the upstream, in YAML, one line. */
  readonly upstream?: string;
  /** Further routes, in YAML, each before the one for all the rest. */
  readonly routes?: readonly string[];
};

export type SluiceOptions = SluiceExtras & {
  readonly name: string;
  readonly engine: 'node' | 'uws';
  readonly workers: number;
  readonly pipelining: number;
  readonly originPort: number;
  /** Where there are several. */
  readonly originPorts?: readonly number[] | undefined;
  /** Folder for its config file. */
  readonly folder: string;
  /** As for `taskset -c`; `undefined` = not pinned. */
  readonly cpus: string | undefined;
  /** Where its garbage collections are logged; `undefined` = no probe in the process. */
  readonly gcLog: string | undefined;
};

const ROOT = join(import.meta.dirname, '../..');
const READY_MS = 20_000;
const WHO_FILTER = 'worker-id.mjs';

/** A filter as a user would write it; copied beside the configuration, since filters are looked up there. */
const WHO_SOURCE = `import { threadId } from 'node:worker_threads';

export const filter = {
  request() {
    return { status: 200, headers: { 'x-worker': String(threadId) } };
  },
};
`;

export function sluiceConfig(options: SluiceOptions, port: number, generation = 0): string {
  const stamp = generation === 0 ? '' : `, headers: { response: { set: { x-generation: "${generation}" } } }`;
  const { sharding, cacheMemory, hasWho, cache = 'true', pool, upstream, routes = [] } = options;
  const who = hasWho === true ? `  - { name: who, match: "/who", respond: 200, filters: ["${WHO_FILTER}"] }\n` : '';
  const cached = cacheMemory === undefined ? '' : `  - { name: cached, match: { path: "/c/*" }, upstream: origin, cache: ${cache} }\n`;
  const others = routes.map((route) => `  - ${route}\n`).join('');
  const endpoints = (options.originPorts ?? [options.originPort]).map((origin) => `"http://127.0.0.1:${origin}"`).join(', ');
  return `workers: ${options.workers}
${sharding === undefined ? '' : `sharding: ${sharding}\n`}${cacheMemory === undefined ? '' : `cacheMemory: ${cacheMemory}\n`}listeners:
  - { name: web, listen: "127.0.0.1:${port}", engine: ${options.engine} }
upstreams:
  origin:
    endpoints: [${endpoints}]
    pool: { pipelining: ${options.pipelining}${pool === undefined ? '' : `, ${pool}`} }
${upstream === undefined ? '' : `    ${upstream}\n`}routes:
${who}${cached}${others}  - { name: all, match: { path: "/*" }, upstream: origin${stamp} }
accessLog: { enabled: false }
`;
}

export function configPath(options: SluiceOptions): string {
  return join(options.folder, `${options.name}.yaml`);
}

/** Starts real processes by the same launcher that users start; ready when it has printed its `sluice ready` line. */
export async function startSluice(options: SluiceOptions): Promise<Subject> {
  const port = await freePort();
  if (options.hasWho === true) writeFileSync(join(options.folder, WHO_FILTER), WHO_SOURCE);
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
  const configText = sluiceConfig({ ...options, originPort: 9000, originPorts: options.originPorts?.map((_, i) => 9000 + i) }, 8080);
  return { name: options.name, port, workers: options.workers, version: sluiceVersion(), configText, started };
}

function sluiceVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '?';
  return `sluice ${version} (Node ${process.version})`;
}
