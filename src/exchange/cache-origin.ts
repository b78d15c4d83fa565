import type { RequestOrigin } from '../cache/cache-request.ts';
import type { ListenerConfig } from '../config/types.ts';
import { portOf } from '../http/authority.ts';
import {
  FIELD_FORWARDED,
  FIELD_X_FORWARDED_HOST,
  FIELD_X_FORWARDED_OTHER,
  FIELD_X_FORWARDED_PORT,
  FIELD_X_FORWARDED_PROTO,
} from '../http/known-fields.ts';
import { nominatedNames } from '../http/connection-options.ts';
import { valueAtOrigin } from '../http/origin-value.ts';
import type { RequestHead } from '../http/request-head.ts';
import { hasSuppressed } from '../http/forward.ts';
import { withAsker } from './asker-shown.ts';
import type { Exchange } from './exchange.ts';
import { upstreamLine } from './split.ts';

/** What a request's key is made of that its head alone does not tell. */

const HTTP: RequestOrigin = Object.freeze({ scheme: 'http', contentDigest: '' });
const HTTPS: RequestOrigin = Object.freeze({ scheme: 'https', contentDigest: '' });
const HTTP_WITHOUT_COOKIE: RequestOrigin = Object.freeze({ ...HTTP, hidesCookie: true });
const HTTPS_WITHOUT_COOKIE: RequestOrigin = Object.freeze({ ...HTTPS, hidesCookie: true });

/** Kinds of fields by which a trusted proxy tells what its client asked. Of anybody else they do not reach the origin. */
const REPORTED =
  (1 << FIELD_X_FORWARDED_PROTO) |
  (1 << FIELD_X_FORWARDED_HOST) |
  (1 << FIELD_X_FORWARDED_PORT) |
  (1 << FIELD_X_FORWARDED_OTHER) |
  (1 << FIELD_FORWARDED);
const REPORTED_PORT = '\n@x-forwarded-port=';
const HOST_AND_PROTO = /(?:^|[;,\s])(?:host|proto)=(?:"(?:[^"\\]|\\.)*"|[^;,\s]*)/gi;

export function originOf(exchange: Exchange): RequestOrigin {
  const { head, listener, port, facts } = exchange;
  const origin = withAsker(exchange, schemeOf(exchange));
  const isReported = (head.seen & REPORTED) !== 0 && listener?.isTrusted(port?.remoteAddress ?? '') === true;
  const reported = isReported ? reportedLines(head) : '';
  const place = placeLines(exchange, reported) + partLine(exchange);
  const isClaimed = hasClaim(exchange);
  if (reported === '' && !isClaimed && facts.filteredTarget === '' && place === '') return origin;
  const target = facts.filteredTarget === '' ? '' : `\n>${facts.filteredTarget}`;
  return { ...origin, beside: `${target}${reported}${place}${isClaimed ? CLAIMED : ''}` };
}

/** Whether the origins of this configuration may be told of more than one port. */
export function hasPorts(listeners: readonly ListenerConfig[]): boolean {
  return new Set(listeners.map(({ address }) => address.port)).size > 1;
}

/** In the key of what was asked of this port, where there are several. */
export function portLine(port: number): string {
  return `\n@port=${port}`;
}

/** Where a route has several upstreams, each has answers of its own. */
function partLine({ plan }: Exchange): string {
  return plan === null || plan.part === '' ? '' : upstreamLine(plan.part);
}

/**
 * Two spellings of one authority, and two ports of one gateway, are one URI to RFC 9110, but not to an origin that makes links of `Host` and
 * `X-Forwarded-Port`: `https://a:80/` leads nowhere, and the port of the house is not that of the world.
 */
function placeLines({ head, listener, port, plan, gateway }: Exchange, reported: string): string {
  const named = head.authority.endsWith('80') || head.authority.endsWith('443') ? portOf(head.authority) : -1;
  const spelling = named === (listener?.proto === 'https' ? 443 : 80) ? `\n@host=${head.authority}` : '';
  if (!gateway.hasPorts || port === null || reported.includes(REPORTED_PORT)) return spelling;
  if (hasSuppressed(plan?.forward, FIELD_X_FORWARDED_PORT)) return spelling;
  return spelling + portLine(port.localPort);
}

/** Filters may tell the origin in their own words what stands in a cookie. */
function schemeOf({ listener, plan }: Exchange): RequestOrigin {
  const hidesCookie = plan !== null && !plan.forwardsCredentials && plan.filters === null;
  if (listener?.proto === 'https') return hidesCookie ? HTTPS_WITHOUT_COOKIE : HTTPS;
  return hidesCookie ? HTTP_WITHOUT_COOKIE : HTTP;
}

/** Its answers are for those alone who are not believed either. */
const CLAIMED = '\n!';

/** Whether somebody who is not trusted says who he is: the rules see the field, and the origin does not. */
function hasClaim({ head, listener, port, plan }: Exchange): boolean {
  const names = plan?.forward.identityFields;
  if (names === undefined || names.size === 0 || listener?.isTrusted(port?.remoteAddress ?? '') === true) return false;
  for (const name of names) if (valueAtOrigin(head, name) !== undefined) return true;
  return false;
}

/** Origins make links, redirects and whole pages by these; `X-Forwarded-For` they only log. */
function reportedLines(head: RequestHead): string {
  const { kinds, starts, nameEnds, valueStarts, valueEnds, count } = head.marks;
  const nominated = head.hasNominated ? nominatedNames(head) : undefined;
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const kind = kinds[i] ?? 0;
    if (kind > 31 || (REPORTED & (1 << kind)) === 0) continue;
    const name = head.text.slice(starts[i], nameEnds[i]).toLowerCase();
    if (nominated?.has(name)) continue;
    const value = head.text.slice(valueStarts[i], valueEnds[i]);
    const counted = kind === FIELD_FORWARDED ? (value.match(HOST_AND_PROTO) ?? []).join('') : value;
    if (counted !== '') lines.push(`\n@${name}=${counted}`);
  }
  return lines.join('');
}
