import type { EventLog } from './log.ts';

/** The wording of every event, and its level; the only file that has any. One function an event. */

// Life of the process

export function processStarted(log: EventLog, facts: { readonly version: string; readonly node: string; readonly workers: number }): void {
  log.info('process started', facts);
}

export function ready(log: EventLog, facts: { readonly addresses: string; readonly startMs: number }): void {
  log.info('every listener accepts', facts);
}

export function processDied(log: EventLog, facts: { readonly pid: number; readonly cause: string; readonly restartInMs: number }): void {
  log.error('proxy process died', facts);
}

export function startFailed(log: EventLog, facts: { readonly problem: string }): void {
  log.error('start failed', facts);
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

export function upgradeStarted(log: EventLog, facts: { readonly oldPid: number; readonly newPid: number }): void {
  log.info('hot upgrade started', facts);
}

export function upgradeEnded(log: EventLog, facts: { readonly newPid: number }): void {
  log.info('hot upgrade ended, the new process serves', facts);
}

export function upgradeFailed(log: EventLog, facts: { readonly problem: string }): void {
  log.error('hot upgrade failed, the old process serves on', facts);
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

export function routeShadowed(log: EventLog, facts: { readonly route: string; readonly by: string; readonly line: number }): void {
  log.warn('route can never match', facts);
}

// Listeners

export function listenerOpened(
  log: EventLog,
  facts: { readonly listener: string; readonly address: string; readonly engine: string },
): void {
  log.info('listener opened', facts);
}

export function listenerFailed(
  log: EventLog,
  facts: { readonly listener: string; readonly address: string; readonly problem: string },
): void {
  log.error('listener cannot be opened', facts);
}

export function listenerClosed(log: EventLog, facts: { readonly listener: string }): void {
  log.info('listener closed', facts);
}

// Traffic: these can come often, so they pass through BoundedEventLog

export function upstreamFailed(
  log: EventLog,
  facts: { readonly upstream: string; readonly endpoint: string; readonly kind: string; readonly detail: string },
): void {
  log.warn('upstream attempt failed', facts);
}

export function filterFailed(
  log: EventLog,
  facts: { readonly route: string; readonly filter: string; readonly phase: string; readonly message: string },
): void {
  log.error('filter failed', facts);
}

export function accessLogDropped(log: EventLog, facts: { readonly records: number }): void {
  log.warn('access log cannot keep up, records were dropped', facts);
}

export function accessLogFailed(log: EventLog, facts: { readonly path: string; readonly problem: string }): void {
  log.error('access log cannot be written', facts);
}

export function accessLogReopened(log: EventLog, facts: { readonly path: string }): void {
  log.info('access log reopened', facts);
}

/** More label sets than cells; see MetricRegistry. */
export function metricsOverflowed(log: EventLog, facts: { readonly labelSets: number }): void {
  log.warn('more label sets than cells, further ones are counted as "other"', facts);
}

export function adminRefused(log: EventLog, facts: { readonly client: string; readonly path: string }): void {
  log.warn('admin request without a valid token', facts);
}
