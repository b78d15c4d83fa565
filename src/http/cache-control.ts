import { parseDeltaSeconds } from './delta-seconds.ts';
import { CHAR_CLASS, isAll, isBlank, TCHAR } from './tokens.ts';

const NO_FIELDS: readonly string[] = Object.freeze([]);
const COMMA = 44;
const EQUALS = 61;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Directives of `Cache-Control` of either side (RFC 9111 section 5.2, RFC 5861, RFC 8246) as one flat object. Hot: overwritten
 * by `parseCacheControl`. Seconds: -1 = absent; capped at 2^31.
 */
export class CacheControl {
  maxAgeSec = -1;
  sMaxAgeSec = -1;
  /** Infinity: any staleness. */
  maxStaleSec = -1;
  minFreshSec = -1;
  staleWhileRevalidateSec = -1;
  staleIfErrorSec = -1;
  isNoStore = false;
  /** Without field names. */
  isNoCache = false;
  /** Without field names. */
  isPrivate = false;
  isPublic = false;
  isMustRevalidate = false;
  isProxyRevalidate = false;
  isMustUnderstand = false;
  isNoTransform = false;
  isOnlyIfCached = false;
  isImmutable = false;
  /** Lower-case names in `no-cache="…"`. */
  noCacheFields = NO_FIELDS;
  /** Lower-case names in `private="…"`. */
  privateFields = NO_FIELDS;
}

/**
 * Reads the joined value of all `Cache-Control` lines; `undefined` = there is none. Never fails. Of a directive that says a
 * number and is repeated the first counts (RFC 9111 4.2.1); a freshness that cannot be read is 0, so stale; a malformed
 * directive that forbids something still forbids it.
 */
export function parseCacheControl(value: string | undefined, into: CacheControl): void {
  clearDirectives(into);
  if (value === undefined) return;
  let at = 0;
  while (at < value.length) {
    const start = skipSeparators(value, at);
    const nameEnd = endOfToken(value, start);
    at = endOfMember(value, nameEnd);
    if (nameEnd > start) applyDirective(into, value.slice(start, nameEnd).toLowerCase(), argumentOf(value, nameEnd, at));
  }
}

/** Sets one directive. `argument`: unquoted; `undefined` = it has none; `''` = it is malformed or empty. `lowerName` in lower case. */
export function applyDirective(into: CacheControl, lowerName: string, argument: string | undefined): void {
  switch (lowerName) {
    case 'max-age':
      if (into.maxAgeSec < 0) into.maxAgeSec = secondsOrStale(argument);
      return;
    case 's-maxage':
      if (into.sMaxAgeSec < 0) into.sMaxAgeSec = secondsOrStale(argument);
      return;
    case 'max-stale':
      if (into.maxStaleSec < 0) into.maxStaleSec = argument === undefined ? Number.POSITIVE_INFINITY : secondsOf(argument);
      return;
    case 'min-fresh':
      if (into.minFreshSec < 0) into.minFreshSec = secondsOf(argument);
      return;
    case 'stale-while-revalidate':
      if (into.staleWhileRevalidateSec < 0) into.staleWhileRevalidateSec = secondsOf(argument);
      return;
    case 'stale-if-error':
      if (into.staleIfErrorSec < 0) into.staleIfErrorSec = secondsOf(argument);
      return;
    case 'no-cache':
      applyNoCache(into, argument);
      return;
    case 'private':
      applyPrivate(into, argument);
      return;
    default:
      applySwitch(into, lowerName);
  }
}

/** Those that have no argument; one that is there all the same changes nothing. */
function applySwitch(into: CacheControl, lowerName: string): void {
  switch (lowerName) {
    case 'no-store':
      into.isNoStore = true;
      return;
    case 'public':
      into.isPublic = true;
      return;
    case 'must-revalidate':
      into.isMustRevalidate = true;
      return;
    case 'proxy-revalidate':
      into.isProxyRevalidate = true;
      return;
    case 'must-understand':
      into.isMustUnderstand = true;
      return;
    case 'no-transform':
      into.isNoTransform = true;
      return;
    case 'only-if-cached':
      into.isOnlyIfCached = true;
      return;
    case 'immutable':
      into.isImmutable = true;
  }
}

function applyNoCache(into: CacheControl, argument: string | undefined): void {
  const fields = argument === undefined ? NO_FIELDS : fieldNames(argument);
  if (fields.length === 0) into.isNoCache = true;
  else into.noCacheFields = into.noCacheFields.concat(fields);
}

function applyPrivate(into: CacheControl, argument: string | undefined): void {
  const fields = argument === undefined ? NO_FIELDS : fieldNames(argument);
  if (fields.length === 0) into.isPrivate = true;
  else into.privateFields = into.privateFields.concat(fields);
}

export function clearDirectives(into: CacheControl): void {
  into.maxAgeSec = -1;
  into.sMaxAgeSec = -1;
  into.maxStaleSec = -1;
  into.minFreshSec = -1;
  into.staleWhileRevalidateSec = -1;
  into.staleIfErrorSec = -1;
  into.isNoStore = false;
  into.isNoCache = false;
  into.isPrivate = false;
  into.isPublic = false;
  into.isMustRevalidate = false;
  into.isProxyRevalidate = false;
  into.isMustUnderstand = false;
  into.isNoTransform = false;
  into.isOnlyIfCached = false;
  into.isImmutable = false;
  into.noCacheFields = NO_FIELDS;
  into.privateFields = NO_FIELDS;
}

function secondsOf(argument: string | undefined): number {
  return argument === undefined ? -1 : parseDeltaSeconds(argument, 0, argument.length);
}

/** RFC 9111 4.2.1: caches are encouraged to consider responses with invalid freshness information to be stale. */
function secondsOrStale(argument: string | undefined): number {
  return Math.max(0, secondsOf(argument));
}

/** Names of a list of fields; empty where one of them is no name, so that the directive counts for the whole response. */
function fieldNames(list: string): readonly string[] {
  const names = list
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names.every((name) => isAll(name, TCHAR)) ? names : NO_FIELDS;
}

function skipSeparators(text: string, from: number): number {
  let at = from;
  while (at < text.length && (isBlank(text.charCodeAt(at)) || text.charCodeAt(at) === COMMA)) at++;
  return at;
}

function endOfToken(text: string, from: number): number {
  let at = from;
  while (((CHAR_CLASS[text.charCodeAt(at)] ?? 0) & TCHAR) !== 0) at++;
  return at;
}

/** Where the next comma outside of a quoted string is, or the end. A string that is never closed takes all the rest. */
function endOfMember(text: string, from: number): number {
  let isQuoted = false;
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isQuoted = !isQuoted;
    else if (isQuoted && code === BACKSLASH) at++;
    else if (!isQuoted && code === COMMA) return at;
  }
  return Math.min(at, text.length);
}

/** What stands between the name and `end`: `=` and a token or a quoted string, nothing before or after it; else malformed. */
function argumentOf(text: string, nameEnd: number, end: number): string | undefined {
  const rest = text.slice(nameEnd, end).trimEnd();
  if (rest === '') return undefined;
  if (rest.charCodeAt(0) !== EQUALS) return '';
  if (rest.charCodeAt(1) !== QUOTE) return isAll(rest.slice(1), TCHAR) ? rest.slice(1) : '';
  return rest.length > 2 && rest.charCodeAt(rest.length - 1) === QUOTE ? unescaped(rest.slice(2, -1)) : '';
}

function unescaped(text: string): string {
  return text.includes('\\') ? text.replace(/\\(.)/g, '$1') : text;
}
