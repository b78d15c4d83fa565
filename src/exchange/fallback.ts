import type { FallbackCondition } from '../config/retry-types.ts';
import { IDEMPOTENT_METHODS } from '../http/methods.ts';
import { withoutParameters } from '../http/query-parameters.ts';
import type { FailureKind, UpstreamFailure } from '../upstream/failure.ts';
import { startTry } from './attempts.ts';
import type { Exchange } from './exchange.ts';
import { ruleOf } from './failures.ts';
import type { RoutePlan } from './plan.ts';
import type { FallbackPlan } from './resilience-plan.ts';
import { conditionOf } from './retry-plan.ts';

/** What the client gets in place of a failure of the upstream: a fixed answer, or another upstream's. Marked in Proxy-Status (RFC 9209). */

const CONDITIONS: Partial<Readonly<Record<FailureKind, FallbackCondition>>> = {
  open: 'open',
  'no-endpoint': 'no-endpoint',
  overloaded: 'overloaded',
  'pool-full': 'overloaded',
  'pool-timeout': 'overloaded',
  'idle-timeout': 'timeout',
  'too-slow': 'timeout',
};

/** Nothing more is tried. True: the client has an answer, or will have one. */
export function fallBackFromFailure(exchange: Exchange, plan: RoutePlan, failure: UpstreamFailure): boolean {
  const fallback = plan.resilience?.fallback ?? null;
  if (fallback === null) return false;
  const { kind, stage } = failure;
  const { status, proxyError } = ruleOf(failure);
  const condition = CONDITIONS[kind] ?? conditionOf(kind);
  const isMeant = fallback.statuses[status] === 1 || (condition !== undefined && fallback.config.conditions.includes(condition));
  return isMeant && fallBack(exchange, plan, { fallback, why: `error=${proxyError}`, isUnsent: stage === 'queued' });
}

/** The head of an answer has come that would be the client's. True: it gets another one. */
export function fallBackFromAnswer(exchange: Exchange, plan: RoutePlan, status: number): boolean {
  const fallback = plan.resilience?.fallback ?? null;
  if (fallback === null || fallback.statuses[status] !== 1) return false;
  return fallBack(exchange, plan, { fallback, why: `received-status=${status}`, isUnsent: false });
}

/** The deadline of the whole exchange has passed, so nobody else can be asked. */
export function fallBackFromDeadline(exchange: Exchange, plan: RoutePlan): boolean {
  const fallback = plan.resilience?.fallback ?? null;
  if (fallback === null || fallback.respond === null) return false;
  if (fallback.statuses[504] !== 1 && !fallback.config.conditions.includes('timeout')) return false;
  return fallBack(exchange, plan, { fallback, why: 'error=http_response_timeout', isUnsent: false });
}

/** `isUnsent`: nothing of the request has left. */
type Cause = { readonly fallback: FallbackPlan; readonly why: string; readonly isUnsent: boolean };

function fallBack(exchange: Exchange, plan: RoutePlan, { fallback, why, isUnsent }: Cause): boolean {
  const { respond, other } = fallback;
  // Nobody is there for it, and nothing of it is kept.
  if (exchange.refreshOf !== null || exchange.clientOutcome !== null) return false;
  if (other !== null && !canAskElsewhere(exchange, plan, isUnsent)) return false;
  exchange.current.forgo();
  exchange.ownLines += `Proxy-Status: ${exchange.gateway.serverName}; ${why}; details="fallback"\r\n`;
  plan.metrics.countFallback(other === null ? 'respond' : 'upstream');
  if (respond !== null) {
    exchange.sendOwn(respond);
  } else if (other !== null) {
    const { facts, gateway } = exchange;
    // Keys in the query that the route's own upstream may know.
    if (!other.forwardsCredentials) facts.target = withoutParameters(facts.target, gateway.secretParameters);
    // Of an answer that nobody gets.
    facts.headMs = 0;
    // What the other one says is not the answer to what the cache has asked.
    exchange.run?.close();
    exchange.run = null;
    exchange.plan = other;
    exchange.port?.pauseBody();
    startTry(exchange, other, 'first');
  }
  return true;
}

/** Another upstream would be sent what is no longer here, or what must not be sent twice (RFC 9110 section 9.2.2), unless the policy of retries says that it may. */
function canAskElsewhere({ canSendAgain, facts, run }: Exchange, { resilience }: RoutePlan, isUnsent: boolean): boolean {
  if (!canSendAgain || run?.isOnce === true) return false;
  return isUnsent || IDEMPOTENT_METHODS.has(facts.method) || resilience?.retry?.methods.has(facts.method) === true;
}
