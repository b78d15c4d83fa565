import { KEY_IN_QUERY, type RequestOrigin } from '../cache/cache-request.ts';
import { valueAtOrigin } from '../http/origin-value.ts';
import { parametersNamed } from '../http/query-parameters.ts';
import type { Exchange } from './exchange.ts';
import { splitHead } from './filter-run.ts';

/** What the upstream may learn of who asks by the fields and parameters of `consumers.from`, whatever their names. */

/** Adds to what the rules of the cache are told. */
export function withAsker(exchange: Exchange, origin: RequestOrigin): RequestOrigin {
  const { plan, gateway, listener, port } = exchange;
  if (plan === null) return origin;
  const { credentialFields, identityFields } = plan.forward;
  if (credentialFields.size === 0 && identityFields.size === 0 && gateway.secretParameters.length === 0) return origin;
  const shownKeys = keysShown(exchange);
  const isNamed = listener?.isTrusted(port?.remoteAddress ?? '') === true && hasAny(exchange, identityFields);
  return shownKeys.length === 0 && !isNamed ? origin : { ...origin, shownKeys, isNamed };
}

/** The parameters with keys, as they stand, where the upstream may see them. */
export function keyParameters({ gateway, head, plan, filters }: Exchange): readonly string[] {
  const isShown = plan?.forwardsCredentials === true || filters?.tellsUpstream === true;
  return isShown ? parametersNamed(head.query, gateway.secretParameters) : [];
}

function keysShown(exchange: Exchange): string[] {
  const { plan, filters } = exchange;
  if (plan === null) return [];
  const { credentialFields, edits } = plan.forward;
  const received = filters?.tellsUpstream === true ? splitHead(filters.received).fields : undefined;
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
