import { IDEMPOTENT_METHODS } from '../http/methods.ts';
import { never } from '../base/never.ts';
import type { TryKind } from '../upstream/endpoint-watch.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { RequestBody, UpstreamConnection } from '../upstream/sink.ts';
import { balanceKeyOf } from './balance-key.ts';
import type { Shedding, SheddingPlan } from './admission.ts';
import { deadlineLine } from './deadline.ts';
import type { Exchange } from './exchange.ts';
import { fallBackFromFailure } from './fallback.ts';
import { startUpstreamFilters } from './filter-steps.ts';
import { armHedge } from './hedging.ts';
import { KeptBody } from './kept-body.ts';
import { startMirror } from './mirror/start-mirror.ts';
import { knownMemo } from './limit-memo.ts';
import { upstreamHead } from './messages.ts';
import { answerForRule } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { recover } from './recover.ts';
import { ruleOf } from './failures.ts';
import type { ResiliencePlan } from './resilience-plan.ts';
import { coveredCondition, retryAfterFailure } from './retrying.ts';
import type { Try } from './upstream-try.ts';

/** The way of a request to its upstream: which endpoint, which connection, and what follows when that fails. */

/** Methods that may wait in a pipeline: safe, and no origin acts on them twice (RFC 9112 section 9.3.2). */
const PIPELINABLE = new Set(['GET', 'HEAD']);

export function startTry(exchange: Exchange, plan: RoutePlan, kind: TryKind): void {
  const { cluster, resilience } = plan;
  if (cluster === null) return;
  const { facts, gateway, current } = exchange;
  if (facts.attempts++ === 0) facts.askedMs = gateway.clock.nowMs;
  exchange.state = 'connecting';
  const isRetry = kind === 'retry';
  const held = plan.sticky === null ? null : plan.sticky.heldBy(exchange);
  const target = cluster.choose(balanceKeyOf(exchange, plan), isRetry ? current.target : null, held);
  if (target === null) {
    current.refuse(cluster.refusal);
    return;
  }
  current.begin(target, kind, cluster);
  if (plan.mirror !== null && facts.attempts === 1 && exchange.refreshOf === null) startMirror(exchange, plan.mirror);
  if (resilience !== null) prepare(exchange, plan, { resilience, isRetry });
  if (cluster.limits !== null && !current.account.acquire(cluster.limits, isRetry)) {
    current.refuse('overloaded');
    return;
  }
  if (plan.shedding !== null && !current.admission.enter(sheddingOf(exchange, plan, plan.shedding), gateway.clock.nowMs, isRetry))
    current.refuse('overloaded');
  else if (plan.filters !== null) startUpstreamFilters(exchange, plan, isRetry);
  else requestConnection(exchange, isRetry);
}

function prepare(exchange: Exchange, plan: RoutePlan, { resilience, isRetry }: { resilience: ResiliencePlan; isRetry: boolean }): void {
  const { retry, hedge, tryMs } = resilience;
  const { facts, gateway, current } = exchange;
  if (tryMs !== 0) current.limit(tryMs);
  if (isRetry) return;
  if (retry !== null && !facts.isRequestWhole && retry.config.maxBodyBytes > 0 && exchange.kept === null)
    exchange.kept = new KeptBody(gateway, retry.config.maxBodyBytes);
  if (hedge !== null && plan.filters === null && !exchange.isResuming) armHedge(exchange, plan, hedge);
}

/** The tier of who asks goes before the route. */
function sheddingOf({ head }: Exchange, { limits }: RoutePlan, { usual, byPriority }: SheddingPlan): Shedding {
  const priority = limits === null ? undefined : knownMemo(head, limits)?.priority;
  return priority === undefined ? usual : byPriority[priority];
}

export function requestConnection({ facts, current }: Exchange, isRetry: boolean): void {
  current.ask(isRetry, facts.isRequestWhole && PIPELINABLE.has(facts.method));
}

export function sendRequest(exchange: Exchange, asker: Try, connection: UpstreamConnection): void {
  const { head, facts, gateway, port } = exchange;
  exchange.state = 'sent';
  asker.connectedMs = connection.isReused ? gateway.clock.nowMs : gateway.clock.refresh();
  if (asker === exchange.current) facts.connectedMs = asker.connectedMs;
  const body: RequestBody = head.isChunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
  const built = exchange.filteredHead === '' ? upstreamHead(exchange, asker.target) : exchange.filteredHead;
  const text = facts.deadlineMs === 0 ? built : withDeadline(exchange, built);
  connection.send(text, body, facts.method === 'HEAD');
  if (head.expectsContinue && port?.canInform === true) connection.expectContinue();
  for (const chunk of exchange.collector?.chunks ?? []) connection.writeBody(chunk);
  for (const chunk of exchange.kept?.chunks ?? []) connection.writeBody(chunk);
  if (!facts.isRequestWhole) port?.resumeBody();
  else if (body !== 'none') connection.endBody();
}

function withDeadline({ plan, facts, gateway }: Exchange, head: string): string {
  const field = plan?.deadline ?? null;
  if (field === null) return head;
  return `${head.slice(0, -2)}${deadlineLine(field, facts.deadlineMs - gateway.clock.nowMs, Date.now())}\r\n`;
}

export function recoverFrom(exchange: Exchange, plan: RoutePlan, failure: UpstreamFailure): void {
  const { facts } = exchange;
  plan.metrics.countFailure(failure.kind);
  const recovery = recover(failure, {
    isAnswered: exchange.isAnswered,
    isIdempotent: IDEMPOTENT_METHODS.has(facts.method) && exchange.run?.isOnce !== true,
    isBodySpent: !exchange.canSendAgain,
    attempts: facts.attempts,
  });
  switch (recovery.kind) {
    case 'retry':
      // Where there is a policy, it says how often, and after what wait; what a stale connection has cost is not the endpoint's fault.
      if (recovery.reason === 'unsent' && coveredCondition(plan, failure) !== undefined) break;
      plan.metrics.countRetry(recovery.reason);
      // What comes of the body now belongs to the next connection.
      exchange.port?.pauseBody();
      startTry(exchange, plan, 'retry');
      return;
    case 'answer':
      break;
    case 'cut':
      if (exchange.run?.takeBreak()) return;
      facts.proxyError = recovery.rule.proxyError;
      exchange.finish('upstream-broke');
      return;
    default:
      never(recovery, 'recoverFrom');
  }
  if (retryAfterFailure(exchange, plan, failure)) return;
  if (exchange.tap !== null) exchange.tap.onFailure(failure.kind);
  if (exchange.run?.takeFailure(failure)) return;
  if (fallBackFromFailure(exchange, plan, failure)) return;
  exchange.answer(answerForRule(failure.kind, ruleOf(failure), Math.ceil((plan.cluster?.untilReadyMs() ?? 0) / 1000)));
}
