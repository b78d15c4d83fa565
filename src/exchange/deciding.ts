import { never } from '../base/never.ts';
import type { DeadlineField } from '../config/retry-types.ts';
import { msLeftBy } from './deadline.ts';
import { maxForwards } from '../http/forward.ts';
import { capturesOf } from '../routing/captures.ts';
import type { Found } from '../routing/route.ts';
import { startCaching } from './cache-steps.ts';
import type { Exchange } from './exchange.ts';
import { meetFaults } from './faults.ts';
import { startRequestFilters } from './filter-steps.ts';
import { startIdempotent } from './idempotency-run.ts';
import { startLimiting } from './limit-run.ts';
import { answerForMaxForwards, answerForMethod, NO_ROUTE } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { startForwarding } from './sharing-start.ts';

/** What a request meets before anybody is asked: its route, the limits, the filters, and then whoever may answer it, in this order. */

export function routeRequest(exchange: Exchange): void {
  const { facts } = exchange;
  const found = exchange.gateway.router.match(facts);
  switch (found.kind) {
    case 'no-route':
      exchange.listener?.countRefused('no-route');
      exchange.answer(NO_ROUTE);
      return;
    case 'method-not-allowed':
      exchange.listener?.countRefused('method-not-allowed');
      exchange.answer(answerForMethod(found.allow));
      return;
    case 'found':
      take(exchange, found, found.value.split === null ? found.value : found.value.split.choose(exchange));
      return;
    default:
      never(found, 'route');
  }
}

function take(exchange: Exchange, found: Found<RoutePlan>, plan: RoutePlan): void {
  const { facts } = exchange;
  exchange.plan = plan;
  if (plan.rewrite !== null) facts.target = plan.rewrite(found.captures, facts);
  if (plan.filters !== null) facts.captures = capturesOf(found);
  admit(exchange, plan);
}

function admit(exchange: Exchange, plan: RoutePlan): void {
  exchange.state = 'deciding';
  const { head, facts } = exchange;
  if (plan.maxBodyBytes !== 0 && head.contentLength > plan.maxBodyBytes) {
    exchange.refuseBody('body-too-large');
    return;
  }
  const forwards = head.method === 'OPTIONS' || head.method === 'TRACE' ? maxForwards(head) : -1;
  if (forwards === 0) {
    exchange.sendOwn(answerForMaxForwards(head, plan, exchange.gateway.secretParameters));
    return;
  }
  if (plan.deadline !== null) observeDeadline(exchange, plan, plan.deadline);
  else if (plan.totalMs !== 0) exchange.gateway.watchDeadline(exchange, facts.startMs + plan.totalMs);
  if (plan.limits !== null) startLimiting(exchange, plan, plan.limits);
  else enterRoute(exchange, plan);
}

/** The route's deadline, or the client's where that is sooner. */
function observeDeadline(exchange: Exchange, { totalMs }: RoutePlan, field: DeadlineField): void {
  const { facts, gateway } = exchange;
  const byClient = msLeftBy(field, facts.field(field), Date.now());
  if (byClient === undefined && totalMs === 0) return;
  const leftMs = Math.min(byClient ?? Number.POSITIVE_INFINITY, totalMs === 0 ? Number.POSITIVE_INFINITY : totalMs);
  facts.deadlineMs = facts.startMs + leftMs;
  gateway.watchDeadline(exchange, facts.deadlineMs);
}

/** After the limits, or at once where there are none. */
export function enterRoute(exchange: Exchange, plan: RoutePlan): void {
  if (plan.faults !== null) meetFaults(exchange, plan.faults, () => filterRequest(exchange, plan));
  else filterRequest(exchange, plan);
}

function filterRequest(exchange: Exchange, plan: RoutePlan): void {
  if (plan.filters !== null) startRequestFilters(exchange, plan);
  else proceed(exchange, plan);
}

/** After the request filters, or at once where there are none. */
export function proceed(exchange: Exchange, plan: RoutePlan): void {
  if (plan.idempotency !== null && startIdempotent(exchange, plan, plan.idempotency)) return;
  if (plan.respond !== null) exchange.sendOwn(plan.respond);
  else if (plan.cache === null) startForwarding(exchange, plan);
  else startCaching(exchange, plan, plan.cache);
}
