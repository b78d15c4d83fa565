import type { EventLog } from './log.ts';

/** The wording of every event, and its level; no other file has any but `upstream-events.ts`. One function an event. */

/** Nobody read what was written: this many lines are missing before this one. */
export function eventsDropped(log: EventLog, facts: { readonly count: number }): void {
  log.warn('event log could not be written fast enough, lines were dropped', facts);
}

// The supervisor and its proxy processes

export function proxyReady(log: EventLog, facts: { readonly pid: number; readonly tookMs: number }): void {
  log.info('proxy process is ready', facts);
}

export function proxyNotReady(log: EventLog, facts: { readonly pid: number; readonly timeoutMs: number }): void {
  log.error('proxy process did not become ready in time and is ended', facts);
}

export function proxyStuck(log: EventLog, facts: { readonly pid: number; readonly quietMs: number }): void {
  log.error('main thread of the proxy process stands still, the process is replaced', facts);
}

export function proxyFailed(log: EventLog, facts: { readonly pid: number; readonly reason: string }): void {
  log.error('proxy process cannot start', facts);
}

/** As asked, after a drain. */
export function proxyEnded(log: EventLog, facts: { readonly pid: number; readonly how: string }): void {
  log.info('proxy process ended', facts);
}

/** Unasked. */
export function proxyDied(log: EventLog, facts: { readonly pid: number; readonly how: string; readonly restartInMs: number }): void {
  log.error('proxy process died', facts);
}

export function upgradeStarted(log: EventLog, facts: { readonly reason: string; readonly oldPid: number }): void {
  log.info('hot upgrade started', facts);
}

export function upgradeIgnored(log: EventLog, facts: { readonly reason: string; readonly why: string }): void {
  log.warn('hot upgrade ignored', facts);
}

export function upgradeFailed(log: EventLog, facts: { readonly reason: string }): void {
  log.error('hot upgrade failed, the old process serves on', facts);
}

/** `cut`: asked a second time, so what is in flight is not waited for. */
export function stopping(log: EventLog, facts: { readonly signal: string; readonly cut: boolean }): void {
  log.info('stopping', facts);
}

// Life of a proxy process

export function processStarted(log: EventLog, facts: { readonly version: string; readonly node: string; readonly workers: number }): void {
  log.info('process started', facts);
}

export function drainStarted(log: EventLog, facts: { readonly reason: string; readonly timeoutMs: number }): void {
  log.info('drain started', facts);
}

export function drainEnded(log: EventLog, facts: { readonly tookMs: number }): void {
  log.info('drain ended, nothing in flight', facts);
}

export function drainTimedOut(log: EventLog, facts: { readonly inFlight: number; readonly timeoutMs: number }): void {
  log.warn('drain timed out, what was in flight is cut', facts);
}

// Workers

export function workerStarted(log: EventLog, facts: { readonly worker: number; readonly startMs: number }): void {
  log.info('worker started', facts);
}

export function workerDied(log: EventLog, facts: { readonly worker: number; readonly cause: string; readonly restartInMs: number }): void {
  log.error('worker died', facts);
}

export function workerStuck(log: EventLog, facts: { readonly worker: number; readonly quietMs: number }): void {
  log.warn('worker is stuck, its loop does not turn', facts);
}

export function workerRecovered(log: EventLog, facts: { readonly worker: number; readonly quietMs: number }): void {
  log.info('worker turns again', facts);
}

export function workerReplaced(log: EventLog, facts: { readonly worker: number; readonly quietMs: number }): void {
  log.error('worker stayed stuck and is replaced', facts);
}

/** An exception in the programme: a defect. `where` names the code that caught it. */
export function exceptionCaught(
  log: EventLog,
  facts: { readonly where: string; readonly message: string; readonly stack: string | undefined },
): void {
  log.error('exception caught', facts);
}

// Configuration

export function reloadStarted(log: EventLog, facts: { readonly cause: string }): void {
  log.info('reload started', facts);
}

