import type { ShedPriority } from '../config/types.ts';
import type { Asker } from '../policy/consumers.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { RequestView } from './request-view.ts';
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
    const { hash } = plan.limiting;
    const set = plan.rules.of(asker);
    const count = set.concurrency.length + set.rates.length + set.quotas.length;
    this.plan = plan;
    this.asker = asker;
    this.set = set;
    this.priority = plan.limiting.priorities.get(set.tier);
    this.lows = new Int32Array(count);
    this.highs = new Int32Array(count);
    this.needsHold = set.concurrency.length > 0 || hasToldCosts(set);
    let at = 0;
    for (const { identity, key } of [...set.concurrency, ...set.rates, ...set.quotas]) {
      hash.aim(identity, key.textOf(view));
      this.lows[at] = hash.low;
      this.highs[at++] = hash.high;
    }
  }
}

/** What is kept with the head, if it is of this plan. */
export function knownMemo({ limits }: RequestHead, plan: LimitPlan): LimitMemo | undefined {
  return limits instanceof LimitMemo && limits.plan === plan ? limits : undefined;
}

function hasToldCosts({ rates, quotas }: RouteLimitSet): boolean {
  for (const { config } of rates) if (config.cost.kind === 'header') return true;
  for (const { config } of quotas) if (config.cost.kind === 'header') return true;
  return false;
}
