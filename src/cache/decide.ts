import type { ForwardReason } from '../http/cache-status.ts';
import { isRangeCurrent, judgeConditions } from '../http/conditional.ts';
import { fieldValue } from '../http/fields.ts';
import { ASKS_CONDITION, ASKS_DIRECTIVES, type CacheRequest } from './cache-request.ts';
import { isCovered, isPartial, missingRange } from './coverage.ts';
import { currentAgeSec, exactAgeSec, isFresh } from './freshness.ts';
import {
  BIT_MUST_REVALIDATE,
  BIT_STRONG_VALIDATOR,
  BIT_VARY,
  FLAG_INVALID,
  N_BITS,
  N_FRESH_UNTIL,
  N_STALE_WHILE_REVALIDATE,
  N_STATUS,
} from './numbers.ts';
import { select } from './select.ts';
import type { StoredView } from './stored.ts';
import { canValidate, validatorsOf } from './validators.ts';

/**
 * `serve`: `chosen` answers, through `answerStored`. `revalidate`: `chosen` is asked about with `addedLines`. `forward`: as if
 * there were no entry; `mayStore` says whether the answer may be stored. `refuse`: only-if-cached, 504.
 */
export type DecisionKind = 'serve' | 'revalidate' | 'forward' | 'refuse';

/** A hot object, overwritten by `decide`. */
export class Decision {
  kind: DecisionKind = 'forward';
  /** The response that answers, is validated, may answer after an error, or would be completed by a part; null = none. */
  chosen: StoredView | null = null;
  /** Current age of `chosen` in whole seconds (RFC 9111 section 4.2.3), for `Age`. */
  ageSec = 0;
  /** Remaining freshness of `chosen` in whole seconds, negative when stale. */
  ttlSec = 0;
  isStale = false;
  /** Served, and to be revalidated behind the client's back (stale-while-revalidate). */
  isRefreshDue = false;
  /** Why the origin is asked: `fwd` of Cache-Status. Set for `forward` and `revalidate`. */
  reason: ForwardReason = 'miss';
  mayStore = false;
  /** Field lines for the origin, each with CRLF: If-None-Match, If-Modified-Since, Range, If-Range; `''` = none. */
  addedLines = '';
  /** The client's own conditional fields and Range are left out of the request to the origin. */
  isStripped = false;
  /** `addedLines` ask for the part that `chosen` lacks to be whole; a 206 is then not for the client. */
  asksForRest = false;
}

/** How a stored response stands to what this client will take. */
type Standing = 'good' | 'refresh' | 'stale' | 'unwanted';

/** Decides over a request and the stored responses under its keys. Pure. */
export function decide(request: CacheRequest, candidates: readonly StoredView[], hostNowMs: number, into: Decision): void {
  reset(into);
  if (request.key === '' || request.method === 'unsafe' || request.method === 'safe') {
    // The answer to a POST may be kept for later GETs, if it says so itself; `admit` looks.
    into.mayStore = request.key !== '';
    into.reason = request.method === 'unsafe' || request.method === 'safe' ? 'method' : 'bypass';
    return;
  }
  const chosen = select(request, candidates);
  if (chosen === null) {
    miss(request, missReason(candidates), into);
    return;
  }
  if (request.directives.isNoStore) {
    forwardUntouched(request, into);
    return;
  }
  choose(chosen, hostNowMs, into);
  const standing = standingOf(request, chosen, hostNowMs);
  if (standing === 'good' || standing === 'refresh') serve(request, chosen, standing, into);
  else ask(request, chosen, standing, into);
}

/** RFC 9211 2.2: `miss` where what is there would not do for another reason than Vary. */
function missReason(candidates: readonly StoredView[]): ForwardReason {
  if (candidates.length === 0) return 'uri-miss';
  return candidates.some(({ numbers }) => ((numbers[N_BITS] ?? 0) & BIT_VARY) !== 0) ? 'vary-miss' : 'miss';
}

function reset(into: Decision): void {
  into.kind = 'forward';
  into.chosen = null;
  into.ageSec = 0;
  into.ttlSec = 0;
  into.isStale = false;
  into.isRefreshDue = false;
  into.reason = 'miss';
  into.mayStore = false;
  into.addedLines = '';
  into.isStripped = false;
  into.asksForRest = false;
}

function choose(chosen: StoredView, hostNowMs: number, into: Decision): void {
  into.chosen = chosen;
  into.ageSec = currentAgeSec(chosen.numbers, hostNowMs);
  into.isStale = !isFresh(chosen, hostNowMs);
  into.ttlSec = ttlSecOf(chosen, hostNowMs, into.isStale);
}

/** What was made stale before its time has none left. */
function ttlSecOf(chosen: StoredView, hostNowMs: number, isStale: boolean): number {
  const leftSec = Math.floor(((chosen.numbers[N_FRESH_UNTIL] ?? 0) - hostNowMs) / 1000);
  if (!Number.isFinite(leftSec)) return 0;
  return isStale ? Math.min(0, leftSec) : leftSec;
}

/** RFC 9111 sections 4.2.4 and 5.2.1, RFC 5861 section 3. */
function standingOf(request: CacheRequest, stored: StoredView, hostNowMs: number): Standing {
  const fresh = isFresh(stored, hostNowMs);
  if (request.bits === 0 && fresh) return 'good';
  if ((stored.flags & FLAG_INVALID) !== 0) return 'stale';
  if ((request.bits & ASKS_DIRECTIVES) !== 0 && !isWanted(request, stored, hostNowMs)) return fresh ? 'unwanted' : 'stale';
  if (fresh || isStaleAccepted(request, stored, hostNowMs)) return 'good';
  const untilMs = (stored.numbers[N_FRESH_UNTIL] ?? 0) + (stored.numbers[N_STALE_WHILE_REVALIDATE] ?? 0) * 1000;
  return (stored.numbers[N_STALE_WHILE_REVALIDATE] ?? 0) > 0 && hostNowMs < untilMs ? 'refresh' : 'stale';
}

