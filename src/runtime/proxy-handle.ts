import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FirstToProxy, FromProxy, ToProxy } from './messages.ts';

const ENTRY = fileURLToPath(new URL('./boot.mjs', import.meta.url));

export type ProxyEvents = {
  onMessage(proxy: ProxyHandle, message: FromProxy): void;
  /** Exactly once, whatever happened. `how` is for people. */
  onExit(proxy: ProxyHandle, how: string): void;
};

/** One proxy process as the supervisor sees it. */
export class ProxyHandle {
  readonly startedMs = performance.now();
  readonly pid: number;
  isReady = false;
  /** Its end was asked for. */
  isLeaving = false;
  readonly #child: ChildProcess;
  #hasExited = false;
  #killTimer: NodeJS.Timeout | undefined;

  constructor(events: ProxyEvents) {
    // Advanced serialisation keeps `undefined` fields, so a configuration survives the way.
    this.#child = fork(ENTRY, [], { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.pid = this.#child.pid ?? -1;
    this.#child.on('message', (message) => events.onMessage(this, message as FromProxy));
    this.#child.on('exit', (code, signal) => this.#ended(events, signal ?? `exit code ${code}`));
    this.#child.on('error', (error) => {
      if (this.#child.pid === undefined) this.#ended(events, error.message);
    });
  }

  /** Once; nothing runs in it before. */
  begin(first: FirstToProxy): void {
    if (this.#child.connected) this.#child.send(first, ignoreSendError);
  }

  send(message: ToProxy): void {
    if (this.#child.connected) this.#child.send(message, ignoreSendError);
  }

  /** SIGKILL when it has not ended within `delayMs`. An earlier deadline is replaced. */
  killAfter(delayMs: number): void {
    clearTimeout(this.#killTimer);
    if (this.#hasExited) return;
    this.#killTimer = setTimeout(() => this.kill(), delayMs);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ended(events: ProxyEvents, how: string): void {
    if (this.#hasExited) return;
    this.#hasExited = true;
    clearTimeout(this.#killTimer);
    events.onExit(this, how);
  }
}

/** A channel that broke means that the process is ending; `onExit` tells. */
function ignoreSendError(): void {}
