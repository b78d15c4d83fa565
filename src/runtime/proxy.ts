import { url as debuggerUrl } from 'node:inspector';
import * as events from '../observe/events.ts';
import type { EventLog } from '../observe/log.ts';
import { Coordinator } from './coordinator.ts';
import { openEventLog } from './event-log.ts';
import { describeError } from './faults.ts';
import type { FromProxy, ToProxy } from './messages.ts';
import type { OwnSources } from './launch.ts';
import { surviveClosedOutput } from './standard-output.ts';
import { ALIVE_MS } from './proxy-watch.ts';
import type { ProxyStart } from './start-options.ts';

/**
 * The proxy process, called once by `boot.mjs`. The supervisor speaks to it over the channel it was started with, nobody else
 * does; returned is who hears it.
 */
export function runProxy(start: ProxyStart, sources: OwnSources): (message: ToProxy) => void {
  surviveClosedOutput();
  const log = openEventLog(start.options.logLevel);
  const coordinator = new Coordinator({ start, sources, log, tell });
  const proxy = new ProxyProcess(coordinator, log);
  // The supervisor is gone, so nobody would replace or stop this process: no orphan.
  process.on('disconnect', () => proxy.end('drain'));
  // A terminal sends its signals to the whole group; what they mean is the supervisor's to say. SIGTERM alone is for this process.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);
  process.on('SIGTERM', () => proxy.end('drain'));
  process.on('uncaughtException', (error) => {
    events.exceptionCaught(log, { where: 'coordinator', message: error.message, stack: error.stack });
    // The main thread holds the plan and the crew; it cannot go on half done. The supervisor starts another process.
    process.exit(1);
  });
  proxy.begin();
  // A debugger that holds this thread at a breakpoint is no reason to replace the process.
  setInterval(() => debuggerUrl() === undefined && tell({ kind: 'alive' }), ALIVE_MS).unref();
  if (!process.connected) proxy.end('drain');
  return (message) => proxy.onMessage(message);
}

function tell(message: FromProxy): void {
  if (process.connected) process.send?.(message);
}

class ProxyProcess {
  readonly #coordinator: Coordinator;
  readonly #log: EventLog;

  constructor(coordinator: Coordinator, log: EventLog) {
    this.#coordinator = coordinator;
    this.#log = log;
  }

  begin(): void {
    this.#run(async () => {
      const failure = await this.#coordinator.begin();
      if (failure !== undefined) this.#fail(failure);
    });
  }

  end(how: 'drain' | 'retire'): void {
    this.#run(async () => {
      await this.#coordinator.stop(how);
      process.exit(0);
    });
  }

  onMessage(message: ToProxy): void {
    switch (message.kind) {
      case 'reload':
        this.#run(() => this.#coordinator.reload('signal'));
        return;
      case 'drain':
      case 'retire':
        this.end(message.kind);
        return;
      case 'cut':
        this.#coordinator.cut();
        this.end('retire');
        return;
      case 'reopen-logs':
        this.#coordinator.reopenLogs();
        return;
    }
  }

  #run(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      events.exceptionCaught(this.#log, { where: 'coordinator', message: describeError(error), stack: undefined });
      this.#fail(describeError(error));
    });
  }

  /** Told before the process goes: the channel is flushed by its closing. */
  #fail(text: string): void {
    tell({ kind: 'failed', text });
    process.exitCode = 1;
    if (process.connected) process.disconnect();
    process.exit();
  }
}
