import { readFileSync, writeFileSync } from 'node:fs';

/** `net.ipv4.tcp_migrate_req`: whether what waits in the queue of a closing SO_REUSEPORT listener moves to another one. */
const PATH = '/proc/sys/net/ipv4/tcp_migrate_req';

export function readMigrate(): string {
  try {
    return readFileSync(PATH, 'latin1').trim();
  } catch {
    return 'absent';
  }
}

/** True when it stands at `value` afterwards; false when this process may not set it. */
export function writeMigrate(value: string): boolean {
  if (readMigrate() === value) return true;
  try {
    writeFileSync(PATH, value);
  } catch {
    return false;
  }
  return readMigrate() === value;
}
