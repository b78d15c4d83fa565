import { isNameAt } from './tokens.ts';

/**
 * The fields that the proxy itself understands, as small numbers. Both sides share one numbering, so that one table can hold
 * a policy for either. `knownRequestField` and `knownResponseField` tell the number of a name: a switch over its length, then
 * a comparison in place; no substring is made.
 */
export const FIELD_OTHER = 0;
export const FIELD_HOST = 1;
export const FIELD_CONNECTION = 2;
export const FIELD_KEEP_ALIVE = 3;
export const FIELD_PROXY_CONNECTION = 4;
export const FIELD_TE = 5;
export const FIELD_TRAILER = 6;
export const FIELD_TRANSFER_ENCODING = 7;
export const FIELD_UPGRADE = 8;
export const FIELD_PROXY_AUTHORIZATION = 9;
export const FIELD_PROXY_AUTHENTICATE = 10;
export const FIELD_PROXY_AUTHENTICATION_INFO = 11;
export const FIELD_CONTENT_LENGTH = 12;
export const FIELD_EXPECT = 13;
export const FIELD_HTTP2_SETTINGS = 14;
export const FIELD_MAX_FORWARDS = 15;
export const FIELD_X_FORWARDED_FOR = 16;
export const FIELD_X_FORWARDED_PROTO = 17;
export const FIELD_X_FORWARDED_HOST = 18;
export const FIELD_X_FORWARDED_PORT = 19;
/** Any further `X-Forwarded-…`. */
export const FIELD_X_FORWARDED_OTHER = 20;
export const FIELD_FORWARDED = 21;
export const FIELD_X_REAL_IP = 22;
export const FIELD_VIA = 23;
export const FIELD_CDN_LOOP = 24;
export const FIELD_AUTHORIZATION = 25;
export const FIELD_COOKIE = 26;
export const FIELD_X_REQUEST_ID = 27;
export const FIELD_ACCEPT = 28;
/** A name that differs from one of those above by `_` for `-`: gateways of the CGI kind hand on both as the same variable. */
export const FIELD_LOOKALIKE = 29;
/**
 * A request field by which a client asks a cache for something else than whatever it has: directives, conditions, ranges, and what some origins
 * take in place of the method or the target.
 */
export const FIELD_CACHE_WISH = 30;
export const FIELD_DATE = 31;
export const FIELD_SERVER = 32;
export const FIELD_LOCATION = 33;
export const FIELD_SET_COOKIE = 34;
export const FIELD_CONTENT_TYPE = 35;
export const FIELD_PROXY_STATUS = 36;
export const FIELD_AGE = 37;
export const FIELD_ALT_SVC = 38;
/** One more than the highest id: the length of a table over all of them. */
export const FIELD_KINDS = 39;

/** Whether a field of this kind belongs to one connection and is never forwarded, `Connection` naming it or not (RFC 9110 7.6.1). */
export function isHopByHop(kind: number): boolean {
  return (kind >= FIELD_CONNECTION && kind <= FIELD_PROXY_AUTHENTICATION_INFO) || kind === FIELD_HTTP2_SETTINGS;
}

type Candidate = { readonly kind: number; readonly lowerName: string; readonly first: number };

/** Names by their length: most lengths have one or none, and the first letter decides between the others. */
type NameTable = readonly (readonly Candidate[])[];

/** Some origins take what stands in them for the method or the target. */
export const OVERRIDES = ['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override'] as const;

const EITHER_SIDE = [
  ['te', FIELD_TE],
  ['via', FIELD_VIA],
  ['trailer', FIELD_TRAILER],
  ['upgrade', FIELD_UPGRADE],
  ['connection', FIELD_CONNECTION],
  ['keep-alive', FIELD_KEEP_ALIVE],
  ['content-length', FIELD_CONTENT_LENGTH],
  ['proxy-connection', FIELD_PROXY_CONNECTION],
  ['transfer-encoding', FIELD_TRANSFER_ENCODING],
  ['proxy-authenticate', FIELD_PROXY_AUTHENTICATE],
] as const;