/** What the client says of age and freshness, but for the staleness that it would take. */
function isWanted({ directives }: CacheRequest, stored: StoredView, hostNowMs: number): boolean {
  if (directives.isNoCache) return false;
  if (directives.maxAgeSec >= 0 && exactAgeSec(stored.numbers, hostNowMs) > directives.maxAgeSec) return false;
  const leftMs = (stored.numbers[N_FRESH_UNTIL] ?? 0) - hostNowMs;
  return directives.minFreshSec < 0 || leftMs >= directives.minFreshSec * 1000;
}

/** `max-stale`, where the response does not forbid it. */
function isStaleAccepted({ directives }: CacheRequest, { numbers }: StoredView, hostNowMs: number): boolean {
  if (directives.maxStaleSec < 0 || ((numbers[N_BITS] ?? 0) & BIT_MUST_REVALIDATE) !== 0) return false;
  return hostNowMs - (numbers[N_FRESH_UNTIL] ?? 0) <= directives.maxStaleSec * 1000;
}

function serve(request: CacheRequest, chosen: StoredView, standing: 'good' | 'refresh', into: Decision): void {
  if (request.bits !== 0 && !isJudgedHere(request, chosen)) {
    forwardUntouched(request, into);
    return;
  }
  if (!isCovered(request, chosen) || (isPartial(chosen) && !isRangeMeant(request, chosen))) {
    complete(request, chosen, into);
    return;
  }
  into.kind = 'serve';
  into.isRefreshDue = standing === 'refresh';
}

/** Whether no precondition is left that only the origin may judge. Those count for successes alone (RFC 9110 13.2.1). */
function isJudgedHere(request: CacheRequest, chosen: StoredView): boolean {
  const status = chosen.numbers[N_STATUS] ?? 0;
  if ((request.bits & ASKS_CONDITION) === 0 || request.head === null || status > 299) return true;
  return judgeConditions(request.head, validatorsOf(chosen)) !== 'origin';
}

function isRangeMeant({ head }: CacheRequest, chosen: StoredView): boolean {
  return head !== null && isRangeCurrent(fieldValue(head, 'if-range'), validatorsOf(chosen));
}

/** Only a part is there, and more is asked for. */
function complete(request: CacheRequest, chosen: StoredView, into: Decision): void {
  if (request.directives.isOnlyIfCached) {
    into.kind = 'refuse';
    return;
  }
  into.reason = 'partial';
  into.mayStore = true;
  const rest = request.range === '' && (request.bits & ASKS_CONDITION) === 0 ? missingRange(chosen) : undefined;
  if (rest === undefined || ((chosen.numbers[N_BITS] ?? 0) & BIT_STRONG_VALIDATOR) === 0) return;
  const last = rest.last === Number.POSITIVE_INFINITY ? '' : String(rest.last);
  into.addedLines = `Range: bytes=${rest.first}-${last}\r\nIf-Range: ${chosen.meta.entityTag}\r\n`;
  into.asksForRest = true;
}

/** The origin is asked: about what is stored, if that can be, else anew. */
function ask(request: CacheRequest, chosen: StoredView, standing: 'stale' | 'unwanted', into: Decision): void {
  if (request.directives.isOnlyIfCached) {
    into.kind = 'refuse';
    return;
  }
  into.reason = standing === 'stale' ? 'stale' : 'request';
  into.mayStore = true;
  const hasRange = request.range !== '';
  if (!canValidate(chosen) || isPartial(chosen) || (hasRange && (request.bits & ASKS_CONDITION) !== 0)) {
    into.isStripped = isStrippable(request);
    return;
  }
  into.kind = 'revalidate';
  into.addedLines = validationLines(chosen);
  // With a Range the origin may answer the part of what has changed; its If-Range is judged there too.
  into.isStripped = !hasRange;
}

function miss(request: CacheRequest, reason: ForwardReason, into: Decision): void {
  if (request.directives.isOnlyIfCached) {
    into.kind = 'refuse';
    return;
  }
  into.reason = reason;
  if (request.directives.isNoStore) return;
  into.mayStore = true;
  into.isStripped = isStrippable(request);
}

/** The client's words go to the origin as they are, and nothing that is stored plays a part. */
function forwardUntouched({ directives }: CacheRequest, into: Decision): void {
  into.chosen = null;
  into.kind = directives.isOnlyIfCached ? 'refuse' : 'forward';
  into.reason = 'request';
  into.mayStore = !directives.isNoStore;
}

/**
 * Whether the conditions of the client are kept from the origin, so that its answer is one that can be stored; they are judged
 * against that. Not where a part is asked for, a 304 would do for want of a body, or the origin alone can judge.
 */
function isStrippable({ bits, head, method, range }: CacheRequest): boolean {
  if ((bits & ASKS_CONDITION) === 0 || method !== 'get' || range !== '' || head === null) return false;
  return fieldValue(head, 'if-match') === undefined && fieldValue(head, 'if-unmodified-since') === undefined;
}

/** The lines by which a request asks whether `stored` still holds (RFC 9111 section 4.3.1): all the validators that it has. */
export function validationLines({ meta }: StoredView): string {
  const tag = meta.entityTag === '' ? '' : `If-None-Match: ${meta.entityTag}\r\n`;
  return meta.lastModified === '' ? tag : `${tag}If-Modified-Since: ${meta.lastModified}\r\n`;
}
