/** Why a cache asked the next server, as `fwd` of Cache-Status has it (RFC 9211 section 2.2). */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial';

/** What the cache did for one answer. A hot object: every field is set before each use. */
export class CacheStatusFacts {
  isHit = false;
  /** `''`: not forwarded. */
  forward: ForwardReason | '' = '';
  /** Status of the next server's answer; 0 = not told (none came, or it is the one that the client gets). */
  forwardStatus = 0;
  /** Remaining freshness in seconds, negative when stale; NaN = not told. */
  ttlSec = Number.NaN;
  isStored = false;
  isCollapsed = false;
  /** Cache key, any latin1 text; `''` = not told. */
  key = '';
  /** A token of the cache's own; `''` = none. */
  detail = '';
}

/** The `Cache-Status` line, with CRLF, of the cache called `name` (a token or any visible text). */
export function cacheStatusLine(name: string, facts: CacheStatusFacts): string {
  throw new Error(`pending: ${name} ${facts.detail}`);
}
