import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

export type NamedPipe = {
  readonly path: string;
  /** To write; does not wait. */
  readonly fd: number;
  /** The same pipe as others open it: writes wait for a reader. */
  readonly patientFd: number;
  /** What is in it now. */
  read(): string;
  /** Until not one byte more goes in. */
  fill(): void;
};

/** A pipe that nobody reads unless told to. */
export function openPipe(t: TestContext): NamedPipe {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-pipe-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  const patientFd = openSync(path, constants.O_WRONLY);
  t.after(() => {
    for (const open of [reader, fd, patientFd]) closeSync(open);
    rmSync(folder, { recursive: true });
  });
  const bytes = Buffer.alloc(1 << 20);
  const read = (): string => {
    try {
      return bytes.toString('latin1', 0, readSync(reader, bytes));
    } catch {
      return '';
    }
  };
  const fill = (): void => {
    try {
      for (;;) writeSync(fd, '.');
    } catch {
      return;
    }
  };
  return { path, fd, patientFd, read, fill };
}
