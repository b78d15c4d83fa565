import { mkdirSync, mkdtempSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstLineOf } from '../scripts/bench/machine.ts';
import { freePort, type Started, startProcess, waitForPort } from '../scripts/bench/start-process.ts';
import type { Subject } from '../scripts/bench/subject.ts';

export type PeerName = 'nginx' | 'nginx-bare' | 'haproxy' | 'haproxy-bare';

export type PeerOptions = {
  readonly workers: number;
  readonly originPort: number;
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

async function startNginx(file: string, options: PeerOptions): Promise<{ started: Started; port: number; folder: string }> {
  const port = await freePort();
  const folder = mkdtempSync(join(options.folder, 'nginx-'));
  const config = join(folder, 'nginx.conf');
  const values = { PORT: port, ORIGIN: options.originPort, WORKERS: options.workers, DIR: folder, USER: userLine() };
  writeFileSync(config, fill(template(file), values));
  const started = startProcess(['nginx', '-p', folder, '-e', join(folder, 'nginx.err'), '-c', config], { cpus: options.cpus });
  await waitForPort(started, port);
  return { started, port, folder };
}

async function startHaproxy(file: string, options: PeerOptions): Promise<{ started: Started; port: number }> {
  const port = await freePort();
  const config = join(mkdtempSync(join(options.folder, 'haproxy-')), 'haproxy.cfg');
  writeFileSync(config, fill(template(file), { PORT: port, ORIGIN: options.originPort, WORKERS: options.workers }));
  const started = startProcess(['haproxy', '-db', '-f', config], { cpus: options.cpus });
  await waitForPort(started, port);
  return { started, port };
}

export async function startPeer(name: PeerName, options: PeerOptions): Promise<Subject> {
  const isNginx = name.startsWith('nginx');
  const file = isNginx ? `${name}.conf` : `${name}.cfg`;
  const { started, port } = isNginx ? await startNginx(file, options) : await startHaproxy(file, options);
  const version = (isNginx ? firstLineOf('nginx', ['-v']) : firstLineOf('haproxy', ['-v'])) ?? '?';
  return { name, port, workers: options.workers, version, configText: template(file), started };
}

export type Origin = { readonly port: number; readonly started: Started; readonly configText: string };

/** nginx as origin: `/` 100 bytes, `/files/64k` 64 KiB, `/files/huge` 2 GiB (a sparse file). */
export async function startNginxOrigin(folder: string, cpus: string | undefined): Promise<Origin> {
  const { started, port, folder: own } = await startNginx('origin.conf', { workers: 1, originPort: 0, folder, cpus });
  const files = join(own, 'www/files');
  mkdirSync(files, { recursive: true });
  writeFileSync(join(files, '64k'), Buffer.alloc(65536, '0123456789'));
  writeFileSync(join(files, 'huge'), '');
  truncateSync(join(files, 'huge'), HUGE_BYTES);
  return { port, started, configText: template('origin.conf') };
}

/** What nginx would answer before it has read an upload, this reads to its end: see scripts/bench/origin.ts. */
export async function startUploadOrigin(cpus: string | undefined): Promise<Origin> {
  const port = await freePort();
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', join(import.meta.dirname, '../scripts/bench/origin.ts')];
  const started = startProcess(command, { cpus, env: { BENCH_ORIGIN_PORT: String(port) } });
  await waitForPort(started, port);
  return { port, started, configText: '# scripts/bench/origin.ts' };
}
