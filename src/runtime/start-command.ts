import { openEventLog } from './event-log.ts';
import type { Launch } from './launch.ts';
import { readyLines } from './ready-lines.ts';
import { type StartFlags, startOptions } from './start-options.ts';
import { surviveClosedOutput } from './standard-output.ts';
import { Supervisor } from './supervisor.ts';

/** `sluice start`: this process becomes the supervisor. Resolves with the exit code when all is over. */
export async function runStart(flags: StartFlags, launch: Launch): Promise<number> {
  surviveClosedOutput();
  const options = startOptions(flags, process.env);
  if (typeof options === 'string') {
    process.stderr.write(`sluice: ${options}\n`);
    launch.firstProxy.kill('SIGKILL');
    return 2;
  }
  const supervisor = new Supervisor(
    { options, launch, log: openEventLog(options.logLevel) },
    {
      onReady: (ready) => process.stdout.write(`${readyLines(options, ready).join('\n')}\n`),
      onFailed: (text) => process.stderr.write(`sluice: cannot start\n${text}\n`),
    },
  );
  process.on('SIGTERM', () => supervisor.stop('SIGTERM'));
  process.on('SIGINT', () => supervisor.stop('SIGINT'));
  process.on('SIGHUP', () => supervisor.reload());
  process.on('SIGUSR1', () => supervisor.reopenLogs());
  process.on('SIGUSR2', () => supervisor.upgrade('SIGUSR2'));
  const code = await supervisor.run();
  // Handles of ended children may linger; nothing is left to wait for.
  process.exit(code);
}
