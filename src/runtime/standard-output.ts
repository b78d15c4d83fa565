import { constants, fstatSync, openSync } from 'node:fs';
import { property } from './property.ts';

const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Standard output or error whose writes never wait: when its reader stands still (a paused `less`, a journal that hangs) they fail with EAGAIN. */
export type PatientOutput = {
  readonly fd: number;
  /** Before each write. */
  prepare(): void;
};

/**
 * The flag belongs to what is open, not to the descriptor: shells and children share it, and each fork and each exit of a Node process clears it.
 * So pipes and terminals are opened anew, for us alone. A socket (systemd's journal) cannot be, and gets its flag before each write.
 * Files stay as they are: they do not wait for a reader, and must keep the one place at which all write.
 */
export function openPatient(fd: 1 | 2): PatientOutput {
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isCharacterDevice()) {
    const own = reopen(fd);
    if (own !== undefined) return { fd: own, prepare: () => undefined };
  }
  return stat.isFile() ? { fd, prepare: () => undefined } : { fd, prepare: flagSetter(fd) };
}

/** Somebody else's pipe may be closed to us by its permissions, as in a container whose user is not root. */
function reopen(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, FLAGS);
  } catch {
    return undefined;
  }
}

function flagSetter(fd: 1 | 2): () => void {
  const handle = property(fd === 1 ? process.stdout : process.stderr, '_handle');
  const setBlocking = property(handle, 'setBlocking');
  return typeof setBlocking === 'function' ? () => void Reflect.apply(setBlocking, handle, [false]) : () => undefined;
}

/** A reader that has gone (EPIPE) ends the output, and nothing else. */
export function surviveClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}
