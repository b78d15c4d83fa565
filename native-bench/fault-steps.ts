import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { childrenOf, commandOf, processTree, rssBytesOf } from '../scripts/bench/proc.ts';
import { configPath, type SluiceOptions, sluiceConfig } from '../scripts/bench/sluice.ts';
import { freePort, sleep, startProcess, until, waitForOutput } from '../scripts/bench/start-process.ts';
import type { Subject } from '../scripts/bench/subject.ts';
import type { SteadyLoad } from './steady-load.ts';

const STEP_TIMEOUT_MS = 60_000;

/** Rewrites the file, sends SIGHUP, and waits until an answer shows the new configuration. Milliseconds that took. */
export async function reload(subject: Subject, options: SluiceOptions, load: SteadyLoad): Promise<number> {
  const next = load.generation + 1;
  writeFileSync(configPath(options), sluiceConfig(options, subject.port, next));
  const fromMs = performance.now();
  process.kill(subject.started.pid, 'SIGHUP');
  await until('an answer under the new configuration', STEP_TIMEOUT_MS, () => (load.generation >= next ? true : undefined));
  return performance.now() - fromMs;
}

/** SIGUSR2, and waits until none of the old proxy processes is left and a new one is there. Milliseconds that took. */
export async function upgrade(subject: Subject): Promise<number> {
  const before = new Set(childrenOf(subject.started.pid));
  const fromMs = performance.now();
  process.kill(subject.started.pid, 'SIGUSR2');
  await until('the old proxy process to leave', STEP_TIMEOUT_MS, () => {
    const now = childrenOf(subject.started.pid);
    return now.length > 0 && now.every((pid) => !before.has(pid)) ? true : undefined;
  });
  return performance.now() - fromMs;
}

/** SIGKILL to the proxy process, then asks every few milliseconds until a 200 comes back. Milliseconds from the kill. */
export async function killProxy(subject: Subject): Promise<number> {
  const [proxy] = childrenOf(subject.started.pid);
  if (proxy === undefined) throw new Error('the supervisor has no child');
  const fromMs = performance.now();
  process.kill(proxy, 'SIGKILL');
  await until('an answer after SIGKILL', STEP_TIMEOUT_MS, () => answers(subject.port));
  return performance.now() - fromMs;
}

function answers(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (answer: true | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1000, () => settle(undefined));
    socket.on('error', () => settle(undefined));
    socket.on('close', () => settle(undefined));
    socket.on('data', (chunk) => settle(chunk.toString('latin1').startsWith('HTTP/1.1 200') ? true : undefined));
    socket.write('GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n');
  });
}

export type StartUp = {
  readonly readyMs: number;
  /** Of supervisor and proxy process together: pages of the Node binary that both map count twice. */
  readonly rssMiB: number;
  readonly proxyRssMiB: number;
};

const ROOT = join(import.meta.dirname, '..');
const SETTLE_MS = 3000;

/** `npm start` with two workers, from the command to the ready line, npm's own time included; then RSS of the idle proxy without npm. */
export async function startUp(): Promise<StartUp> {
  const listen = `127.0.0.1:${await freePort()}`;
  const fromMs = performance.now();
  const npm = startProcess(['npm', 'start', '--silent'], { cwd: ROOT, env: { SLUICE_LISTEN: listen, SLUICE_WORKERS: '2' } });
  await waitForOutput(npm, /^sluice ready/m, 20_000);
  const readyMs = performance.now() - fromMs;
  const supervisor = processTree(npm.pid).find(
    (pid) => /src\/runtime\/\S+\.(?:ts|mjs)/.test(commandOf(pid)) && !/^(?:sh|npm)/.test(commandOf(pid)),
  );
  if (supervisor === undefined) throw new Error('no supervisor below npm');
  await sleep(SETTLE_MS);
  const rssMiB = rssBytesOf(processTree(supervisor)) / 2 ** 20;
  const proxyRssMiB = rssBytesOf(childrenOf(supervisor)) / 2 ** 20;
  // npm does not pass every signal on; ask the supervisor itself.
  process.kill(supervisor, 'SIGTERM');
  await until('the supervisor to leave', STEP_TIMEOUT_MS, () => (commandOf(supervisor) === '' ? true : undefined));
  await npm.stop();
  return { readyMs, rssMiB, proxyRssMiB };
}
