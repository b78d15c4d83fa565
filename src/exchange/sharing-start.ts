import { startTry } from './attempts.ts';
import { MAX_HELD_BYTES } from './body-collector.ts';
import type { CacheRun } from './cache-run.ts';
import type { Exchange } from './exchange.ts';
import type { RoutePlan } from './plan.ts';
import { SHARING_UNAVAILABLE } from './sharing-answers.ts';
import { type InnerRun, SharingRun } from './sharing-run.ts';

/** Where a request may find an identical one under way. */

/** To the upstream, unless an identical request is on its way there. */
export function startForwarding(exchange: Exchange, plan: RoutePlan): void {
  // Its GET is of another route than the HEAD that was served something stale, and of one that keeps nothing.
  if (exchange.refreshOf !== null) exchange.complete();
  else if (plan.sharing === null || !startSharing(exchange, plan, null)) startTry(exchange, plan, 'first');
}

/** The same for what the cache does not have, and what nobody else waits for there: it is shared as it is, stored or not. */
export function startBehindCache(run: CacheRun): void {
  const { exchange, plan, decision } = run;
  const isPlain = run.chosen === null && decision.addedLines === '' && !decision.asksForRest && !run.isRefresh;
  if (plan.sharing !== null && isPlain && !run.isShared && run.flight?.isLeading !== true) {
    run.isShared = startSharing(exchange, plan, run);
    if (run.isShared) return;
  }
  startTry(exchange, plan, run.isRefresh ? 'revalidation' : 'first');
}

/** False: the request is none that shares. `inner`: its run so far. */
function startSharing(exchange: Exchange, plan: RoutePlan, inner: InnerRun | null): boolean {
  const { sharing } = plan;
  const { facts, head, gateway } = exchange;
  if (sharing === null || !sharing.methods.has(facts.method) || head.contentLength > sharing.config.maxBodyBytes) return false;
  // The first part of a QUERY that was too long for the cache, too.
  if (exchange.collector?.isWhole === false) return false;
  const run = new SharingRun(exchange, plan, { sharing, inner });
  if (!facts.isRequestWhole && gateway.heldBytes > MAX_HELD_BYTES) {
    if (run.isRepeatable) return false;
    run.refuse(SHARING_UNAVAILABLE);
    return true;
  }
  exchange.run = run;
  run.start();
  return true;
}
