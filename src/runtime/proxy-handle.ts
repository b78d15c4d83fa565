import type { ChildProcess } from 'node:child_process';
import type { OwnSources } from './launch.ts';
import type { FirstToProxy, FromProxy, ToProxy } from './messages.ts';
import { ProxyWatch } from './proxy-watch.ts';

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
  /** It cannot repair itself: another process takes over. */
  isGivenUp = false;
  readonly watch: ProxyWatch;
  /** The code that it runs. `undefined` until it is known. */
  sources: OwnSources | undefined;
  readonly #child: ChildProcess;
  #hasExited = false;
  #killTimer: NodeJS.Timeout | undefined;
  #readyTimer: NodeJS.Timeout | undefined;

  /** `child` waits for its `FirstToProxy`. */
  constructor(child: ChildProcess, events: ProxyEvents) {
    this.#child = child;
    this.pid = child.pid ?? -1;
    this.watch = new ProxyWatch(this.pid);
    this.#child.on('message', (message) => events.onMessage(this, message as FromProxy));
    this.#child.on('exit', (code, signal) => this.#ended(events, signal ?? `exit code ${code}`));
    this.#child.on('error', (error) => {
      if (this.#child.pid === undefined) this.#ended(events, error.message);
    });
  }

  /** Once; nothing runs in it before. */
  begin(first: FirstToProxy): void {
    this.sources = first.sources;
    if (this.#child.connected) this.#child.send(first, ignoreSendError);
  }

  /** Calls `onLate` when it has neither become ready nor ended by then. */
  expectReady(timeoutMs: number, onLate: () => void): void {
    // What it has said while this process stood still itself (SIGSTOP) is read first.
    const judge = (): void => {
      if (!this.isReady && !this.#hasExited) onLate();
    };
    this.#readyTimer = setTimeout(() => setImmediate(judge), timeoutMs);
  }

  becomeReady(): void {
    this.isReady = true;
    clearTimeout(this.#readyTimer);
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
    clearTimeout(this.#readyTimer);
    events.onExit(this, how);
  }
}

/** A channel that broke means that the process is ending; `onExit` tells. */
function ignoreSendError(): void {}
