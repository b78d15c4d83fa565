import { randomBytes } from 'node:crypto';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import { BackOff } from './back-off.ts';
import { summarizeError } from './faults.ts';
import type { FromProxy, OpenListener } from './messages.ts';
import type { Launch, OwnSources } from './launch.ts';
import { ProxyHandle } from './proxy-handle.ts';
import { ALIVE_MS } from './proxy-watch.ts';
import type { LastGood, ProxyStart, StartOptions } from './start-options.ts';

/** A proxy process that is not ready after this was a failure. */
const READY_TIMEOUT_MS = 30_000;
/** What a proxy process may take beyond its own drain deadline before it is killed. */
const KILL_MARGIN_MS = 8_000;
/** While nothing serves the next process does not wait longer: a start costs 1.3 s of CPU, so one that dies at once takes less than half a core. */
const MAX_DOWN_MS = 2_000;
/** The main thread of a proxy process may stand still for so many times what a worker may: nothing but it can be replaced by replacing all. */
const STUCK_FACTOR = 3;
const RUN_TOKEN_BYTES = 6;

type Ready = Extract<FromProxy, { kind: 'ready' }>;

export type SupervisorParts = { readonly options: StartOptions; readonly launch: Launch; readonly log: EventLog };

export type SupervisorOutput = {
  /** The first time that every listener accepts. */
  onReady(ready: Ready): void;
  /** The first proxy process could not start. */
  onFailed(text: string): void;
};

/**
 * Keeps one proxy process serving. It carries no traffic and knows nothing of HTTP: it starts, replaces and stops.
 *
 * - `#current` serves, or is on its way to it after a start or a death.
 * - `#next` is the newer one of a hot upgrade until it is ready.
 * - those that leave are in `#leaving` until they have ended.
 */
export class Supervisor {
  readonly #options: StartOptions;
  readonly #launch: Launch;
  readonly #log: EventLog;
  readonly #output: SupervisorOutput;
  readonly #runToken = randomBytes(RUN_TOKEN_BYTES).toString('hex');
  readonly #backOff = new BackOff();
  readonly #leaving = new Set<ProxyHandle>();
  readonly #done = Promise.withResolvers<number>();
  #current: ProxyHandle | undefined;
  #next: ProxyHandle | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  /** `undefined` until the first is ready. */
  #lastGood: LastGood | undefined;
  /** The code that serves. */
  #sources: OwnSources;
  #ports: Record<string, number> = {};
  /** Asked for while a process was on its way, which may have read the file before. */
  #isReloadDue = false;
  #isStopping = false;
  #isCut = false;
  #exitCode = 0;

  constructor({ options, launch, log }: SupervisorParts, output: SupervisorOutput) {
    this.#options = options;
    this.#launch = launch;
    this.#sources = launch.sources;
    this.#log = log;
    this.#output = output;
  }