export function reloadEnded(log: EventLog, facts: { readonly routes: number; readonly tookMs: number }): void {
  log.info('reload ended, the new plan serves', facts);
}

export function reloadFailed(log: EventLog, facts: { readonly problems: string; readonly count: number }): void {
  log.error('reload failed, the old plan serves on', facts);
}

/** A change that a reload cannot make. */
export function reloadNeedsRestart(log: EventLog, facts: { readonly setting: string }): void {
  log.warn('a changed setting takes effect at the next start only', facts);
}

/** The configuration is valid, but something in it is hardly meant; `warning` names the place. */
export function configWarning(log: EventLog, facts: { readonly warning: string }): void {
  log.warn('configuration warning', facts);
}

// The cache

/** `cause`: the start, or what a reload changed; what was cached before is gone. */
export function cacheMade(log: EventLog, facts: { readonly bytes: number; readonly cause: string }): void {
  log.info('cache begins empty', facts);
}

/** A worker ended in the middle of its work on the shared cache; what it held was given back. */
export function cacheRecovered(
  log: EventLog,
  facts: { readonly worker: number; readonly brokeLock: boolean; readonly fills: number; readonly pins: number; readonly claims: number },
): void {
  log.warn('cache repaired after a worker', facts);
}

/** Asked for by an administrator. */
export function cachePurged(
  log: EventLog,
  facts: { readonly kind: string; readonly what: string; readonly soft: boolean; readonly objects: number },
): void {
  log.info('cache purged', facts);
}

// The disk tier of the cache

export function diskCacheOpened(log: EventLog, facts: { readonly objects: number; readonly bytes: number; readonly tookMs: number }): void {
  log.info('disk cache opened', facts);
}

/** During a hot upgrade for a moment; else two installations were given one `store.path`. */
export function diskCacheShared(log: EventLog): void {
  log.info('disk cache is written by another process, this one only reads it', {});
}

export function diskCacheTakenOver(log: EventLog): void {
  log.info('disk cache is written by this process from now on', {});
}

/** What was there could not be trusted or read; the cache begins empty. */
export function diskCacheWiped(log: EventLog, facts: { readonly why: string }): void {
  log.warn('disk cache thrown away', facts);
}

/** Full, most likely. What is there is still served; it is tried again. */
export function diskCacheReadOnly(log: EventLog, facts: { readonly problem: string }): void {
  log.error('disk cache cannot be written to', facts);
}

export function diskCacheWritable(log: EventLog): void {
  log.info('disk cache can be written to again', {});
}

export function diskCacheOff(log: EventLog, facts: { readonly problem: string }): void {
  log.error('disk cache cannot be used', facts);
}

export function storeThreadDied(log: EventLog, facts: { readonly problem: string }): void {
  log.error('store thread died and is started again', facts);
}

// Listeners

// Endpoints of upstreams

export function endpointUnhealthy(
  log: EventLog,
  facts: { readonly upstream: string; readonly endpoint: string; readonly reason: string },
): void {
  log.warn('endpoint is not well, it is not used', facts);
}

export function endpointHealthy(
  log: EventLog,
  facts: { readonly upstream: string; readonly endpoint: string; readonly reason: string },
): void {
  log.info('endpoint is well, it is used', facts);
}

/** `times`: how often lately. */
export function endpointEjected(
  log: EventLog,
  facts: {
    readonly upstream: string;
    readonly endpoint: string;
    readonly reason: string;
    readonly detail: string;
    readonly forMs: number;
    readonly times: number;
  },
): void {
  log.warn('endpoint ejected, it does worse than it should', facts);
}

/** `reason`: its time is over, or it passed a check. */
export function endpointRestored(
  log: EventLog,
  facts: { readonly upstream: string; readonly endpoint: string; readonly reason: string },
): void {
  log.info('endpoint is no longer ejected', facts);
}

/** Discovery has found other endpoints than there were: so many now, of that new, and so many gone. */
export function endpointsDiscovered(
  log: EventLog,
  facts: { readonly upstream: string; readonly endpoints: number; readonly added: number; readonly removed: number },
): void {
  log.info('endpoints of an upstream have changed', facts);
}

