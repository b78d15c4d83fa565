import type { ConsumerConfig, LimitConfig, LimitFields, QuotaConfig, RateLimitConfig, TierConfig } from '../config/limit-types.ts';
import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import type { Asker } from './consumers.ts';
import { LimitKey } from './limit-key.ts';
import {
  type ConcurrencyRule,
  identityOfAllowance,
  identityOfQuota,
  identityOnRoute,
  type LimitRule,
  type QuotaRule,
  type RateRule,
} from './limit-rules.ts';
import { draftLabels, policyField } from './rate-limit-fields.ts';

/** What makes of a rate and of a quota what the limiter's tables take. */
export interface LimitServices<R, Q> {
  rate(config: RateLimitConfig): R;
  quota(config: QuotaConfig): Q;
}

/** All that one request must keep to, in the order in which it is asked: what is under way, then rates, then quotas. */
export class LimitSet<R, Q> {
  /** Of the tier that was looked at, or `''`. */
  readonly tier: string;
  readonly concurrency: readonly ConcurrencyRule[];
  readonly rates: readonly RateRule<R>[];
  readonly quotas: readonly QuotaRule<Q>[];
  /** The rules of which the client is told, by their `told`. */
  readonly told: readonly LimitRule<R, Q>[];
  readonly fields: LimitFields;
  /** The value of RateLimit-Policy; `''` where nothing is told. */
  readonly policy: string;
  /** See `draftLabels`. */
  readonly labels: readonly string[];

  constructor(rules: readonly LimitRule<R, Q>[], tier: string, fields: LimitFields) {
    this.tier = tier;
    this.concurrency = rules.filter((rule) => rule.kind === 'concurrency');
    this.rates = rules.filter((rule) => rule.kind === 'rate');
    this.quotas = rules.filter((rule) => rule.kind === 'quota');
    this.told = rules.filter(({ told }) => told >= 0);
    this.fields = fields;
    this.policy = policyField(this.told);
    this.labels = draftLabels(this.told, this.policy);
  }
}

/** The limits of one route: its own, and with `tiers` those of whoever asks. */
export class RouteLimits<R, Q> {
  readonly #usual: LimitSet<R, Q>;
  readonly #byTier = new Map<string, LimitSet<R, Q>>();
  /** Of consumers with limits or quotas of their own; made when they first ask. */
  readonly #ofConsumers = new Map<string, LimitSet<R, Q>>();
  readonly #route: RouteConfig;
  readonly #tiers: readonly TierConfig[];
  readonly #services: LimitServices<R, Q>;

  constructor(route: RouteConfig, tiers: readonly TierConfig[], services: LimitServices<R, Q>) {
    this.#route = route;
    this.#tiers = tiers;
    this.#services = services;
    const { plan = [], fallback = '' } = route.tiers ?? {};
    for (const name of plan) this.#byTier.set(name, this.#setOf(name, undefined));
    this.#usual = this.#byTier.get(fallback) ?? this.#setOf('', undefined);
  }

  /** What holds for this one. A tier that is not in the route's plan counts as none: then the default tier holds. */
  of(asker: Asker): LimitSet<R, Q> {
    if (this.#byTier.size === 0) return this.#usual;
    const { config, tier } = asker;
    if (config !== undefined && (config.limits.length > 0 || config.quotas.length > 0)) return this.#ofConsumer(config);
    return tier === '' ? this.#usual : (this.#byTier.get(tier) ?? this.#usual);
  }

  #ofConsumer(consumer: ConsumerConfig): LimitSet<R, Q> {
    const known = this.#ofConsumers.get(consumer.name);
    if (known !== undefined) return known;
    const tier = this.#byTier.get(consumer.tier ?? '')?.tier ?? this.#usual.tier;
    const made = this.#setOf(tier, consumer);
    this.#ofConsumers.set(consumer.name, made);
    return made;
  }

  #setOf(tierName: string, consumer: ConsumerConfig | undefined): LimitSet<R, Q> {
    const tier = this.#tiers.find(({ name }) => name === tierName);
    const { limits, quotas } = allowanceOf(tier, consumer);
    const told = new Told();
    const { name } = this.#route;
    return new LimitSet<R, Q>(
      [
        ...this.#route.limits.map((limit) => this.#limitRule(limit, identityOnRoute(limit, name), told)),
        ...identities(limits).map(([limit, identity]) => this.#limitRule(limit, identity, told)),
        ...quotas.map((quota) => this.#quotaRule(quota, told)),
      ],
      tierName,
      this.#route.limitFields,
    );
  }

  #limitRule(config: LimitConfig, identity: string, told: Told): RateRule<R> | ConcurrencyRule {
    const common = { identity, key: new LimitKey(config.key, this.#route.name), told: told.next(config.action === 'shadow') };
    if (config.kind === 'concurrency') return { kind: 'concurrency', config, ...common };
    return { kind: 'rate', config, ...common, rate: this.#services.rate(config) };
  }

  #quotaRule(config: QuotaConfig, told: Told): QuotaRule<Q> {
    const key = new LimitKey([{ kind: 'consumer' }], this.#route.name);
    return { kind: 'quota', config, identity: identityOfQuota(config), key, told: told.next(false), quota: this.#services.quota(config) };
  }
}

/** `null` for a route without limits, which they then cost nothing. */
export function compileRouteLimits<R, Q>(
  route: RouteConfig,
  { tiers }: Pick<GatewayConfig, 'tiers'>,
  services: LimitServices<R, Q>,
): RouteLimits<R, Q> | null {
  return route.limits.length === 0 && route.tiers === undefined ? null : new RouteLimits(route, tiers, services);
}

/** Gives out places in the readings. */
class Told {
  #count = 0;

  next(isSecret: boolean): number {
    return isSecret ? -1 : this.#count++;
  }
}

type Allowance = { readonly limits: readonly LimitConfig[]; readonly quotas: readonly QuotaConfig[] };

/** What a consumer has of its own stands in place of what its tier says of the same. */
function allowanceOf(tier: TierConfig | undefined, consumer: ConsumerConfig | undefined): Allowance {
  const { limits = [], quotas = [] } = consumer ?? {};
  const ofTier: Allowance = tier ?? { limits: [], quotas: [] };
  return {
    limits: [...ofTier.limits.filter((limit) => !limits.some((own) => isAboutTheSame(own, limit))), ...limits],
    quotas: [...ofTier.quotas.filter(({ name }) => !quotas.some((own) => own.name === name)), ...quotas],
  };
}

/** Whether the one stands in place of the other: limits of one name, rates over the same time, or both about what is under way. */
export function isAboutTheSame(one: LimitConfig, other: LimitConfig): boolean {
  if (one.isNamed && other.isNamed && one.name === other.name) return true;
  if (one.kind === 'rate' && other.kind === 'rate') return one.windowMs === other.windowMs;
  return one.kind === other.kind;
}

/** Each with its identity; two that are alike are two all the same. */
function identities(limits: readonly LimitConfig[]): (readonly [LimitConfig, string])[] {
  const seen = new Map<string, number>();
  return limits.map((limit) => {
    const plain = identityOfAllowance(limit, 0);
    const nth = seen.get(plain) ?? 0;
    seen.set(plain, nth + 1);
    return [limit, identityOfAllowance(limit, nth)];
  });
}
