import type { MarkedHead } from './connection-options.ts';
import { FIELD_OTHER } from './known-fields.ts';

/** Names that speak of who asks. Credentials stand in fields of any name, and an answer for one is not for another. */
const CREDENTIAL = new RegExp(
  [
    'auth|token|key|secret|session|credential|passw|sign|cookie|csrf|xsrf|jwt|user|account|consumer|tenant|identity|subject|principal|customer',
    'login|email|role|group|permission|cert|dpop|proof|wsse|otp|mfa|2fa|ticket|bearer|sso|saml|oidc|claim|client(?!-ip)|device|org|team|workspace',
    'project|member|owner|actor|act-as|sudo|imperson|behalf|delegat|person|scope|privilege|sid|uid|(?:^|-)(?:dn|pin|sub)$',
  ].join('|'),
);
/** What browsers send of themselves, or of how a page was asked for. */
const NO_CREDENTIAL = new Set(['user-agent', 'sec-fetch-user']);

/** Whether a field of this name, in lower case with hyphens, may tell who asks. */
export function isCredentialName(name: string): boolean {
  return CREDENTIAL.test(name) && !NO_CREDENTIAL.has(name);
}

/** Proofs, signatures and numbers of one try. */
const RENEWED = /request|trace|span|correlation|nonce|time|date|attempt|retry|dpop|sign|csrf|xsrf|otp|mfa|2fa|proof|captcha/;

/** Whether a client that sends a request again says of itself the same in a field of this name; and it may tell who asks. */
export function isLastingCredential(name: string): boolean {
  return isCredentialName(name) && !RENEWED.test(name);
}

/** Whether some field without a meaning of its own in HTTP (so neither Authorization nor Cookie) may tell who asks. */
export function hasCredentialByName({ text, marks }: MarkedHead): boolean {
  const { kinds, starts, nameEnds, count } = marks;
  for (let i = 0; i < count; i++) {
    if (kinds[i] === FIELD_OTHER && isCredentialName(hyphened(text.slice(starts[i], nameEnds[i]).toLowerCase()))) return true;
  }
  return false;
}

/** Origins of the CGI kind cannot tell such a name from one with hyphens. */
export function hyphened(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name;
}
