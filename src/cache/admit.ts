import type { Numbers } from '../base/numbers.ts';
import { fieldValue, fieldValueOfKind } from '../http/fields.ts';
import { FIELD_SET_COOKIE } from '../http/known-fields.ts';
import { parseNoVarySearch } from '../http/no-vary-search.ts';
import { type ContentRange, parseContentRange } from '../http/range.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { parseStringList } from '../http/structured-fields.ts';
import { selectingPairs, VARY_ANY } from '../http/vary.ts';
import { queryOf, uriOfKey } from './cache-key.ts';
import { type CacheRequest, isAuthorized, isToldApart, requestUri, searchKey } from './cache-request.ts';
import { entryNumbers } from './entry-numbers.ts';
import type { ExchangeTimes } from './freshness.ts';
import { isSameUri } from './invalidate.ts';
import type { CachePolicy } from './policy.ts';
import { isEverFresh, isSilent, isWorthValidating, type Reading, readResponse } from './reading.ts';
import { hasCredentials } from './sharing.ts';
import { isUnderstood, mayBeStored } from './statuses.ts';
import { encodeMeta } from './stored.ts';
import { keptFields, storedHead, unkeptNames } from './stored-head.ts';

export type { ExchangeTimes } from './freshness.ts';

const NONE: readonly string[] = Object.freeze([]);

export type SkipReason =
  | 'method'
  | 'status'
  | 'no-store'
  | 'private'
  | 'authorization'
  | 'set-cookie'
  | 'vary-any'
  | 'no-freshness' // states none, may not be guessed, has no validator
  | 'already-stale'
  | 'too-big'
  | 'partial' // a 206 that cannot be kept: several ranges, unknown place
  | 'not-understood'; // must-understand with a status that is not

export type Storable = {
  readonly kind: 'store';
  /** Under which it is stored: the request's, or the one without a query where No-Vary-Search says so. */
  readonly key: string;
  readonly meta: string;
  readonly numbers: Numbers;
  /** Content-Length; -1 = unknown. */
  readonly bodyBytes: number;
};

export type Admission = Storable | { readonly kind: 'skip'; readonly reason: SkipReason };

/** Whether the response to `request` may be stored (RFC 9111 section 3), and what is kept of it. */
export function admit(request: CacheRequest, response: ResponseHead, times: ExchangeTimes): Admission {
  const { policy, head } = request;
  if (policy === null || head === null || request.key === '') return skip('method');
  if (!mayBeStored(response.status)) return skip('status');
  const reading = readResponse({ policy, response, aged: response, times });
  const reason = refusalOf(request, reading);
  if (reason !== undefined) return skip(reason);
  const isHead = request.method === 'head';
  const part = response.status === 206 ? parseContentRange(fieldValue(response, 'content-range') ?? '') : undefined;
  if (response.status === 206 && !isKeepable(request, response, part)) return skip('partial');
  if (!isHead && response.contentLength > policy.config.maxObjectBytes) return skip('too-big');
  return storable(request, reading, placeOf(response, part));
}

/** Where the body of a response stands in its representation. */
export type Place = {
  readonly status: number;
  readonly statusText: string;
  readonly isPartial: boolean;
  readonly firstByte: number;
  readonly completeLength: number;
};

/** A part that is the whole is stored as a whole. */
function placeOf(response: ResponseHead, part: ContentRange | undefined): Place {
  const { status, statusText, contentLength } = response;
  if (part === undefined) return { status, statusText, isPartial: false, firstByte: 0, completeLength: contentLength };
  if (part.first === 0 && part.last + 1 === part.completeLength) {
    return { status: 200, statusText: '200 OK', isPartial: false, firstByte: 0, completeLength: part.completeLength };
  }
  return { status, statusText, isPartial: true, firstByte: part.first, completeLength: part.completeLength };
}

/** What is stored of a response that may be. */
function storable(request: CacheRequest, reading: Reading, place: Place): Storable {
  const { response, dates, control } = reading;
  const dropped = unkeptNames(control, response.status === 206 ? 'content-range' : '');
  const fields = keptFields({ response, dropped, addedDateMs: dates.isDateOurs ? dates.dateMs : Number.NaN });
  const head = storedHead(response.minor, place.statusText, fields);
  return { ...describe(request, reading, { ...place, head }), bodyBytes: place.isPartial ? response.contentLength : place.completeLength };
}

/** Key, meta and numbers for a head that is already as it will be stored. */
export function describe(request: CacheRequest, reading: Reading, place: Place & { readonly head: string }): Omit<Storable, 'bodyBytes'> {
  const { policy, response, entityTag, lastModified } = reading;
  const { head } = request;
  const vary = head === null ? VARY_ANY : selectingPairs(reading.vary, head);
  const search = searchOf(request, response);
  const uri = uriOf(request, search !== '');
  const lists = { vary, tags: tagsOf(policy, response), groups: groupsOf(response) };
  const shape = {
    ...place,
    hasVary: vary.length > 0,
    hasNoVarySearch: search !== '',
    isHeadersOnly: request.method === 'head',
    isPersonal: !isEverFresh(reading) && hasCredentials(request),
    setsCookie: setsCookie(reading),
  };
  return {
    kind: 'store',
    key: search === '' ? request.key : searchKey(request),
    meta: encodeMeta({ uri, ...lists, entityTag, lastModified, noVarySearch: search, head: place.head }),
    numbers: entryNumbers(reading, shape),
  };
}

