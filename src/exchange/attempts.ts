import { IDEMPOTENT_METHODS } from '../http/methods.ts';
import type { Shedding, SheddingPlan } from './admission.ts';
import { knownMemo } from './limit-memo.ts';
import { never } from '../base/never.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { RequestBody, UpstreamConnection } from '../upstream/sink.ts';
import { balanceKeyOf } from './balance-key.ts';
import type { Exchange } from './exchange.ts';
import { startUpstreamFilters } from './filter-steps.ts';
import { upstreamHead } from './messages.ts';
import { answerForRule } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { recover } from './recover.ts';

/** The way of a request to its upstream: which endpoint, which connection, and what follows when that fails. */

/** Methods that may wait in a pipeline: safe, and no origin acts on them twice (RFC 9112 section 9.3.2). */
const PIPELINABLE = new Set(['GET', 'HEAD']);

export function startAttempt(exchange: Exchange, plan: RoutePlan, isRetry: boolean): void {
  const { cluster } = plan;
  if (cluster === null) return;
  const { facts, gateway } = exchange;
  if (facts.attempts++ === 0) facts.askedMs = gateway.clock.nowMs;
  exchange.state = 'connecting';
  const { current } = exchange;
  const key = plan.balanceKey === null ? 0 : balanceKeyOf(exchange, plan.balanceKey);
  const held = plan.sticky === null ? null : plan.sticky.heldBy(exchange);
  const target = cluster.choose(key, isRetry ? current.target : null, held);
  if (target === null) {
    current.refuse('no-endpoint');
    return;
  }
  current.begin(target, isRetry ? 'retry' : 'first');
  if (plan.shedding !== null && !current.admission.enter(sheddingOf(exchange, plan, plan.shedding), gateway.clock.nowMs, isRetry))
    current.refuse('overloaded');
  else if (plan.filters !== null) startUpstreamFilters(exchange, plan, isRetry);
  else requestConnection(exchange, isRetry);
}

/** The tier of who asks goes before the route. */
function sheddingOf({ head }: Exchange, { limits }: RoutePlan, { usual, byPriority }: SheddingPlan): Shedding {
  const priority = limits === null ? undefined : knownMemo(head, limits)?.priority;
  return priority === undefined ? usual : byPriority[priority];
}

export function requestConnection({ facts, current }: Exchange, isRetry: boolean): void {
  current.ask(isRetry, facts.isRequestWhole && PIPELINABLE.has(facts.method));
}

export function sendRequest(exchange: Exchange, connection: UpstreamConnection): void {
  const { head, facts, gateway, port } = exchange;
  exchange.state = 'sent';
  facts.connectedMs = connection.isReused ? gateway.clock.nowMs : gateway.clock.refresh();
  const body: RequestBody = head.isChunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
  connection.send(exchange.filteredHead === '' ? upstreamHead(exchange) : exchange.filteredHead, body, facts.method === 'HEAD');
  if (head.expectsContinue && port?.canInform === true) connection.expectContinue();
  for (const chunk of exchange.collector?.chunks ?? []) connection.writeBody(chunk);
  if (!facts.isRequestWhole) port?.resumeBody();
  else if (body !== 'none') connection.endBody();
}

export function recoverFrom(exchange: Exchange, plan: RoutePlan, failure: UpstreamFailure): void {
  const { facts } = exchange;
  plan.metrics.countFailure(failure.kind);
  const recovery = recover(failure, {
    isAnswered: exchange.isAnswered,
    isIdempotent: IDEMPOTENT_METHODS.has(facts.method) && exchange.run?.isOnce !== true,
    isBodySpent: facts.isBodySpent,
    attempts: facts.attempts,
  });
  switch (recovery.kind) {
    case 'retry':
      plan.metrics.countRetry(recovery.reason);
      // What comes of the body now belongs to the next connection.
      exchange.port?.pauseBody();
      startAttempt(exchange, plan, true);
      return;
    case 'answer':
      if (exchange.run?.takeFailure(failure)) return;
      exchange.answer(answerForRule(failure.kind, recovery.rule));
      return;
    case 'cut':
      if (exchange.run?.takeBreak()) return;
      facts.proxyError = recovery.rule.proxyError;
      exchange.finish('upstream-broke');
      return;
    default:
      never(recovery, 'recoverFrom');
  }
}
