import type { MarkedHead } from './connection-options.ts';
import { isStrongMatch, isWeakMatch, listHasTag } from './entity-tag.ts';
import { fieldValue } from './fields.ts';
import { parseHttpDate } from './http-date.ts';

/** What the preconditions of a request are held against. */
export type Validators = {
  /** As sent; `''` = none. */
  readonly entityTag: string;
  /** As sent; `''` = none. */
  readonly lastModified: string;
  /** The same in ms since 1970; NaN = none, or not a date. */
  readonly lastModifiedMs: number;
  /** `Date` in ms since 1970, or when the response arrived. */
  readonly dateMs: number;
};

/** `origin`: there is a precondition that does not hold here and that only the origin may judge (RFC 9111 4.3.2). */
export type ConditionVerdict = 'proceed' | 'not-modified' | 'origin';

/**
 * The preconditions of a request in the order of RFC 9110 13.2.2, as a cache judges them that has a response with status 2xx.
 * If-Match and If-Unmodified-Since are for origins: here they may hold, but never fail.
 */
export function judgeConditions(request: MarkedHead, stored: Validators): ConditionVerdict {
  if (!maySkipOriginOnly(request, stored)) return 'origin';
  const noneMatch = fieldValue(request, 'if-none-match');
  if (noneMatch !== undefined) return listHasTag(noneMatch, stored.entityTag, isWeakMatch) ? 'not-modified' : 'proceed';
  const since = dateOf(fieldValue(request, 'if-modified-since'), stored.dateMs);
  // RFC 9111 4.3.2: without Last-Modified the Date of the response stands in for it.
  const changedMs = Number.isNaN(stored.lastModifiedMs) ? stored.dateMs : stored.lastModifiedMs;
  return changedMs <= since ? 'not-modified' : 'proceed';
}

function maySkipOriginOnly(request: MarkedHead, stored: Validators): boolean {
  const match = fieldValue(request, 'if-match');
  if (match !== undefined) return listHasTag(match, stored.entityTag, isStrongMatch);
  const unmodified = fieldValue(request, 'if-unmodified-since');
  // A date that cannot be read is as if it were not there (RFC 9110 13.1.4).
  return unmodified === undefined || !(stored.lastModifiedMs > dateOf(unmodified, stored.dateMs));
}

/** Whether Range is to be honoured: there is no If-Range, or it names this very representation (RFC 9110 13.1.5). */
export function isRangeCurrent(ifRange: string | undefined, stored: Validators): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.startsWith('"') || ifRange.startsWith('W/')) return isStrongMatch(ifRange, stored.entityTag);
  return ifRange === stored.lastModified && isStrongDate(stored);
}

/** RFC 9110 8.8.2.2: a second resolution is enough only where the response is at least a second younger than its last change. */
export function isStrongDate(stored: Validators): boolean {
  return stored.dateMs - stored.lastModifiedMs >= 1000;
}

/** NaN where it is no date: then no comparison holds. */
function dateOf(text: string | undefined, nowMs: number): number {
  return text === undefined ? Number.NaN : (parseHttpDate(text, nowMs) ?? Number.NaN);
}
