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
  noCacheFields: readonly string[] = [];
  /** Lower-case names in `private="…"`. */
  privateFields: readonly string[] = [];
}

/** Reads the joined value of all `Cache-Control` lines; `undefined` = there is none. Never fails: what cannot be read is strict. */
export function parseCacheControl(value: string | undefined, into: CacheControl): void {
  throw new Error(`pending: ${value} ${into.maxAgeSec}`);
}
