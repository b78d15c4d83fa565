import type { RetryCondition } from '../config/retry-types.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { fieldValue } from '../http/fields.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import { startTry } from './attempts.ts';
import type { Exchange } from './exchange.ts';
import type { RoutePlan } from './plan.ts';
import type { RetryReason } from './recover.ts';
import {
  backoffMs,
  conditionOf,
  type GivenUp,
  givenUpText,
  maxRetryAfterMs,
  objectionTo,
  type RetryFacts,
  type RetryPlan,
  retryAfterMs,
} from './retry-plan.ts';

/** Retries by policy: what failed, or was answered with a status that is not taken, is asked of another endpoint. */

/** The condition of the policy that such a failure meets; `undefined`: the policy says nothing of it, or there is none. */
export function coveredCondition({ resilience }: RoutePlan, { kind }: UpstreamFailure): RetryCondition | undefined {
  const condition = conditionOf(kind);
  return condition !== undefined && resilience?.retry?.config.conditions.includes(condition) === true ? condition : undefined;
}

/** The last try has failed. True: there will be another one. */
export function retryAfterFailure(exchange: Exchange, plan: RoutePlan, failure: UpstreamFailure): boolean {
  const retry = plan.resilience?.retry ?? null;
  const condition = coveredCondition(plan, failure);
  if (retry === null || condition === undefined) return false;
  // What the origin sent before it broke off may be all that it does: such a request is as good as answered.
  if (failure.stage === 'body') return false;
  const isUnsent = failure.stage === 'queued';
  const objection = objectionTo(retry, factsOf(exchange, isUnsent));
  if (objection !== undefined) return giveUp(exchange, plan, objection);
  return goAgain(exchange, plan, { reason: condition, waitMs: backoffOf(exchange, retry), isUnsent });
}

/** The head of an answer has come. True: it is not taken, and there will be another try. */
export function retryAfterAnswer(exchange: Exchange, plan: RoutePlan, head: ResponseHead): boolean {
  const retry = plan.resilience?.retry ?? null;
  if (retry === null || retry.statuses[head.status] !== 1) return false;
  const objection = objectionTo(retry, factsOf(exchange, false));
  if (objection !== undefined) return passOn(exchange, plan, { head, reason: objection });
  const { config } = retry;
  const wanted = config.honoursRetryAfter ? retryAfterMs(fieldValue(head, 'retry-after'), Date.now()) : undefined;
  if (wanted !== undefined && wanted > maxRetryAfterMs(config)) return passOn(exchange, plan, { head, reason: 'retry-after' });
  const waitMs = Math.max(wanted ?? 0, backoffOf(exchange, retry));
  return goAgain(exchange, plan, { reason: 'status', waitMs, isUnsent: false });
}

function factsOf({ facts, run, canSendAgain }: Exchange, isUnsent: boolean): RetryFacts {
  return { method: facts.method, attempts: facts.attempts, isBodySpent: !canSendAgain, isUnsent, isOnce: run?.isOnce === true };
}

function backoffOf({ facts }: Exchange, { config }: RetryPlan): number {
  return backoffMs(config, facts.attempts, Math.random());
}

/** The answer is the client's after all. */
function passOn(exchange: Exchange, plan: RoutePlan, { head, reason }: { readonly head: ResponseHead; readonly reason: GivenUp }): false {
  giveUp(exchange, plan, reason);
  const { retryGivenUp } = exchange.facts;
  if (retryGivenUp !== '')
    exchange.ownLines += `Proxy-Status: ${exchange.gateway.serverName}; received-status=${head.status}; details="${givenUpText(retryGivenUp)}"\r\n`;
  return false;
}

function giveUp(exchange: Exchange, plan: RoutePlan, reason: GivenUp): false {
  plan.metrics.countRetryGivenUp(reason);
  if (reason !== 'attempts' && reason !== 'method') exchange.facts.retryGivenUp = reason;
  return false;
}

type Again = { readonly reason: RetryReason; readonly waitMs: number; readonly isUnsent: boolean };

/** What never reached the upstream has cost it nothing, so asking somebody else is no extra load: else one dead endpoint of three would use all of it up. */
function goAgain(exchange: Exchange, plan: RoutePlan, { reason, waitMs, isUnsent }: Again): boolean {
  if (!isUnsent && plan.cluster?.takeExtra('retry') !== true) return giveUp(exchange, plan, 'allowance');
  plan.metrics.countRetry(reason);
  exchange.current.forgo();
  exchange.state = 'deciding';
  // What comes of the body now belongs to the next connection.
  exchange.port?.pauseBody();
  exchange.current.after(waitMs, () => startTry(exchange, plan, 'retry'));
  return true;
}
