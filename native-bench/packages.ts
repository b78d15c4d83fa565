import { execFileSync } from 'node:child_process';
import { hasCommand } from '../scripts/bench/machine.ts';

/** Command and the Debian package that brings it. */
const NEEDED = [
  ['nginx', 'nginx-light'],
  ['haproxy', 'haproxy'],
  ['wrk', 'wrk'],
  ['taskset', 'util-linux'],
  ['varnishd', 'varnish'],
] as const;

export type Command = (typeof NEEDED)[number][0];

/** Installs what is missing of `wanted` where that is allowed; throws with the command to type where it is not. */
export function ensurePackages(wanted: readonly Command[] = ['nginx', 'haproxy', 'wrk', 'taskset']): void {
  const missing = NEEDED.filter(([command]) => wanted.includes(command) && !hasCommand(command)).map(([, packageName]) => packageName);
  if (missing.length === 0) return;
  const install = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !hasCommand('apt-get')) throw new Error(`missing: ${missing.join(', ')}; run: sudo ${install}`);
  console.log(`installing ${missing.join(', ')}`);
  // Debian starts what it installs; nginx on port 80 would only disturb the measurement.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  try {
    execFileSync('sh', ['-c', `apt-get update -q && ${install}`], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    throw new Error(`could not install ${missing.join(', ')}; run: ${install}`);
  }
}
