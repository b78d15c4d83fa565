import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { firstLineOf } from '../scripts/bench/machine.ts';
import { freePort, type Started, startProcess, waitForPort } from '../scripts/bench/start-process.ts';
import type { Subject } from '../scripts/bench/subject.ts';

export type PeerName =
  | 'nginx'
  | 'nginx-bare'
  | 'nginx-limited'
  | 'haproxy'
  | 'haproxy-bare'
  | 'haproxy-limited'
  | 'haproxy-failing'
  | CachePeerName;
/** With a cache of 256 MiB in memory for what is below `/c/`. */
export type CachePeerName = 'nginx-cache' | 'haproxy-cache' | 'varnish' | 'nginx-herd' | 'varnish-herd';
export const CACHE_PEERS: readonly CachePeerName[] = ['nginx-cache', 'haproxy-cache', 'varnish'];

export type PeerOptions = {
  readonly workers: number;
  readonly originPort: number;
  /** Where there are several. */
  readonly originPorts?: readonly number[] | undefined;
  readonly folder: string;
  readonly cpus: string | undefined;
};

const TEMPLATES = join(import.meta.dirname, 'peers');
const HUGE_BYTES = 2 * 2 ** 30;

function template(file: string): string {
  return readFileSync(join(TEMPLATES, file), 'utf8');
}

function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{\{([A-Z]+)\}\}/g, (_, name: string) => String(values[name] ?? ''));
}

/** As root nginx would give up its rights and then fail to write into our folder. */
function userLine(): string {
  return process.getuid?.() === 0 ? 'user root;' : '';
}

let memory: string | undefined;

/** Where files live in memory, as far as this machine has such a place. All of it goes when this process ends. */
function memoryFolder(): string {
  if (memory === undefined) {
    const made = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'sluice-native-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true, maxRetries: 3 }));
    memory = made;
  }
  return mkdtempSync(join(memory, 'cache-'));
}

async function startNginx(file: string, options: PeerOptions): Promise<{ started: Started; port: number; folder: string }> {
  const port = await freePort();
  const folder = mkdtempSync(join(options.folder, 'nginx-'));
  const config = join(folder, 'nginx.conf');
  const values = {
    PORT: port,
    ORIGIN: options.originPort,
    WORKERS: options.workers,
    DIR: folder,
    USER: userLine(),
    MEMORY: memoryFolder(),
  };
  writeFileSync(config, fill(template(file), values));
  const started = startProcess(['nginx', '-p', folder, '-e', join(folder, 'nginx.err'), '-c', config], { cpus: options.cpus });
  await waitForPort(started, port);
  return { started, port, folder };
}

async function startHaproxy(file: string, options: PeerOptions): Promise<{ started: Started; port: number }> {
  const port = await freePort();
  const config = join(mkdtempSync(join(options.folder, 'haproxy-')), 'haproxy.cfg');
  const servers = (options.originPorts ?? []).map((originPort, i) => `  server o${i} 127.0.0.1:${originPort}`).join('\n');
  const values = { PORT: port, ORIGIN: options.originPort, WORKERS: options.workers, SERVERS: servers };
  writeFileSync(config, fill(template(file), values));
  const started = startProcess(['haproxy', '-db', '-f', config], { cpus: options.cpus });
  await waitForPort(started, port);
  return { started, port };
}

/** It compiles its configuration with a C compiler first, hence the patience. */
async function startVarnish(file: string, options: PeerOptions): Promise<{ started: Started; port: number }> {
  const port = await freePort();
  const folder = mkdtempSync(join(options.folder, 'varnish-'));
  const config = join(folder, 'varnish.vcl');
  writeFileSync(config, fill(template(file), { ORIGIN: options.originPort, PORT: port }));
  const place = ['-F', '-f', config, '-a', `127.0.0.1:${port}`, '-n', join(folder, 'work'), '-T', 'none', '-j', 'none'];
  const started = startProcess(['varnishd', ...place, '-s', 'malloc,256m', '-p', 'thread_pools=1'], { cpus: options.cpus });
  await waitForPort(started, port);
  return { started, port };
}

export async function startPeer(name: PeerName, options: PeerOptions): Promise<Subject> {
  if (name === 'varnish' || name === 'varnish-herd') {
    const { started, port } = await startVarnish(`${name}.vcl`, options);
    const version = firstLineOf('varnishd', ['-V']) ?? '?';
    return { name, port, workers: options.workers, version, configText: template(`${name}.vcl`), started };
  }
  const isNginx = name.startsWith('nginx');
  const file = isNginx ? `${name}.conf` : `${name}.cfg`;
  const { started, port } = isNginx ? await startNginx(file, options) : await startHaproxy(file, options);
  const version = (isNginx ? firstLineOf('nginx', ['-v']) : firstLineOf('haproxy', ['-v'])) ?? '?';
  return { name, port, workers: options.workers, version, configText: template(file), started };
}

export type Origin = { readonly port: number; readonly started: Started; readonly configText: string };

/**
 * nginx as origin: `/` 100 bytes, `/files/64k` 64 KiB, `/files/huge` 2 GiB (a sparse file); fresh for an hour: `/c/100…` 100 bytes,
 * `/c/10k…` 10 KiB. `/count` tells how many requests it had.
 */
export async function startNginxOrigin(folder: string, cpus: string | undefined): Promise<Origin> {
  const { started, port, folder: own } = await startNginx('origin.conf', { workers: 1, originPort: 0, folder, cpus });
  const files = join(own, 'www/files');
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, '10k'), Buffer.alloc(10240, '0123456789'));
  writeFileSync(join(files, '64k'), Buffer.alloc(65536, '0123456789'));
  writeFileSync(join(files, 'huge'), '');
  truncateSync(join(files, 'huge'), HUGE_BYTES);
  return { port, started, configText: template('origin.conf') };
}

/** How many requests the origin has had, this question included. */
export async function originRequests(port: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${port}/count`)).text();
  const counts = /^\s*\d+ \d+ (\d+)\s*$/m.exec(text);
  if (counts === null) throw new Error(`the origin does not count: ${text.slice(0, 80)}`);
  return Number(counts[1]);
}

/** What nginx would answer before it has read an upload, this reads to its end: see scripts/bench/origin.ts. */
export async function startUploadOrigin(cpus: string | undefined): Promise<Origin> {
  const port = await freePort();
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../scripts/bench/origin.ts')];
  const started = startProcess(command, { cpus, env: { BENCH_ORIGIN_PORT: String(port) } });
  await waitForPort(started, port);
  return { port, started, configText: '# scripts/bench/origin.ts' };
}
