/** What the store keeps of a response beside text: places in its sixteen float64. Host time is ms of the monotonic clock. */

/** Host time after which the entry is of no use at all: not fresh, not allowed stale, not worth validating. */
export const N_USELESS_AFTER = 0;
/** Host time at which the response (or the 304 that freshened it) arrived. */
export const N_RESPONSE_TIME = 1;
/** Corrected initial age in seconds (RFC 9111 section 4.2.3). */
export const N_INITIAL_AGE = 2;
/** Freshness lifetime in seconds (section 4.2.1). */
export const N_LIFETIME = 3;
/** Seconds past it for which the response may be served while it is revalidated, 0 = not (RFC 5861 section 3). */
export const N_STALE_WHILE_REVALIDATE = 4;
/** … and when the origin fails (section 4). */
export const N_STALE_IF_ERROR = 5;
/** BIT_ below. */
export const N_BITS = 6;
export const N_STATUS = 7;
/** `Date` in ms since 1970; where there was none, the wall time of arrival. */
export const N_DATE = 8;
/** `Last-Modified` in ms since 1970; NaN = none. */
export const N_LAST_MODIFIED = 9;
/** Sequence of the invalidation epochs when the request was sent. Filled by the exchange. */
export const N_EPOCH = 10;
/** Of a partial response: position of its first byte in the representation; 0 for a whole one. */
export const N_FIRST_BYTE = 11;
/** Length of the whole representation; -1 = not known. */
export const N_COMPLETE_LENGTH = 12;
/** Host time at which the entry stops being fresh; what a hit compares. -Infinity when it must always be validated. */
export const N_FRESH_UNTIL = 13;
/** Wall time of arrival in ms since 1970. */
export const N_RESPONSE_EPOCH = 14;

/** Must not be served stale: `must-revalidate`, `proxy-revalidate`, `s-maxage`, or `no-cache`. */
export const BIT_MUST_REVALIDATE = 1;
/** `no-cache` without field names: validated before each use. */
export const BIT_NO_CACHE = 2;
/** Has an entity tag or a Last-Modified date. */
export const BIT_VALIDATOR = 4;
/** Freshness was guessed (section 4.2.2). */
export const BIT_HEURISTIC = 8;
/** A 206: one range of the representation. */
export const BIT_PARTIAL = 16;
/** Freshness comes from the route's table for answers that state none. */
export const BIT_NEGATIVE = 32;
/** Has a Vary: the meta must be looked at before it is used. */
export const BIT_VARY = 64;
/** Answer to a HEAD: has no body to serve. */
export const BIT_HEADERS_ONLY = 128;
/** Has a No-Vary-Search that the meta tells. */
export const BIT_NO_VARY_SEARCH = 512;
/** The strong entity tag makes parts of it combinable. */
export const BIT_STRONG_VALIDATOR = 1024;
/** Never fresh, and asked for, or last validated, by a request that shows the origin who asks. */
export const BIT_WITH_CREDENTIALS = 2048;
/** Sets cookies, which the route allowed when it was stored. */
export const BIT_SET_COOKIE = 4096;

/** Flags of an entry that can change after it was published. Stale since now, whatever its lifetime (soft purge). */
export const FLAG_STALE = 1;
/** Must be validated before use, and never served stale (RFC 9111 section 4.4). */
export const FLAG_INVALID = 2;
