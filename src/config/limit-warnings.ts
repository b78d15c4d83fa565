import { limitsIn, quotasIn, routeLimitsOf } from './limit-semantics.ts';
import type { ConfigPath, Finding } from './problem.ts';
import { isBalancedBy } from './balance-semantics.ts';
import { asList, asMap, type RawMap } from './raw.ts';

/** What is allowed of limits, tiers and consumers, but probably not meant. */
export function warnLimits(root: RawMap): Finding[] {
  return [...unused(root), ...forgottenQuotas(root), ...nobodyTrusted(root), ...consumersMissing(root)];
}

function warning(path: ConfigPath, message: string, remedy?: string): Finding {
  return { path, at: 'key', message, remedy };
}

function unused(root: RawMap): Finding[] {
  const routes = asList(root['routes']).map(asMap);
  const hasTiers = routes.some(({ tiers }) => tiers !== undefined && String(tiers) !== 'false');
  const hasLimits = hasTiers || routes.some(({ limits }) => asList(limits).length > 0);
  const rows: [key: string, isUsed: boolean, why: string][] = [
    ['tiers', hasTiers, 'since no route has `tiers`'],
    ['consumers', hasLimits || isBalancedBy(root, 'consumer'), 'since no route has `limits` or `tiers`'],
    ['limits', hasLimits, 'since no route has `limits` or `tiers`'],
    ['usage', quotasIn(root).length > 0, 'since there are no `quotas`'],
  ];
  return rows.flatMap(([key, isUsed, why]) => (root[key] === undefined || isUsed ? [] : [warning([key], `has no effect, ${why}`)]));
}

function forgottenQuotas(root: RawMap): Finding[] {
  const [first] = quotasIn(root);
  if (root['store'] !== undefined || first === undefined) return [];
  return [
    warning(first, 'is forgotten when the process ends, since there is no `store`', 'add `store: { path: ./data }` at the top level'),
  ];
}

function nobodyTrusted(root: RawMap): Finding[] {
  const isTrusting = asList(root['listeners']).some((listener) => asList(asMap(listener)['trustedProxies']).length > 0);
  if (isTrusting) return [];
  return asList(asMap(root['consumers'])['from']).flatMap((source, i): Finding[] => {
    if (asMap(source)['header'] === undefined) return [];
    return [warning(['consumers', 'from', i, 'header'], 'is never believed, since no listener has `trustedProxies`')];
  });
}

/** By consumer, and nobody is one. */
function consumersMissing(root: RawMap): Finding[] {
  if (root['consumers'] !== undefined) return [];
  const byConsumer = routeLimitsOf(root).find(({ value: { key } }) => key === 'consumer' || asList(key).includes('consumer'));
  const ofTier = Object.keys(asMap(root['tiers'])).find((name) => limitsIn(asMap(asMap(root['tiers'])[name])['limits'], []).length > 0);
  const message = 'counts by address only, since there are no `consumers`';
  if (byConsumer !== undefined) return [warning([...byConsumer.path, 'key'], message)];
  return ofTier === undefined ? [] : [warning(['tiers', ofTier], message)];
}
