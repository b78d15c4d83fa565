import type { ParsedConsumer } from './consumer-schema.ts';
import type { ParsedRouteLimit, ParsedTierLimit } from './limit-schema.ts';
import type { ConsumersConfig, LimitAction, LimitConfig, LimitKeyPart, QuotaConfig, RouteTiersConfig, TierConfig } from './limit-types.ts';
import type { ParsedConfig } from './schema.ts';
import type { ParsedQuota, ParsedTier } from './tier-schema.ts';
import type { GatewayConfig, RouteConfig } from './types.ts';
import { formatDuration } from './units.ts';

const USUAL_MAX_DELAY_MS = 2000;
const BY_CONSUMER: readonly LimitKeyPart[] = [{ kind: 'consumer' }];
/** Stands in the names that are made up for limits of a consumer, where those of a tier have its name. */
const OWN = 'own';

/** What is said once for all routes. */
export function compileLimiting(parsed: ParsedConfig): Pick<GatewayConfig, 'consumers' | 'tiers' | 'limiter' | 'usageFlushMs'> {
  const { memory, maxDelayed } = parsed.limits;
  return {
    consumers: compileConsumers(parsed),
    tiers: Object.entries(parsed.tiers).map(([name, tier]) => compileTier(name, tier)),
    limiter: { memoryBytes: memory, maxDelayed },
    usageFlushMs: parsed.usage.flush,
  };
}

export function compileRouteLimits(
  { limits, tiers, limitFields }: ParsedConfig['routes'][number],
  allTiers: readonly string[],
): Pick<RouteConfig, 'limits' | 'tiers' | 'limitFields'> {
  const made = limits.map((limit) => compileLimit(limit, { key: limit.key, prefix: '', action: limit.action ?? 'reject' }));
  return { limits: withOwnNames(made), tiers: compilePlan(tiers, allTiers), limitFields };
}

/** `checkLimits` has seen to it that there is a tier. */
function compilePlan(tiers: ParsedConfig['routes'][number]['tiers'], all: readonly string[]): RouteTiersConfig | undefined {
  if (tiers === undefined) return undefined;
  const plan = tiers.plan ?? all;
  return { plan, fallback: tiers.default ?? plan[0] ?? '' };
}

function compileTier(name: string, { limits, quotas, overage, shed }: ParsedTier): TierConfig {
  return { name, ...compileAllowance({ limits, quotas }, `${name}-`, overage.allow), shedPriority: shed?.priority };
}

function compileConsumers({ consumers, tiers }: ParsedConfig): ConsumersConfig | undefined {
  if (consumers === undefined) return undefined;
  const list = consumers.list.map((consumer) => {
    const { name, keys, tier } = consumer;
    const allowsOverage = tier !== undefined && (tiers[tier]?.overage.allow ?? false);
    return { name, keys, tier, ...compileAllowance(consumer, `${OWN}-`, allowsOverage) };
  });
  return { from: consumers.from, unknown: consumers.unknown, list };
}

type Allowance = { readonly limits: readonly LimitConfig[]; readonly quotas: readonly QuotaConfig[] };

/** The part that tiers and consumers have in common. */
function compileAllowance(
  { limits, quotas }: Pick<ParsedConsumer, 'limits' | 'quotas'>,
  prefix: string,
  allowsOverage: boolean,
): Allowance {
  const usual: LimitAction = allowsOverage ? 'overage' : 'reject';
  const made = limits.map((limit) => compileLimit(limit, { key: BY_CONSUMER, prefix, action: limit.action ?? usual }));
  return { limits: withOwnNames(made), quotas: quotas.map((quota) => compileQuota(quota, allowsOverage)) };
}

type Given = { readonly key: readonly LimitKeyPart[]; readonly prefix: string; readonly action: LimitAction };

function compileLimit(limit: ParsedRouteLimit | ParsedTierLimit, { key, prefix, action }: Given): LimitConfig {
  const { name, rate, concurrency, algorithm, cost } = limit;
  const isNamed = name !== undefined;
  if (rate === undefined) {
    const max = concurrency ?? 1;
    const kindOfAction = action === 'shadow' ? action : 'reject';
    return { kind: 'concurrency', name: name ?? `${prefix}concurrency-${max}`, isNamed, key, max, action: kindOfAction };
  }
  return {
    kind: 'rate',
    name: name ?? `${prefix}${rate.count}-per-${formatDuration(rate.perMs)}`,
    isNamed,
    key,
    amount: rate.count,
    windowMs: rate.perMs,
    burst: limit.burst ?? rate.count,
    algorithm,
    cost,
    action,
    maxDelayMs: action === 'throttle' ? (limit.maxDelay ?? USUAL_MAX_DELAY_MS) : 0,
  };
}

function compileQuota({ name, amount, per, timeZone, soft, cost }: ParsedQuota, allowsOverage: boolean): QuotaConfig {
  return { name: name ?? per, amount, per, timeZone, cost, action: (soft ?? allowsOverage) ? 'overage' : 'reject' };
}

/** Numbers the names that were made up twice in one list; the others are left as they are. */
function withOwnNames(limits: readonly LimitConfig[]): LimitConfig[] {
  const taken = new Set(limits.filter(({ isNamed }) => isNamed).map(({ name }) => name));
  return limits.map((limit) => {
    if (limit.isNamed) return limit;
    let { name } = limit;
    for (let number = 2; taken.has(name); number++) name = `${limit.name}-${number}`;
    taken.add(name);
    return { ...limit, name };
  });
}