  /** Resolves with the exit code when nothing runs any more. */
  run(): Promise<number> {
    this.#current = this.#spawn('first');
    setInterval(() => this.#look(), ALIVE_MS).unref();
    return this.#done.promise;
  }

  /** Of the process that serves, and of one that is on its way to it as soon as it does. */
  reload(): void {
    const isServed = this.#current?.isReady === true;
    if (isServed) this.#current?.send({ kind: 'reload' });
    this.#isReloadDue ||= !isServed || this.#next !== undefined;
  }

  reopenLogs(): void {
    for (const proxy of [this.#current, this.#next, ...this.#leaving]) proxy?.send({ kind: 'reopen-logs' });
  }

  /** Starts a new proxy process on the same ports; the old one goes when the new one is ready, else it stays. */
  upgrade(reason: string): void {
    if (this.#isStopping || this.#next !== undefined || this.#current?.isReady !== true) {
      events.upgradeIgnored(this.#log, { reason, why: this.#isStopping ? 'stopping' : 'another start is under way' });
      return;
    }
    events.upgradeStarted(this.#log, { reason, oldPid: this.#current.pid });
    this.#next = this.#spawn('upgrade');
  }

  /** Drains and ends; asked a second time it cuts. */
  stop(signal: string): void {
    const again = this.#isStopping;
    this.#isStopping = true;
    events.stopping(this.#log, { signal, cut: again });
    clearTimeout(this.#restartTimer);
    if (this.#next !== undefined) this.#abandonNext();
    if (this.#current !== undefined && !again) this.#leave(this.#current, this.#current.isReady ? 'drain' : 'cut');
    this.#current = undefined;
    if (again) this.#cut();
    this.#endIfIdle();
  }

  /** Once: a flood of signals would put off its end. */
  #cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const proxy of this.#leaving) {
      proxy.send({ kind: 'cut' });
      proxy.killAfter(KILL_MARGIN_MS);
    }
  }

  #spawn(why: 'first' | 'restart' | 'upgrade'): ProxyHandle {
    if (why === 'upgrade') this.#isReloadDue = false;
    const start: ProxyStart = {
      options: this.#options,
      runToken: this.#runToken,
      ports: this.#ports,
      sharesPorts: why !== 'first',
      // An upgrade reads the file, and does not happen when it is bad.
      lastGood: why === 'restart' ? this.#lastGood : undefined,
    };
    const { firstProxy, forkProxy, readOwnSources } = this.#launch;
    const proxy = new ProxyHandle(why === 'first' ? firstProxy : forkProxy(), {
      onMessage: (from, message) => this.#onMessage(from, message),
      onExit: (from, how) => this.#onExit(from, how),
    });
    // While the process boots. After a death the code that served runs again; an upgrade takes what is on the disk now.
    const reading = why === 'upgrade' ? readOwnSources() : Promise.resolve(this.#sources);
    reading.then(
      (sources) => proxy.begin({ sources, start }),
      (error: unknown) => {
        this.#onFailed(proxy, summarizeError(error));
        proxy.kill();
      },
    );
    proxy.expectReady(READY_TIMEOUT_MS, () => {
      events.proxyNotReady(this.#log, { pid: proxy.pid, timeoutMs: READY_TIMEOUT_MS });
      proxy.kill();
    });
    return proxy;
  }

  #onMessage(proxy: ProxyHandle, message: FromProxy): void {
    switch (message.kind) {
      case 'alive':
        proxy.watch.hear();
        return;
      case 'ready':
        this.#onReady(proxy, message);
        return;
      case 'failed':
        this.#onFailed(proxy, message.text);
        return;
      case 'reloaded':
        // One that has a successor tells of a plan that nobody runs any more.
        if (proxy.isLeaving) return;
        this.#remember(message.listeners);
        this.#lastGood = message.good;
        return;
      case 'draining':
        if (proxy === this.#current) this.stop('admin');
        return;
      case 'replace-me':
        this.#replace(proxy, message.reason);
        return;
    }
  }

  #onReady(proxy: ProxyHandle, ready: Ready): void {
    proxy.becomeReady();
    if (proxy.isLeaving) return;
    const isFirst = this.#lastGood === undefined;
    this.#lastGood = ready.good;
    this.#sources = proxy.sources ?? this.#sources;
    this.#remember(ready.listeners);
    events.proxyReady(this.#log, { pid: proxy.pid, tookMs: Math.round(performance.now() - proxy.startedMs) });
    if (isFirst) this.#output.onReady(ready);
    if (this.#isReloadDue) proxy.send({ kind: 'reload' });
    this.#isReloadDue = false;
    if (proxy !== this.#next) return;
    const old = this.#current;
    this.#current = proxy;
    this.#next = undefined;
    if (old !== undefined) this.#leave(old, 'retire');
  }

  #onFailed(proxy: ProxyHandle, text: string): void {
    if (this.#lastGood === undefined && proxy === this.#current) {
      this.#exitCode = 1;
      this.#isStopping = true;
      this.#output.onFailed(text);
    } else {
      events.proxyFailed(this.#log, { pid: proxy.pid, reason: text });
    }
    proxy.killAfter(KILL_MARGIN_MS);
  }

  #onExit(proxy: ProxyHandle, how: string): void {
    if (this.#leaving.delete(proxy)) {
      events.proxyEnded(this.#log, { pid: proxy.pid, how });
      if (this.#isStopping && how !== 'exit code 0') this.#exitCode = 1;
      this.#endIfIdle();
      return;
    }
    if (proxy === this.#next) {
      this.#onNextDied(how);
      return;
    }
    if (proxy === this.#current) this.#onCurrentDied(proxy, how);
    this.#endIfIdle();
  }

  #onNextDied(how: string): void {
    this.#next = undefined;
    events.upgradeFailed(this.#log, { reason: how });
    if (this.#current === undefined) this.#restartAfter(Math.min(MAX_DOWN_MS, this.#backOff.afterDeath(0)));
  }

  #onCurrentDied(proxy: ProxyHandle, how: string): void {
    this.#current = undefined;
    if (this.#isStopping) return;
    if (this.#lastGood === undefined) {
      this.#isStopping = true;
      this.#exitCode = 1;
      this.#output.onFailed(`the proxy process ended before it was ready (${how})`);
      return;
    }
    // The newer process of an upgrade takes over as soon as it is ready.
    const delayMs = this.#next === undefined ? Math.min(MAX_DOWN_MS, this.#backOff.afterDeath(performance.now() - proxy.startedMs)) : 0;
    events.proxyDied(this.#log, { pid: proxy.pid, how, restartInMs: delayMs });
    if (this.#next === undefined) this.#restartAfter(delayMs);
  }

  #restartAfter(delayMs: number): void {
    if (delayMs === 0) this.#restart();
    else this.#restartTimer = setTimeout(() => this.#restart(), delayMs);
  }

  #restart(): void {
    if (!this.#isStopping) this.#current = this.#spawn('restart');
  }

  /** A process that cannot repair itself: a new one first if that works, else its death brings one. */
  #replace(proxy: ProxyHandle, reason: string): void {
    if (proxy !== this.#current || proxy.isGivenUp) return;
    proxy.isGivenUp = true;
    this.upgrade(reason);
    if (this.#next === undefined) proxy.kill();
    else proxy.killAfter(READY_TIMEOUT_MS);
  }

  /** Whether the main thread of the process that serves still turns: without it nobody replaces workers, reloads or drains. */
  #look(): void {
    const proxy = this.#current;
    const limits = this.#lastGood?.config.process;
    if (proxy?.isReady !== true || proxy.isGivenUp || limits === undefined) return;
    const quietMs = proxy.watch.look();
    if (quietMs < STUCK_FACTOR * limits.stuckKillMs) return;
    events.proxyStuck(this.#log, { pid: proxy.pid, quietMs });
    this.#replace(proxy, 'its main thread stands still');
  }

  #leave(proxy: ProxyHandle, how: 'drain' | 'retire' | 'cut'): void {
    proxy.isLeaving = true;
    this.#leaving.add(proxy);
    proxy.send({ kind: how });
    const limits = this.#lastGood?.config.process;
    const drainMs = limits === undefined || how === 'cut' ? 0 : limits.drainTimeoutMs + (how === 'drain' ? limits.drainDelayMs : 0);
    proxy.killAfter(drainMs + KILL_MARGIN_MS);
  }

  #abandonNext(): void {
    const next = this.#next;
    if (next === undefined) return;
    this.#next = undefined;
    next.isLeaving = true;
    next.kill();
  }

  #remember(listeners: readonly OpenListener[]): void {
    const ports: Record<string, number> = {};
    for (const listener of listeners) ports[listener.name] = listener.port;
    this.#ports = ports;
  }

  #endIfIdle(): void {
    if (!this.#isStopping || this.#current !== undefined || this.#next !== undefined || this.#leaving.size > 0) return;
    this.#done.resolve(this.#exitCode);
  }
}
