import { never } from '../../base/never.ts';
import * as events from '../../observe/events.ts';
import type { EventLog } from '../../observe/log.ts';
import type { StoreEvent } from './store-messages.ts';

/** What the store thread tells, and what the coordinator sees of it. */
export function logStoreEvent(log: EventLog, event: StoreEvent | { readonly kind: 'died'; readonly problem: string }): void {
  switch (event.kind) {
    case 'opened': {
      const { objects, bytes, tookMs } = event;
      events.diskCacheOpened(log, { objects, bytes, tookMs });
      if (event.mode === 'waiting') events.diskCacheShared(log);
      return;
    }
    case 'wiped':
      events.diskCacheWiped(log, { why: event.why });
      return;
    case 'tookOver':
      events.diskCacheTakenOver(log);
      return;
    case 'readOnly':
      events.diskCacheReadOnly(log, { problem: event.problem });
      return;
    case 'writable':
      events.diskCacheWritable(log);
      return;
    case 'off':
      events.diskCacheOff(log, { problem: event.problem });
      return;
    case 'died':
      events.storeThreadDied(log, { problem: event.problem });
      return;
    default:
      never(event, 'logStoreEvent');
  }
}