/** The first reason for which the response may not be stored, `undefined` if there is none. */
export function refusalOf(request: CacheRequest, reading: Reading): SkipReason | undefined {
  const { control, response, policy } = reading;
  if (control.isMustUnderstand && !isUnderstood(response.status)) return 'not-understood';
  // RFC 9111 5.2.2.3: who understands the status disregards no-store beside must-understand.
  if (control.isNoStore && !control.isMustUnderstand) return 'no-store';
  if (control.isPrivate) return 'private';
  if (isAuthorized(request) && !isShareable(reading) && !isToldApart(request, reading.vary)) return 'authorization';
  if (!policy.config.storeSetCookie && setsCookie(reading)) return 'set-cookie';
  if (reading.vary === VARY_ANY) return 'vary-any';
  if (request.method === 'unsafe' && !isForGet(request, reading)) return 'method';
  const reason = uselessness(reading);
  if (reason !== undefined || !isSilent(reading) || isShareable(reading)) return reason;
  // What frameworks send for pages made for one user: no guess of ours makes that anybody else's.
  return hasCredentials(request) ? 'authorization' : undefined;
}

/** RFC 9111 3.5. */
function isShareable({ control }: Reading): boolean {
  return control.isPublic || control.isMustRevalidate || control.sMaxAgeSec >= 0;
}

function setsCookie({ response, control }: Reading): boolean {
  if (fieldValueOfKind(response, FIELD_SET_COOKIE) === undefined) return false;
  return !control.noCacheFields.includes('set-cookie') && !control.privateFields.includes('set-cookie');
}

/** An answer to POST that says that it is what GET would get (RFC 9110 9.3.3). */
function isForGet({ head, scheme }: CacheRequest, { response, lifetime }: Reading): boolean {
  const location = fieldValue(response, 'content-location');
  if (head === null || location === undefined || lifetime?.source !== 'stated') return false;
  return response.status === 200 && isSameUri(location, requestUri(head, scheme));
}

/** Nothing could ever be made of it but an answer that the origin has to give anew. */
function uselessness(reading: Reading): SkipReason | undefined {
  const { lifetime, control, policy, initialAgeSec } = reading;
  if (lifetime === undefined) return isWorthValidating(reading) ? undefined : 'no-freshness';
  if (reading.hasValidator) return undefined;
  if (control.isNoCache) return 'no-freshness';
  const isAllowedStale = control.staleWhileRevalidateSec > 0 || control.staleIfErrorSec > 0;
  const isRouteStale = policy.config.staleWhileRevalidateMs > 0 || policy.config.staleIfErrorMs > 0;
  return lifetime.sec <= initialAgeSec && !isAllowedStale && !isRouteStale ? 'already-stale' : undefined;
}

/** One range, asked for, and as long as it says. */
function isKeepable(request: CacheRequest, response: ResponseHead, part: ContentRange | undefined): boolean {
  return request.range !== '' && part !== undefined && response.contentLength === part.last + 1 - part.first;
}

/** `''` where every difference of the query matters, or the route does not ask. */
function searchOf(request: CacheRequest, response: ResponseHead): string {
  const value = fieldValue(response, 'no-vary-search');
  return value === undefined || parseNoVarySearch(value) === undefined || searchKey(request) === '' ? '' : value;
}

/** Of a response that does not vary with all of the query the query is kept as it came, to be compared. */
function uriOf({ head, key }: CacheRequest, isSearch: boolean): string {
  const uri = uriOfKey(key);
  return isSearch && head !== null ? uri.slice(0, uri.length - queryOf(uri).length) + head.query : uri;
}

function tagsOf(policy: CachePolicy, response: ResponseHead): readonly string[] {
  let tags: Set<string> | undefined;
  for (const name of policy.config.tagsHeaders) {
    const value = fieldValue(response, name);
    if (value === undefined) continue;
    tags ??= new Set();
    for (const tag of value.split(/[\s,]+/)) if (tag !== '') tags.add(tag);
  }
  return tags === undefined ? NONE : [...tags];
}

/** RFC 9875 2: what is no list of strings is ignored. */
function groupsOf(response: ResponseHead): readonly string[] {
  const value = fieldValue(response, 'cache-groups');
  return value === undefined ? [] : (parseStringList(value) ?? []).filter((group) => group !== '');
}

function skip(reason: SkipReason): Admission {
  return { kind: 'skip', reason };
}
