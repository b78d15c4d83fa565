import { quotedString } from './structured-fields.ts';

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

/** The `Cache-Status` line, with CRLF. `name`: of the cache, from `memberName` (RFC 9211 section 2). */
export function cacheStatusLine(name: string, facts: CacheStatusFacts): string {
  let line = `Cache-Status: ${name}`;
  if (facts.isHit) line += '; hit';
  if (facts.forward !== '') line += `; fwd=${facts.forward}`;
  if (facts.forwardStatus > 0) line += `; fwd-status=${facts.forwardStatus}`;
  if (facts.isStored) line += '; stored';
  if (facts.isCollapsed) line += '; collapsed';
  if (!Number.isNaN(facts.ttlSec)) line += `; ttl=${facts.ttlSec}`;
  if (facts.key !== '') line += `; key=${quotedString(facts.key)}`;
  if (facts.detail !== '') line += `; detail=${facts.detail}`;
  return `${line}\r\n`;
}
