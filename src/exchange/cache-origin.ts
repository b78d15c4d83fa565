import type { RequestOrigin } from '../cache/cache-request.ts';
import {
  FIELD_FORWARDED,
  FIELD_X_FORWARDED_HOST,
  FIELD_X_FORWARDED_OTHER,
  FIELD_X_FORWARDED_PORT,
  FIELD_X_FORWARDED_PROTO,
} from '../http/known-fields.ts';
import { nominatedNames } from '../http/connection-options.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { Exchange } from './exchange.ts';

/** What a request's key is made of that its head alone does not tell. */

const HTTP: RequestOrigin = Object.freeze({ scheme: 'http', contentDigest: '' });
const HTTPS: RequestOrigin = Object.freeze({ scheme: 'https', contentDigest: '' });

/** Kinds of fields by which a trusted proxy tells what its client asked. Of anybody else they do not reach the origin. */
const REPORTED =
  (1 << FIELD_X_FORWARDED_PROTO) |
  (1 << FIELD_X_FORWARDED_HOST) |
  (1 << FIELD_X_FORWARDED_PORT) |
  (1 << FIELD_X_FORWARDED_OTHER) |
  (1 << FIELD_FORWARDED);
const AUTHORIZATION = /^authorization:/im;
const HOST_AND_PROTO = /(?:^|[;,\s])(?:host|proto)=(?:"(?:[^"\\]|\\.)*"|[^;,\s]*)/gi;

export function originOf({ head, listener, port, facts, filters }: Exchange): RequestOrigin {
  const scheme = listener?.proto === 'https' ? HTTPS : HTTP;
  const origin = filters?.tellsUpstream === true ? { ...scheme, wasAuthorized: AUTHORIZATION.test(filters.received) } : scheme;
  const isReported = (head.seen & REPORTED) !== 0 && listener?.isTrusted(port?.remoteAddress ?? '') === true;
  if (!isReported && facts.filteredTarget === '') return origin;
  const target = facts.filteredTarget === '' ? '' : `\n>${facts.filteredTarget}`;
  return { ...origin, beside: `${target}${isReported ? reportedLines(head) : ''}` };
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
