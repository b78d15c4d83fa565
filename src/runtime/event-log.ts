import * as events from '../observe/events.ts';
import { BoundedEventLog, type EventFields, type EventLevel, type EventLog, LineEventLog } from '../observe/log.ts';
import { LineWriter } from './line-writer.ts';
import { openPatient } from './standard-output.ts';
import { LOG_LEVELS, type LogLevel } from './start-options.ts';

const STDERR = 2;
/** Of one event: some can be caused from outside, as often as somebody likes. */
const BOUNDS = { maxPerWindow: 100, windowMs: 10_000 };

/**
 * The event log of the supervisor and of the proxy process: JSON lines on standard error, written at once, so that nothing is
 * lost when the process dies, and without waiting for who reads them.
 */
export function openEventLog(level: LogLevel): EventLog {
  const writer = new LineWriter(openPatient(STDERR), (count) => events.eventsDropped(passing, { count }));
  process.once('exit', () => writer.flush());
  const log = new LineEventLog((line) => writer.write(line), Date.now);
  const threshold = LOG_LEVELS.indexOf(level);
  const pass = (of: EventLevel) => (event: string, fields: EventFields) => {
    if (LOG_LEVELS.indexOf(of) >= threshold) log[of](event, { pid: process.pid, ...fields });
  };
  const passing: EventLog = { info: pass('info'), warn: pass('warn'), error: pass('error') };
  return new BoundedEventLog(passing, BOUNDS, () => performance.now());
}
