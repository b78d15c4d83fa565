import { writeSync } from 'node:fs';
import { type EventFields, type EventLevel, type EventLog, LineEventLog } from '../observe/log.ts';
import { LOG_LEVELS, type LogLevel } from './start-options.ts';

const STDERR = 2;

/**
 * The event log of the supervisor and of the proxy process: JSON lines on standard error, written at once, so that nothing is
 * lost when the process dies.
 */
export function openEventLog(level: LogLevel): EventLog {
  const log = new LineEventLog(writeLine, Date.now);
  const threshold = LOG_LEVELS.indexOf(level);
  const pass = (of: EventLevel) => (event: string, fields: EventFields) => {
    if (LOG_LEVELS.indexOf(of) >= threshold) log[of](event, { pid: process.pid, ...fields });
  };
  return { info: pass('info'), warn: pass('warn'), error: pass('error') };
}

/** A standard error that cannot be written to is no reason to stop serving. */
function writeLine(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch {
    return;
  }
}
