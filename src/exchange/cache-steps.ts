import { SAFE_METHODS } from '../http/methods.ts';
import { CacheRequest, readCacheRequest } from '../cache/cache-request.ts';
import { currentAgeSec } from '../cache/freshness.ts';
import { invalidations } from '../cache/invalidate.ts';
import { epochNamesForUri } from '../cache/cache-key.ts';
import { N_FRESH_UNTIL } from '../cache/numbers.ts';
import { CacheStatusFacts, cacheStatusLine } from '../http/cache-status.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { CachePlan } from './cache-plan.ts';
import { originOf } from './cache-origin.ts';
import { CacheRun } from './cache-run.ts';
import type { Exchange } from './exchange.ts';
import type { RoutePlan } from './plan.ts';
import { serveWhole } from './serve-stored.ts';
import { epochNameOfSharing } from './sharing-key.ts';
import type { StoredEntry } from './stored-entry.ts';

/** The way of a request into the cache: the short one for what is known and fresh, else a `CacheRun`. */

const scratch = new CacheRequest();
const hitFacts = new CacheStatusFacts();

export function startCaching(exchange: Exchange, plan: RoutePlan, cache: CachePlan): void {
  const { head, facts } = exchange;
  if (head.cacheReadBy !== cache.policy || facts.filteredTarget !== '') {
    readCacheRequest(cache.policy, head, originOf(exchange), scratch);
    // What a filter has chosen, it may choose otherwise when the same head comes again.
    head.cacheReadBy = facts.filteredTarget === '' ? cache.policy : null;
    head.cacheKey = scratch.key;
    head.cacheBits = scratch.bits;
  }
  if (head.cacheBits === 0 && exchange.refreshOf === null && serveHit(exchange, plan, cache)) return;
  const run = new CacheRun(exchange, plan, cache);
  exchange.run = run;
  run.start();
}

function serveHit(exchange: Exchange, plan: RoutePlan, cache: CachePlan): boolean {
  const { hostMs } = exchange.gateway.clock;
  const entry = cache.caching.findPlain(exchange.head.cacheKey, hostMs);
  if (entry === undefined || entry.builtBy !== plan.response) return false;
  const ageSec = currentAgeSec(entry.numbers, hostMs);
  if (entry.hitAgeSec !== ageSec || entry.hitBase !== entry.built) remakeHitBlock(exchange, cache, entry, ageSec);
  cache.metrics.countHit();
  return serveWhole(exchange, cache.caching, entry, entry.hitBlock);
}

/** Once a second for each entry that is hit. */
function remakeHitBlock(exchange: Exchange, cache: CachePlan, entry: StoredEntry, ageSec: number): void {
  const { gateway } = exchange;
  hitFacts.isHit = true;
  hitFacts.ttlSec = Math.floor(((entry.numbers[N_FRESH_UNTIL] ?? 0) - gateway.clock.hostMs) / 1000);
  hitFacts.key = cache.policy.config.debug ? entry.object.key : '';
  entry.hitBlock = `${entry.built}Age: ${ageSec}\r\n${cacheStatusLine(gateway.serverName, hitFacts)}`;
  entry.hitBase = entry.built;
  entry.hitAgeSec = ageSec;
}

/** The answer to a method that changes things makes what is stored of its URI, and of those that it names, invalid (RFC 9111 section 4.4). */
export function invalidateAfter(exchange: Exchange, head: ResponseHead): void {
  const { gateway, listener, facts } = exchange;
  const { caching, cachePolicies } = gateway;
  if (caching === null || SAFE_METHODS.has(facts.method)) return;
  const invalid = invalidations(exchange.head, listener?.proto ?? 'http', head);
  if (invalid === undefined) return;
  const { epochs, disk } = caching;
  for (const uri of invalid.uris) {
    if (gateway.hasSharing) epochs.bumpUrl(epochNameOfSharing(uri), false);
    for (const name of epochNamesForUri(cachePolicies, uri)) {
      epochs.bumpUrl(name, false);
      disk?.invalidated(name, false);
    }
  }
  for (const name of invalid.groupNames) {
    epochs.bump(name, false);
    disk?.invalidated(name, false);
  }
}
