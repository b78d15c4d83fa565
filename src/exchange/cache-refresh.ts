import { parseRequestHead } from '../http/request-head.ts';
import type { CacheRun } from './cache-run.ts';
import { DetachedPort } from './detached-port.ts';
import type { StoredEntry } from './stored-entry.ts';

/**
 * Stale while revalidate (RFC 5861 section 3): the client has its answer, and an exchange of the gateway's own asks the origin.
 * One on the whole host: who does not get the claim leaves it to who has it.
 */
export function startRefresh({ exchange, plan, cache, hostMs }: CacheRun, entry: StoredEntry): void {
  const { gateway, listener, port, head } = exchange;
  const { store } = cache.caching;
  if (port === null || listener === null || !store.claim(entry.object, hostMs)) return;
  // The allowance is used up: somebody else will ask, a little later.
  if (plan.cluster?.takeExtra('revalidation') === false) {
    store.release(entry.object);
    return;
  }
  const twin = gateway.open(port, listener);
  twin.port = new DetachedPort(twin, port);
  twin.refreshOf = entry;
  twin.collector = exchange.collector;
  // What the store holds is the answer to GET, whatever this client asked.
  const refusal = parseRequestHead(head.text.replace(/^HEAD /, 'GET '), twin.head, listener.config.limits);
  if (refusal === undefined) twin.begin();
  else twin.finish('exception');
}
