import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/** A command that a test needs and that npm does not bring. */
export type SystemPackage = { readonly command: string; readonly apt: string };

export const NGINX: SystemPackage = { command: 'nginx', apt: 'nginx-light' };
export const HAPROXY: SystemPackage = { command: 'haproxy', apt: 'haproxy' };
export const REDIS: SystemPackage = { command: 'redis-server', apt: 'redis-server' };
export const PROMTOOL: SystemPackage = { command: 'promtool', apt: 'prometheus' };
export const CURL: SystemPackage = { command: 'curl', apt: 'curl' };

/** Daemons live in sbin, which is not on everybody's path. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
const INSTALL_TIMEOUT_MS = 300_000;

/** The absolute path of a command, or `undefined`. */
export function findCommand(command: string): string | undefined {
  const found = spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', command], { env: { ...process.env, PATH }, encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/**
 * The command's path, installed by apt where we may (root). Otherwise the test is skipped with the command that would install
 * it, and `undefined` comes back; under `CI` that is a failure.
 */
export function requireCommand(t: TestContext, needed: SystemPackage): string | undefined {
  const found = findCommand(needed.command) ?? installed(needed);
  if (found !== undefined) return found;
  const remedy = `needs ${needed.command}: sudo apt-get install -y --no-install-recommends ${needed.apt}`;
  if (isCi()) throw new Error(remedy);
  t.skip(remedy);
  return undefined;
}

function isCi(): boolean {
  const ci = process.env['CI'];
  return ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0';
}

/** Installs without starting the daemon; waits for another test that holds apt's lock. */
function installed(needed: SystemPackage): string | undefined {
  if (process.getuid?.() !== 0 || findCommand('apt-get') === undefined) return undefined;
  const env = { ...process.env, PATH, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const lock = ['-o', 'DPkg::Lock::Timeout=240'];
  const install = ['install', '-y', '--no-install-recommends', ...lock, needed.apt];
  const first = spawnSync('apt-get', install, { env, stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS });
  if (first.status !== 0) {
    // A fresh container has no package lists.
    spawnSync('apt-get', ['update', ...lock], { env, stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS });
    spawnSync('apt-get', install, { env, stdio: 'ignore', timeout: INSTALL_TIMEOUT_MS });
  }
  return findCommand(needed.command);
}
