import { never } from '../../base/never.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import type { QuotasEvent } from './quota-messages.ts';

/** What the quotas thread tells, and what the coordinator sees of it. */
export function logQuotasEvent(log: EventLog, event: QuotasEvent | { readonly kind: 'died'; readonly problem: string }): void {
  switch (event.kind) {
    case 'opened': {
      const { keys, tookMs } = event;
      events.quotasOpened(log, { keys, tookMs });
      return;
    }
    case 'failed':
      events.quotasFailed(log, { problem: event.problem });
      return;
    case 'writable':
      events.quotasWritable(log);
      return;
    case 'died':
      events.quotasThreadDied(log, { problem: event.problem });
      return;
    default:
      never(event, 'logQuotasEvent');
  }
}
