import { closeSync, openSync } from 'node:fs';
import type { AccessLogConfig } from '../config/types.ts';

const STDOUT = 1;
const STDERR = 2;
const NONE = -1;

/** The descriptor of the access log, which every thread of the process writes to. Opened for appending; -1 = no access log. */
export class AccessTarget {
  #fd = NONE;

  get fd(): number {
    return this.#fd;
  }

  /** Opens what the configuration names and returns the new descriptor. The old one stays open until `close`. Throws as `openSync`. */
  open(config: AccessLogConfig): number {
    this.#fd = descriptorOf(config);
    return this.#fd;
  }

  /** A descriptor that nobody writes to any more. */
  close(fd: number): void {
    if (fd > STDERR && fd !== this.#fd) closeSync(fd);
  }
}

function descriptorOf({ enabled, path }: AccessLogConfig): number {
  if (!enabled) return NONE;
  if (path === 'stdout') return STDOUT;
  if (path === 'stderr') return STDERR;
  return openSync(path, 'a', 0o640);
}
