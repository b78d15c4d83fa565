import type { ShedPriority } from '../config/types.ts';
import type { Asker } from '../policy/consumers.ts';
import type { LimitKey } from '../policy/limit-key.ts';
import type { LimitHash } from '../policy/limit-hash.ts';
import type { RequestView } from './asker-facts.ts';
import type { LimitPlan, RouteLimitSet } from './limit-plan.ts';

/**
 * Who asks, what limits hold for him, and by which keys they count: kept with the head of the request, because the same head often
 * comes again on its connection.
 */
export class LimitMemo {
  readonly plan: LimitPlan;
  readonly asker: Asker;
  readonly set: RouteLimitSet;
  /** By place in the set (concurrency, rates, quotas): the two words of the key's hash. */
  readonly lows: Int32Array;
  readonly highs: Int32Array;
  /** Something is still owed to the limits while the request is under way. */
  readonly needsHold: boolean;
  /** `undefined`: that of the route. */
  readonly priority: ShedPriority | undefined;

  constructor(plan: LimitPlan, asker: Asker, view: RequestView) {
    const { limiting } = plan;
    const set = plan.rules.of(asker);
    const count = set.concurrency.length + set.rates.length + set.quotas.length;
    this.plan = plan;
    this.asker = asker;
    this.set = set;
    this.priority = plan.priorities.get(set.tier);
    this.lows = new Int32Array(count);
    this.highs = new Int32Array(count);
    this.needsHold = set.concurrency.length > 0 || hasToldCosts(set);
    let at = 0;
    for (const rule of set.concurrency) this.setKey(at++, rule, limiting.concurrencyHash, view);
    for (const rule of set.rates) this.setKey(at++, rule, limiting.limitHash, view);
    for (const rule of set.quotas) this.setKey(at++, rule, limiting.quotaHash, view);
  }

  private setKey(at: number, rule: { readonly identity: string; readonly key: LimitKey }, hash: LimitHash, view: RequestView): void {
    hash.aim(rule.identity, rule.key.textOf(view));
    this.lows[at] = hash.low;
    this.highs[at] = hash.high;
  }
}

function hasToldCosts({ rates, quotas }: RouteLimitSet): boolean {
  for (const { config } of rates) if (config.cost.kind === 'header') return true;
  for (const { config } of quotas) if (config.cost.kind === 'header') return true;
  return false;
}
