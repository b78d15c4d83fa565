import { never } from '../../base/never.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import type { RecordsEvent } from './record-messages.ts';

/** What the records thread tells, and what the coordinator sees of it. */
export function logRecordsEvent(log: EventLog, event: RecordsEvent | { readonly kind: 'died'; readonly problem: string }): void {
  switch (event.kind) {
    case 'opened': {
      const { records, bytes, lost, tookMs } = event;
      events.recordsOpened(log, { records, bytes, lost, tookMs });
      return;
    }
    case 'unusable':
      events.recordsUnusable(log, { problem: event.problem });
      return;
    case 'failed':
      events.recordsFailed(log, { problem: event.problem });
      return;
    case 'died':
      events.recordsThreadDied(log, { problem: event.problem });
      return;
    default:
      never(event, 'logRecordsEvent');
  }
}