/** `endpoints`: so many are used on. Told once until it recovers. */
export function discoveryFailing(
  log: EventLog,
  facts: { readonly upstream: string; readonly reason: string; readonly endpoints: number },
): void {
  log.warn('discovery fails, the endpoints that are known are used on', facts);
}

export function discoveryRecovered(log: EventLog, facts: { readonly upstream: string }): void {
  log.info('discovery answers again', facts);
}

export function discoveryExpired(log: EventLog, facts: { readonly upstream: string; readonly reason: string }): void {
  log.error('discovery has failed for too long, the upstream has no endpoints any more', facts);
}

/** At the start; those requests get 503 until there are some. */
export function discoveryAwaited(log: EventLog, facts: { readonly upstreams: string; readonly waitedMs: number }): void {
  log.warn('start goes on without endpoints that discovery has not found', facts);
}

// What keeps the access log, and who knocks at the admin port

export function accessLogFailed(log: EventLog, facts: { readonly path: string; readonly problem: string }): void {
  log.error('access log cannot be written', facts);
}

export function accessLogReopened(log: EventLog, facts: { readonly path: string }): void {
  log.info('access log reopened', facts);
}

export function adminRefused(log: EventLog, facts: { readonly client: string; readonly path: string }): void {
  log.warn('admin request without a valid token', facts);
}

// Records of Idempotency-Key

/** `lost`: requests that ran when their process died; their keys are answered by "unknown". */
export function recordsOpened(
  log: EventLog,
  facts: { readonly records: number; readonly bytes: number; readonly lost: number; readonly tookMs: number },
): void {
  log.info('idempotency records opened', facts);
}

export function recordsUnusable(log: EventLog, facts: { readonly problem: string }): void {
  log.error('idempotency records cannot be used, requests with a key are refused', facts);
}

export function recordsFailed(log: EventLog, facts: { readonly problem: string }): void {
  log.error('idempotency records cannot be written', facts);
}

export function recordsThreadDied(log: EventLog, facts: { readonly problem: string }): void {
  log.error('records thread died, it is started again', facts);
}

// Limits and quotas

export function limitsMade(log: EventLog, facts: { readonly bytes: number }): void {
  log.info('memory of limits made', facts);
}

/** Its requests in flight count no longer. */
export function limitsRecovered(log: EventLog, facts: { readonly worker: number; readonly inFlight: number }): void {
  log.info('a dead worker gave back its places', facts);
}

/** Before the first request; `keys`: consumers' quotas that were found. */
export function quotasOpened(log: EventLog, facts: { readonly keys: number; readonly tookMs: number }): void {
  log.info('quotas opened', facts);
}

/** `triedAgain`: quotas will be kept there as soon as that is possible, if nothing else has been counted there before. */
export function quotasUnusable(log: EventLog, facts: { readonly problem: string; readonly triedAgain: boolean }): void {
  log.error('store of quotas cannot be used, quotas and tiers are kept in memory', facts);
}

export function quotasDamaged(log: EventLog, facts: { readonly movedTo: string }): void {
  log.error('store of quotas is damaged and begun anew, what was used is forgotten', facts);
}

/** It is tried again, and nothing is forgotten meanwhile. */
export function quotasFailed(log: EventLog, facts: { readonly problem: string }): void {
  log.error('quotas cannot be written', facts);
}

export function quotasWritable(log: EventLog): void {
  log.info('quotas can be written again', {});
}

export function quotasThreadDied(log: EventLog, facts: { readonly problem: string }): void {
  log.error('quotas thread died, it is started again', facts);
}

/** `tier` '' = what the configuration says again. */
export function consumerMoved(log: EventLog, facts: { readonly consumer: string; readonly tier: string }): void {
  log.info('consumer moved to another tier', facts);
}

export function limitReset(log: EventLog, facts: { readonly limit: string }): void {
  log.info('a key of a limit was reset', facts);
}
