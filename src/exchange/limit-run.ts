import { enterRoute } from './deciding.ts';
import { NOBODY } from '../policy/consumers.ts';
import { limitProblem, UNKNOWN_KEY } from '../policy/limit-problem.ts';
import { limitFieldLines, retryAfterLine } from '../policy/rate-limit-fields.ts';
import { RequestView } from './request-view.ts';
import type { Exchange } from './exchange.ts';
import { CONCURRENCY_WAIT_MS, LimitDecision } from './limit-decision.ts';
import { LimitHold } from './limit-hold.ts';
import { knownMemo, LimitMemo } from './limit-memo.ts';
import type { LimitPlan } from './limit-plan.ts';
import type { RoutePlan } from './plan.ts';

/** What a request does at the limits of its route: goes on, waits its turn, or is told how long to stay away. */

const view = new RequestView();
const decision = new LimitDecision();

export function startLimiting(exchange: Exchange, plan: RoutePlan, limits: LimitPlan): void {
  const { limiting } = limits;
  const { facts, gateway } = exchange;
  // Sluice itself asks, to refresh its cache: nobody pays for that.
  if (exchange.refreshOf !== null) {
    enterRoute(exchange, plan);
    return;
  }
  const memo = memoOf(exchange, limits);
  facts.consumer = memo.asker.name;
  const { set } = memo;
  const wallMs = set.quotas.length === 0 ? 0 : Date.now();
  const isGood = decision.decide(memo, gateway.clock.hostMs, wallMs);
  exchange.ownLines = limitFieldLines(set, decision.readings);
  if (!isGood) {
    refuse(exchange, [...decision.violated], decision.waitMs);
    return;
  }
  const { waitMs } = decision;
  const hold = memo.needsHold || waitMs > 0 ? new LimitHold(memo, decision, wallMs) : null;
  exchange.limitHold = hold;
  // Not before the limits have been asked: they hold for guesses at keys, too.
  if (limiting.consumers?.refuses(memo.asker) === true) {
    facts.markRefused(gateway.clock.nowMs);
    exchange.answer({ ...UNKNOWN_KEY, problem: 'unknown-key', proxyError: '' });
  } else if (hold !== null && waitMs > 0) {
    hold.wait(waitMs, (refusedBy) => {
      gateway.clock.refresh();
      facts.addWait(waitMs);
      gateway.guard(exchange, () => {
        if (refusedBy === '') enterRoute(exchange, plan);
        else refuseInTurn(exchange, refusedBy);
      });
    });
  } else enterRoute(exchange, plan);
}

function memoOf(exchange: Exchange, limits: LimitPlan): LimitMemo {
  const { head } = exchange;
  const known = knownMemo(head, limits);
  if (known !== undefined) return known;
  view.turnTo(exchange);
  view.asker = limits.limiting.consumers?.who(view) ?? NOBODY;
  const memo = new LimitMemo(limits, view.asker, view);
  view.turnTo(null);
  head.limits = memo;
  return memo;
}

function refuse(exchange: Exchange, violated: readonly string[], waitMs: number): void {
  const { facts, gateway } = exchange;
  facts.markRefused(gateway.clock.nowMs);
  // The lines of the RateLimit fields come with every answer of this exchange.
  exchange.answer({ ...limitProblem(violated, retryAfterLine(waitMs)), problem: 'limit', proxyError: '' });
}

/** All places were taken when its turn came. What was read of the limits before is not true any more. */
function refuseInTurn(exchange: Exchange, name: string): void {
  exchange.ownLines = '';
  refuse(exchange, [name], CONCURRENCY_WAIT_MS);
}
