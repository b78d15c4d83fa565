import { readFileSync } from 'node:fs';

/** How often a proxy process says that its loop turns, and how often that is looked at. */
export const ALIVE_MS = 1_000;

/**
 * Whether the main thread of a proxy process stands still. Time counts by looks, each as one interval at most: a supervisor that was stopped
 * itself, or a machine that slept, has looked no more often than it was awake.
 */
export class ProxyWatch {
  readonly #pid: number;
  #hasSpoken = false;
  #quietMs = 0;

  constructor(pid: number) {
    this.#pid = pid;
  }

  hear(): void {
    this.#hasSpoken = true;
    this.#quietMs = 0;
  }

  /** Called every `ALIVE_MS`. Returns for how long nothing has been heard; 0 for a process that somebody has stopped on purpose. */
  look(): number {
    if (!this.#hasSpoken || isStopped(this.#pid)) this.#quietMs = 0;
    else this.#quietMs += ALIVE_MS;
    return this.#quietMs;
  }
}

/** By SIGSTOP or a debugger. */
function isStopped(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before it may have anything in it.
    const state = text.charAt(text.lastIndexOf(')') + 2);
    return state === 'T' || state === 't';
  } catch {
    return false;
  }
}
