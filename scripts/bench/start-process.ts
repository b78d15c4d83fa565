import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { hasCommand } from './machine.ts';

export type StartOptions = {
  readonly env?: Readonly<Record<string, string>>;
  /** CPUs in the form of `taskset -c`; absent = not pinned. */
  readonly cpus?: string | undefined;
  readonly cwd?: string;
};

/** A process that this run started and will end, with what it has said so far. */
export type Started = {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Last 64 KiB of both streams. */
  output(): string;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
};

const MAX_OUTPUT = 65536;
/** Varnish compiles its configuration first, HAProxy clears its cache: on a busy machine both take their time. */
const PORT_TIMEOUT_MS = 30_000;
const running = new Set<ChildProcess>();

// Nothing that a bench started outlives it, whatever ends the bench.
process.on('exit', () => {
  // Not SIGKILL: a master that dies so leaves its workers behind.
  for (const child of running) child.kill('SIGTERM');
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

export function startProcess(command: readonly string[], options: StartOptions = {}): Started {
  const full = options.cpus !== undefined && hasCommand('taskset') ? ['taskset', '-c', options.cpus, ...command] : command;
  const child = spawn(full[0] ?? 'false', full.slice(1), {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(`${full.join(' ')}: ${error.message}\n`)));
  running.add(child);
  child.once('exit', () => running.delete(child));
  return { pid: child.pid ?? -1, child, output: () => output, stop: (graceMs = 5000) => stop(child, graceMs) };
}

async function stop(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await gone;
  clearTimeout(timer);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks until the answer is not `undefined`; throws with `what` after `timeoutMs`. */
export async function until<T>(what: string, timeoutMs: number, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`gave up waiting ${timeoutMs} ms for ${what}`);
    await sleep(5);
  }
}

/** Resolves with the first match of what the process says; throws with all it said when it ends or stays silent. */
export async function waitForOutput(started: Started, pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
  return until(`${pattern}; the process said:\n${started.output()}`, timeoutMs, () => {
    const found = pattern.exec(started.output());
    if (found !== null) return found;
    const ended = started.child.exitCode !== null || started.child.signalCode !== null || started.child.pid === undefined;
    if (ended) throw new Error(`the process ended early; it said:\n${started.output()}`);
    return undefined;
  });
}

/** A port that was free a moment ago: nginx and HAProxy cannot report the one they would get for 0. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export function canConnect(port: number): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(undefined));
  });
}

/** Resolves when the port accepts. Else the process is stopped, and what it said is thrown. */
export async function waitForPort(started: Started, port: number): Promise<void> {
  try {
    await until(`port ${port}`, PORT_TIMEOUT_MS, async () => {
      if (started.child.exitCode !== null) throw new Error('the process ended early');
      return canConnect(port);
    });
  } catch (error) {
    await started.stop();
    throw new Error(`${error instanceof Error ? error.message : String(error)}; the process said:\n${started.output()}`);
  }
}
