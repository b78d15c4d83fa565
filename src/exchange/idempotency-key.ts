import { clientAddressOf } from './client-address.ts';
import { createHash } from 'node:crypto';
import { parseStringList } from '../http/structured-fields.ts';
import { hyphened, isLastingCredential } from '../http/credential-fields.ts';
import type { ConsumerSource } from '../config/limit-types.ts';
import type { IdempotencyScope } from '../config/dedupe-types.ts';
import { toldBy } from '../policy/consumers.ts';
import { RequestView } from './request-view.ts';
import type { Exchange } from './exchange.ts';
import { splitHead } from './filter-run.ts';
import type { IdempotencyPlan } from './idempotency-plan.ts';
import type { RoutePlan } from './plan.ts';

const MAX_KEY_CHARS = 255;
/** What clients send in place of a string of RFC 9651: visible ASCII without the marks that make lists and parameters. */
const BARE_KEY = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x7e]+$/;

export type ReadKey = { readonly kind: 'key'; readonly key: string } | { readonly kind: 'missing' } | { readonly kind: 'malformed' };

/**
 * The key in the field's value, repeated fields joined: a string (`"8e03978e-…"`, as the draft has it) or, since most clients send it
 * so, the same without quotes; 1 to 255 characters. With and without quotes it is the same key.
 */
export function readKey(value: string | undefined): ReadKey {
  if (value === undefined) return { kind: 'missing' };
  const quoted = value.startsWith('"') ? parseStringList(value) : undefined;
  const key = quoted === undefined ? (BARE_KEY.test(value) ? value : '') : quoted.length === 1 ? (quoted[0] ?? '') : '';
  return key.length > 0 && key.length <= MAX_KEY_CHARS ? { kind: 'key', key } : { kind: 'malformed' };
}

/** Under what the record stands. A digest, so that neither keys nor credentials are on disk. Routes do not share keys, nor do scopes. */
export function recordKey(route: string, scope: string, key: string): string {
  return createHash('sha256').update(`${route}\n${scope.length} ${scope}\n${key}`, 'latin1').digest('base64url');
}

const view = new RequestView();

/** They have rules of their own. */
const APART = new Set(['authorization', 'cookie']);

/** Whose key it is. */
export function scopeOf(exchange: Exchange, { config, sources }: Pick<IdempotencyPlan, 'config' | 'sources'>): string {
  const { facts } = exchange;
  const { scope, header } = config;
  switch (scope.kind) {
    case 'none':
      return '';
    case 'header':
      return `header ${facts.field(scope.name) ?? ''}`;
    case 'ip':
      return `ip ${clientAddressOf(exchange)}`;
    case 'consumer':
      return `consumer ${receivedField(exchange, 'authorization') ?? ''}${credentialsIn(exchange, sources)}${otherCredentials(exchange, header)}`;
  }
}

/** As it came: a filter may have taken it away, or put its own there. */
function receivedField({ facts, filters }: Exchange, lowerName: string): string | undefined {
  return filters === null ? facts.field(lowerName) : splitHead(filters.received).fields.get(lowerName);
}

/** What else may tell who asks, as it came, in whatever order; `''` = nothing. The key's own field is called a key, too. */
function otherCredentials({ head, filters }: Exchange, ownHeader: string): string {
  const own = ownHeader.toLowerCase();
  const lines: string[] = [];
  for (const [name, value] of splitHead(filters === null ? head.text : filters.received).fields.entries()) {
    const lower = hyphened(name.toLowerCase());
    if (lower !== own && !APART.has(lower) && isLastingCredential(lower)) lines.push(`\0\0${lower} ${value}`);
  }
  return lines.sort().join('');
}

/** What the request says of who asks where the configuration looks for it, as it came: nobody can have that of another but by knowing his secret, or by a trusted proxy's word. */
function credentialsIn(exchange: Exchange, sources: readonly ConsumerSource[]): string {
  if (sources.length === 0) return '';
  view.turnTo(exchange);
  let text = '';
  for (const source of sources) {
    const value = toldBy(source, view);
    if (value !== undefined) text += `\0${source.name} ${value}`;
  }
  view.turnTo(null);
  return text;
}

/**
 * What has to be equal, beside the body, in two requests with one key. Where nothing but a cookie tells one client from another, it
 * counts too: of two of them that chose the same key the second is refused, in place of getting the first one's answer.
 */
export function fingerprintPreamble(exchange: Exchange, plan: RoutePlan, scope: IdempotencyScope): string {
  const { facts, head, filters } = exchange;
  const knowsCookie = plan.forwardsCredentials || filters?.tellsUpstream === true;
  const isByCookie = scope.kind === 'consumer' && knowsCookie && receivedField(exchange, 'authorization') === undefined;
  const parts = [
    head.method,
    head.authority,
    head.target,
    facts.field('content-type') ?? '',
    facts.field('content-encoding') ?? '',
    isByCookie ? (receivedField(exchange, 'cookie') ?? '') : '',
  ];
  return parts.join('\n');
}
