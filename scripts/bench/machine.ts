import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** Everything a reader needs to judge a figure, and nothing that names the machine itself. */
export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly distribution: string;
  readonly node: string;
  readonly v8: string;
  /** Load average over the last minute before the run: above 0.5 the figures are suspect. */
  readonly loadBefore: number;
};

export type Revision = { readonly commit: string; readonly dirty: boolean };

/** First line that a command prints on either stream, or `undefined` when it cannot be run. */
export function firstLineOf(command: string, args: readonly string[]): string | undefined {
  try {
    const text = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', command, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text.split('\n')[0]?.trim();
  } catch {
    return undefined;
  }
}

export function hasCommand(name: string): boolean {
  return firstLineOf('sh', ['-c', `command -v ${name}`]) !== undefined;
}

function distribution(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? os.platform();
  } catch {
    return os.platform();
  }
}

export function readMachine(): Machine {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    kernel: `${os.type()} ${os.release()} ${os.machine()}`,
    distribution: distribution(),
    node: process.version,
    v8: process.versions.v8,
    loadBefore: Math.round((os.loadavg()[0] ?? 0) * 100) / 100,
  };
}

export function readRevision(): Revision {
  const commit = firstLineOf('git', ['rev-parse', '--short=10', 'HEAD']);
  if (commit === undefined || !/^[0-9a-f]+$/.test(commit)) return { commit: 'nogit', dirty: true };
  return { commit, dirty: (firstLineOf('git', ['status', '--porcelain', '--', 'src', 'package-lock.json']) ?? '') !== '' };
}

/** The command as a person would type it: without the paths of this machine. */
export function commandLine(script: string): string {
  return ['node', script, ...process.argv.slice(2)].join(' ');
}
