import { limitProblem, UNKNOWN_KEY } from '../policy/limit-problem.ts';
import { limitFieldLines, retryAfterLine } from '../policy/rate-limit-fields.ts';
import { RequestView } from './asker-facts.ts';
import type { Exchange } from './exchange.ts';
import { LimitDecision } from './limit-decision.ts';
import { LimitHold } from './limit-hold.ts';
import type { LimitPlan, RouteLimitSet } from './limit-plan.ts';
import type { RoutePlan } from './plan.ts';

/** What a request does at the limits of its route: goes on, waits its turn, or is told how long to stay away. */

const view = new RequestView();
const decision = new LimitDecision();
const now = { hostMs: 0, wallMs: 0 };

export function startLimiting(exchange: Exchange, plan: RoutePlan, limits: LimitPlan): void {
  const { limiting, rules } = limits;
  const { consumers } = limiting;
  view.turnTo(exchange);
  if (consumers !== null) view.asker = consumers.who(view);
  exchange.facts.consumer = view.asker.name;
  if (consumers?.refuses(view.asker) === true) {
    exchange.facts.markRefused(exchange.gateway.clock.nowMs);
    exchange.answer({ ...UNKNOWN_KEY, problem: 'unknown-key', proxyError: '' });
    return;
  }
  const set = rules.of(view.asker);
  now.hostMs = exchange.gateway.clock.hostMs;
  now.wallMs = Date.now();
  let isGood = decision.decide(limits, set, view, now);
  if (isGood && decision.waitMs > 0 && limiting.delayed >= limiting.maxDelayed) {
    limits.count(decision.throttledBy, 'refused');
    decision.refuse(decision.throttledBy);
    isGood = false;
  }
  view.turnTo(null);
  exchange.limitLines = limitFieldLines(set, decision.readings);
  if (!isGood) {
    refuse(exchange);
    return;
  }
  if (needsHold(set)) exchange.limitHold = new LimitHold(limits, set, decision, now);
  if (decision.waitMs > 0) wait(exchange, plan, limits, decision.waitMs);
  else exchange.enter(plan);
}

function refuse(exchange: Exchange): void {
  const { facts, gateway } = exchange;
  facts.markRefused(gateway.clock.nowMs);
  // The lines of the RateLimit fields come with every answer of this exchange.
  exchange.answer({ ...limitProblem([...decision.violated], retryAfterLine(decision.waitMs)), problem: 'limit', proxyError: '' });
}

/** Most limits are done with when the request goes on. */
function needsHold(set: RouteLimitSet): boolean {
  return set.concurrency.length > 0 || set.rates.some(isToldByAnswer) || set.quotas.some(isToldByAnswer);
}

function isToldByAnswer({ config }: { readonly config: { readonly cost: { readonly kind: string } } }): boolean {
  return config.cost.kind === 'header';
}

function wait(exchange: Exchange, plan: RoutePlan, { limiting }: LimitPlan, waitMs: number): void {
  const { gateway, facts, life } = exchange;
  limiting.delayed++;
  setTimeout(() => {
    limiting.delayed--;
    if (exchange.life !== life) return;
    gateway.clock.refresh();
    facts.addWait(waitMs);
    gateway.guard(exchange, () => exchange.enter(plan));
  }, Math.ceil(waitMs));
}
