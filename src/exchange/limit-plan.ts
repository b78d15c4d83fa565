import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import { LIMIT_RESULTS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import { compileRouteLimits, type LimitSet, type RouteLimits } from '../policy/limit-set.ts';
import { type CompiledLimit, compileLimit } from '../shm/rolling-limit.ts';
import type { Quota } from '../usage/quota-set.ts';
import type { Limiting } from './limiting.ts';

export type LimitResult = (typeof LIMIT_RESULTS)[number];
export type RouteLimitSet = LimitSet<CompiledLimit, Quota>;

/** The limits of one route, made ready at load. */
export class LimitPlan {
  readonly limiting: Limiting;
  readonly rules: RouteLimits<CompiledLimit, Quota>;
  private readonly route: string;
  private readonly metrics: MetricsWriter;
  private readonly slots = new Map<string, readonly MetricSlot[]>();

  constructor(route: string, rules: RouteLimits<CompiledLimit, Quota>, services: { limiting: Limiting; metrics: MetricsWriter }) {
    this.limiting = services.limiting;
    this.rules = rules;
    this.route = route;
    this.metrics = services.metrics;
  }

  /** `limit`: its name. */
  count(limit: string, result: LimitResult): void {
    const slot = (this.slots.get(limit) ?? this.slotsOf(limit))[LIMIT_RESULTS.indexOf(result)];
    if (slot !== undefined) this.metrics.increment(slot);
  }

  private slotsOf(limit: string): readonly MetricSlot[] {
    const labels = { route: this.route, limit };
    const slots = this.metrics.slots('sluice_limit_requests_total', { label: 'result', values: LIMIT_RESULTS }, labels);
    this.slots.set(limit, slots);
    return slots;
  }
}

export function compileLimitPlan(
  route: RouteConfig,
  config: GatewayConfig,
  services: { readonly limiting: Limiting | null; readonly metrics: MetricsWriter },
): LimitPlan | null {
  const { limiting, metrics } = services;
  if (limiting === null) return null;
  const rules = compileRouteLimits(route, config, { rate: compileLimit, quota: (quota) => limiting.quotaSet.quota(quota) });
  return rules === null ? null : new LimitPlan(route.name, rules, { limiting, metrics });
}