const REQUEST_NAMES = byLength([
  ...EITHER_SIDE,
  ['host', FIELD_HOST],
  ['accept', FIELD_ACCEPT],
  ['range', FIELD_CACHE_WISH],
  ['pragma', FIELD_CACHE_WISH],
  ['if-match', FIELD_CACHE_WISH],
  ['if-range', FIELD_CACHE_WISH],
  ['cache-control', FIELD_CACHE_WISH],
  ['if-none-match', FIELD_CACHE_WISH],
  ['if-modified-since', FIELD_CACHE_WISH],
  ['if-unmodified-since', FIELD_CACHE_WISH],
  ...OVERRIDES.map((name) => [name, FIELD_CACHE_WISH] as const),
  ['cookie', FIELD_COOKIE],
  ['expect', FIELD_EXPECT],
  ['cdn-loop', FIELD_CDN_LOOP],
  ['forwarded', FIELD_FORWARDED],
  ['x-real-ip', FIELD_X_REAL_IP],
  ['x-request-id', FIELD_X_REQUEST_ID],
  ['max-forwards', FIELD_MAX_FORWARDS],
  ['authorization', FIELD_AUTHORIZATION],
  ['http2-settings', FIELD_HTTP2_SETTINGS],
  ['x-forwarded-for', FIELD_X_FORWARDED_FOR],
  ['x-forwarded-host', FIELD_X_FORWARDED_HOST],
  ['x-forwarded-port', FIELD_X_FORWARDED_PORT],
  ['x-forwarded-proto', FIELD_X_FORWARDED_PROTO],
  ['proxy-authorization', FIELD_PROXY_AUTHORIZATION],
]);

const RESPONSE_NAMES = byLength([
  ...EITHER_SIDE,
  ['age', FIELD_AGE],
  ['date', FIELD_DATE],
  ['server', FIELD_SERVER],
  ['alt-svc', FIELD_ALT_SVC],
  ['location', FIELD_LOCATION],
  ['set-cookie', FIELD_SET_COOKIE],
  ['content-type', FIELD_CONTENT_TYPE],
  ['proxy-status', FIELD_PROXY_STATUS],
  ['proxy-authorization', FIELD_PROXY_AUTHORIZATION],
  ['proxy-authentication-info', FIELD_PROXY_AUTHENTICATION_INFO],
]);

function byLength(names: readonly (readonly [lowerName: string, kind: number])[]): NameTable {
  const longest = Math.max(...names.map(([lowerName]) => lowerName.length));
  return Array.from({ length: longest + 1 }, (_, length) =>
    names.filter(([name]) => name.length === length).map(([lowerName, kind]) => ({ kind, lowerName, first: lowerName.charCodeAt(0) })),
  );
}

/** The id of the request field whose name, vetted as a token, is `length` characters from `start` on. */
export function knownRequestField(text: string, start: number, length: number): number {
  const kind = kindIn(REQUEST_NAMES, text, start, length);
  return kind === FIELD_OTHER && length > 12 && isNameAt(text, start, 'x-forwarded-') ? FIELD_X_FORWARDED_OTHER : kind;
}

/** The id of the response field whose name, vetted as a token, is `length` characters from `start` on. */
export function knownResponseField(text: string, start: number, length: number): number {
  return kindIn(RESPONSE_NAMES, text, start, length);
}

function kindIn(names: NameTable, text: string, start: number, length: number): number {
  if (length >= names.length) return FIELD_OTHER;
  const candidates = names[length];
  if (candidates === undefined || candidates.length === 0) return FIELD_OTHER;
  const first = text.charCodeAt(start) | 0x20;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i];
    if (candidate !== undefined && candidate.first === first && isNameAt(text, start, candidate.lowerName)) return candidate.kind;
  }
  return FIELD_OTHER;
}
