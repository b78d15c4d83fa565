import { KEY_IN_QUERY, type RequestOrigin } from '../cache/cache-request.ts';
import { hyphened, isCredentialName } from '../http/credential-fields.ts';
import { valueAtOrigin } from '../http/origin-value.ts';
import { parametersNamed } from '../http/query-parameters.ts';
import type { Exchange } from './exchange.ts';
import type { FieldList } from './field-list.ts';
import { splitHead } from './filter-run.ts';

/** What the upstream may learn of who asks beside what the head says: by `consumers.from`, or by what filters make of what the client sent. */

/** Adds it to what the rules of the cache are told. */
export function withAsker(exchange: Exchange, origin: RequestOrigin): RequestOrigin {
  const { plan, gateway, listener, port, filters } = exchange;
  if (plan === null) return origin;
  const { credentialFields, identityFields } = plan.forward;
  const received = filters?.tellsUpstream === true ? splitHead(filters.received).fields : undefined;
  const isConfigured = credentialFields.size > 0 || identityFields.size > 0 || gateway.secretParameters.length > 0;
  if (received === undefined && !isConfigured) return origin;
  const shownKeys = keysShown(exchange, received);
  const wasAuthorized = received?.has('authorization') === true;
  const isBelieved = identityFields.size > 0 && listener?.isTrusted(port?.remoteAddress ?? '') === true;
  const isNamed = (isBelieved && hasAny(exchange, identityFields)) || received?.entries().some(([name]) => tellsWho(name)) === true;
  return shownKeys.length > 0 || wasAuthorized || isNamed ? { ...origin, shownKeys, wasAuthorized, isNamed } : origin;
}

/** The parameters with keys, as they stand, where the upstream may see them. */
export function keyParameters({ gateway, head, plan, filters }: Exchange): readonly string[] {
  const isShown = plan?.forwardsCredentials === true || filters?.tellsUpstream === true;
  return isShown ? parametersNamed(head.query, gateway.secretParameters) : [];
}

function keysShown(exchange: Exchange, received: FieldList | undefined): string[] {
  const { plan } = exchange;
  if (plan === null) return [];
  const { credentialFields, edits } = plan.forward;
  const shown: string[] = [];
  for (const name of credentialFields) {
    // Where they do not go on the edits drop them.
    const isThere = edits?.drops.has(name) !== true && valueAtOrigin(exchange.head, name) !== undefined;
    if (isThere || received?.has(name) === true) shown.push(name);
  }
  const isInKey = plan.cache?.policy.config.key.query.kind === 'all';
  if (!isInKey && keyParameters(exchange).length > 0) shown.push(KEY_IN_QUERY);
  return shown;
}

function hasAny({ head }: Exchange, names: ReadonlySet<string>): boolean {
  for (const name of names) if (valueAtOrigin(head, name) !== undefined) return true;
  return false;
}

function tellsWho(name: string): boolean {
  return isCredentialName(hyphened(name.toLowerCase()));
}
