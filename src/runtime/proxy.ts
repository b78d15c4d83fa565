import { describeError } from './faults.ts';
import { Coordinator } from './coordinator.ts';
import { openEventLog } from './event-log.ts';
import * as events from '../observe/events.ts';
import type { FromProxy, ToProxy } from './messages.ts';
import type { ProxyStart } from './start-options.ts';

// The entry of the proxy process. The supervisor speaks to it over the channel that it was forked with, and nobody else.

let coordinator: Coordinator | undefined;

function tell(message: FromProxy): void {
  if (process.connected) process.send?.(message);
}

async function begin(start: ProxyStart): Promise<void> {
  const log = openEventLog(start.options.logLevel);
  process.on('uncaughtException', (error) => {
    events.exceptionCaught(log, { where: 'coordinator', message: error.message, stack: error.stack });
    // The main thread holds the plan and the crew; it cannot go on half done. The supervisor starts another process.
    process.exit(1);
  });
  coordinator = new Coordinator(start, log, tell);
  const failure = await coordinator.begin();
  if (failure === undefined) return;
  tell({ kind: 'failed', text: failure });
  process.disconnect?.();
  process.exit(1);
}

async function end(how: 'drain' | 'retire'): Promise<void> {
  await coordinator?.stop(how);
  process.exit(0);
}

function onMessage(message: ToProxy): void {
  switch (message.kind) {
    case 'start':
      return run(begin(message.start));
    case 'reload':
      return run(coordinator?.reload('signal'));
    case 'drain':
    case 'retire':
      return run(end(message.kind));
    case 'cut':
      coordinator?.cut();
      return run(end('retire'));
    case 'reopen-logs':
      return coordinator?.reopenLogs();
  }
}

function run(work: Promise<unknown> | undefined): void {
  work?.catch((error: unknown) => {
    tell({ kind: 'failed', text: describeError(error) });
    process.exit(1);
  });
}

process.on('message', (message) => onMessage(message as ToProxy));
// The supervisor is gone, so nobody would replace or stop this process: no orphan.
process.on('disconnect', () => run(end('drain')));
// A terminal sends its signals to the whole group; what they mean is the supervisor's to say. SIGTERM alone is for this process.
for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) process.on(signal, () => undefined);
process.on('SIGTERM', () => run(end('drain')));
