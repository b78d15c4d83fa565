import pino from 'pino';
import type { EventLog } from '../observe/log.ts';
import type { LogLevel } from './start-options.ts';

/** The proxy process's event log: JSON lines on standard error, written at once, so that nothing is lost when it dies. */
export function openEventLog(level: LogLevel): EventLog {
  const logger = pino(
    {
      level,
      base: { pid: process.pid },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    info: (event, fields) => logger.info(fields, event),
    warn: (event, fields) => logger.warn(fields, event),
    error: (event, fields) => logger.error(fields, event),
  };
}
