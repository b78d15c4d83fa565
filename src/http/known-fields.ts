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
export const FIELD_DATE = 30;
export const FIELD_SERVER = 31;
export const FIELD_LOCATION = 32;
export const FIELD_SET_COOKIE = 33;
export const FIELD_CONTENT_TYPE = 34;
export const FIELD_PROXY_STATUS = 35;
export const FIELD_AGE = 36;
export const FIELD_ALT_SVC = 37;
/** One more than the highest id: the length of a table over all of them. */
export const FIELD_KINDS = 38;

/** Whether a field of this kind belongs to one connection and is never forwarded, `Connection` naming it or not (RFC 9110 7.6.1). */
export function isHopByHop(kind: number): boolean {
  return (kind >= FIELD_CONNECTION && kind <= FIELD_PROXY_AUTHENTICATION_INFO) || kind === FIELD_HTTP2_SETTINGS;
}

/** The id of the request field whose name, vetted as a token, is `length` characters from `start` on. */
export function knownRequestField(text: string, start: number, length: number): number {
  switch (length) {
    case 2:
      return isNameAt(text, start, 'te') ? FIELD_TE : FIELD_OTHER;
    case 3:
      return isNameAt(text, start, 'via') ? FIELD_VIA : FIELD_OTHER;
    case 4:
      return isNameAt(text, start, 'host') ? FIELD_HOST : FIELD_OTHER;
    case 6:
      if (isNameAt(text, start, 'accept')) return FIELD_ACCEPT;
      if (isNameAt(text, start, 'cookie')) return FIELD_COOKIE;
      return isNameAt(text, start, 'expect') ? FIELD_EXPECT : FIELD_OTHER;
    case 7:
      if (isNameAt(text, start, 'upgrade')) return FIELD_UPGRADE;
      return isNameAt(text, start, 'trailer') ? FIELD_TRAILER : FIELD_OTHER;
    case 8:
      return isNameAt(text, start, 'cdn-loop') ? FIELD_CDN_LOOP : FIELD_OTHER;
    case 9:
      if (isNameAt(text, start, 'forwarded')) return FIELD_FORWARDED;
      return isNameAt(text, start, 'x-real-ip') ? FIELD_X_REAL_IP : FIELD_OTHER;
    case 10:
      if (isNameAt(text, start, 'connection')) return FIELD_CONNECTION;
      return isNameAt(text, start, 'keep-alive') ? FIELD_KEEP_ALIVE : FIELD_OTHER;
    default:
      return length < 12 ? FIELD_OTHER : longRequestField(text, start, length);
  }
}

function longRequestField(text: string, start: number, length: number): number {
  switch (length) {
    case 12:
      if (isNameAt(text, start, 'x-request-id')) return FIELD_X_REQUEST_ID;
      if (isNameAt(text, start, 'max-forwards')) return FIELD_MAX_FORWARDS;
      break;
    case 13:
      if (isNameAt(text, start, 'authorization')) return FIELD_AUTHORIZATION;
      break;
    case 14:
      if (isNameAt(text, start, 'content-length')) return FIELD_CONTENT_LENGTH;
      if (isNameAt(text, start, 'http2-settings')) return FIELD_HTTP2_SETTINGS;
      break;
    case 15:
      if (isNameAt(text, start, 'x-forwarded-for')) return FIELD_X_FORWARDED_FOR;
      break;
    case 16:
      if (isNameAt(text, start, 'x-forwarded-host')) return FIELD_X_FORWARDED_HOST;
      if (isNameAt(text, start, 'x-forwarded-port')) return FIELD_X_FORWARDED_PORT;
      if (isNameAt(text, start, 'proxy-connection')) return FIELD_PROXY_CONNECTION;
      break;
    case 17:
      if (isNameAt(text, start, 'transfer-encoding')) return FIELD_TRANSFER_ENCODING;
      if (isNameAt(text, start, 'x-forwarded-proto')) return FIELD_X_FORWARDED_PROTO;
      break;
    case 18:
      if (isNameAt(text, start, 'proxy-authenticate')) return FIELD_PROXY_AUTHENTICATE;
      break;
    case 19:
      if (isNameAt(text, start, 'proxy-authorization')) return FIELD_PROXY_AUTHORIZATION;
  }
  return isNameAt(text, start, 'x-forwarded-') ? FIELD_X_FORWARDED_OTHER : FIELD_OTHER;
}

/** The id of the response field whose name, vetted as a token, is `length` characters from `start` on. */
export function knownResponseField(text: string, start: number, length: number): number {
  switch (length) {
    case 2:
      return isNameAt(text, start, 'te') ? FIELD_TE : FIELD_OTHER;
    case 3:
      if (isNameAt(text, start, 'via')) return FIELD_VIA;
      return isNameAt(text, start, 'age') ? FIELD_AGE : FIELD_OTHER;
    case 4:
      return isNameAt(text, start, 'date') ? FIELD_DATE : FIELD_OTHER;
    case 6:
      return isNameAt(text, start, 'server') ? FIELD_SERVER : FIELD_OTHER;
    case 7:
      if (isNameAt(text, start, 'alt-svc')) return FIELD_ALT_SVC;
      if (isNameAt(text, start, 'upgrade')) return FIELD_UPGRADE;
      return isNameAt(text, start, 'trailer') ? FIELD_TRAILER : FIELD_OTHER;
    case 8:
      return isNameAt(text, start, 'location') ? FIELD_LOCATION : FIELD_OTHER;
    case 10:
      if (isNameAt(text, start, 'connection')) return FIELD_CONNECTION;
      if (isNameAt(text, start, 'set-cookie')) return FIELD_SET_COOKIE;
      return isNameAt(text, start, 'keep-alive') ? FIELD_KEEP_ALIVE : FIELD_OTHER;
    default:
      return length < 12 ? FIELD_OTHER : longResponseField(text, start, length);
  }
}

function longResponseField(text: string, start: number, length: number): number {
  switch (length) {
    case 12:
      if (isNameAt(text, start, 'content-type')) return FIELD_CONTENT_TYPE;
      return isNameAt(text, start, 'proxy-status') ? FIELD_PROXY_STATUS : FIELD_OTHER;
    case 14:
      return isNameAt(text, start, 'content-length') ? FIELD_CONTENT_LENGTH : FIELD_OTHER;
    case 16:
      return isNameAt(text, start, 'proxy-connection') ? FIELD_PROXY_CONNECTION : FIELD_OTHER;
    case 17:
      return isNameAt(text, start, 'transfer-encoding') ? FIELD_TRANSFER_ENCODING : FIELD_OTHER;
    case 18:
      return isNameAt(text, start, 'proxy-authenticate') ? FIELD_PROXY_AUTHENTICATE : FIELD_OTHER;
    case 25:
      return isNameAt(text, start, 'proxy-authentication-info') ? FIELD_PROXY_AUTHENTICATION_INFO : FIELD_OTHER;
    default:
      return FIELD_OTHER;
  }
}
