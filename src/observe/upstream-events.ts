import type { EventLog } from './log.ts';

/** The wording of events of upstreams that fail, as `events.ts` has that of all others. */

/** `which`: the URL of an endpoint, or "service" for all of them together. */
export function breakerOpened(
  log: EventLog,
  facts: { readonly upstream: string; readonly which: string; readonly cause: string; readonly openForMs: number },
): void {
  log.warn('breaker opened, nothing is sent there', facts);
}

export function breakerHalfOpen(log: EventLog, facts: { readonly upstream: string; readonly which: string }): void {
  log.info('breaker is half-open, the next request tries again', facts);
}

export function breakerClosed(log: EventLog, facts: { readonly upstream: string; readonly which: string; readonly rampMs: number }): void {
  log.info('breaker closed, requests are sent there again', facts);
}

/** `fields`: those that differ. */
export function mirrorJudged(
  log: EventLog,
  facts: { readonly route: string; readonly shadow: string; readonly verdict: string; readonly compared: number; readonly fields: string },
): void {
  if (facts.verdict === 'differs') log.warn('verdict on a mirror has changed', facts);
  else log.info('verdict on a mirror has changed', facts);
}
