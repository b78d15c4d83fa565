import { clientAddressOf } from './client-address.ts';
import { fieldValue } from '../http/fields.ts';
import { withoutParameters } from '../http/query-parameters.ts';
import type { AccessLog } from '../observe/access-log.ts';
import type { AccessOutcome, AccessRecord } from '../observe/access-record.ts';
import { detach } from '../base/detach.ts';
import type { Exchange } from './exchange.ts';

/**
 * How an exchange ended. `complete`: the client has a whole answer, whoever made it. Everything else: the connection is cut,
 * or is gone already.
 */
export type Outcome = 'complete' | 'client-gone' | 'client-stalled' | 'client-fault' | 'upstream-broke' | 'deadline' | 'exception';

/** Accounts for an exchange that has ended, whatever happened. Called once, by `Exchange.finish`. */
export function finishExchange(exchange: Exchange, outcome: Outcome): void {
  // Nobody has asked for it.
  if (exchange.refreshOf !== null) return;
  try {
    account(exchange, outcome);
  } catch (error) {
    // The client has its answer: it does not pay for our books.
    exchange.gateway.reportError('accounting for a request', error);
  }
}

function account(exchange: Exchange, outcome: Outcome): void {
  const { gateway, plan } = exchange;
  const endMs = gateway.clock.nowMs;
  const metrics = plan === null ? gateway.unroutedMetrics : plan.metrics;
  metrics.countDone(exchange.facts.status, endMs - exchange.facts.startMs);
  if (exchange.facts.headMs !== 0) metrics.countResponse(exchange.facts.headMs - exchange.facts.connectedMs);
  if (outcome === 'client-gone') metrics.countAbort();
  else if (outcome !== 'complete') metrics.countCut();
  const log = gateway.accessLog;
  if (log !== undefined) writeRecord(exchange, log, outcome);
  const { filters } = exchange;
  if (filters !== null) {
    const summary = { status: exchange.facts.status, outcome, totalMs: endMs - exchange.facts.startMs };
    detach(filters.finish(summary), 'filter finish', gateway.reportError);
  }
}

function writeRecord(exchange: Exchange, log: AccessLog, outcome: Outcome): void {
  const record = exchange.gateway.accessRecord;
  record.reset();
  describeRequest(exchange, record);
  describeTimes(exchange, record);
  record.status = exchange.facts.status;
  record.bytesReceived = exchange.facts.bytesReceived;
  record.bytesSent = exchange.facts.bytesSent;
  record.retries = Math.max(0, exchange.facts.attempts - 1);
  record.outcome = outcomeOf(exchange, outcome);
  record.proxyError = exchange.facts.proxyError;
  record.retryGivenUp = exchange.facts.retryGivenUp;
  log.write(record);
}

function describeRequest(exchange: Exchange, record: AccessRecord): void {
  const { plan, upstream, port, head, listener } = exchange;
  record.requestId = exchange.idOf();
  record.listener = listener?.config.name ?? '';
  record.route = plan?.name ?? '';
  record.upstream = plan?.upstreamName ?? '';
  record.endpoint = upstream?.endpoint.url ?? '';
  record.peerAddress = port?.remoteAddress ?? '';
  if (!exchange.facts.isHeadVetted) return;
  record.method = head.method;
  const secrets = exchange.gateway.secretParameters;
  record.target = secrets.length === 0 ? head.target : withoutParameters(head.target, secrets);
  record.host = head.authority;
  record.protocol = head.minor === 0 ? 'HTTP/1.0' : 'HTTP/1.1';
  record.clientAddress = clientAddressOf(exchange);
  record.userAgent = fieldValue(head, 'user-agent') ?? '';
  const referer = fieldValue(head, 'referer') ?? '';
  record.referer = secrets.length === 0 ? referer : withoutParameters(referer, secrets);
}

function describeTimes(exchange: Exchange, record: AccessRecord): void {
  const { startMs, askedMs, connectedMs, headMs, waitMs } = exchange.facts;
  const endMs = exchange.gateway.clock.nowMs;
  record.timeMs = Date.now();
  record.totalMs = endMs - startMs;
  record.waitMs = waitMs;
  if (askedMs !== 0) record.routeMs = Math.max(0, askedMs - startMs - Math.max(0, waitMs));
  if (connectedMs !== 0) record.connectMs = connectedMs - askedMs;
  if (headMs === 0) return;
  record.responseMs = headMs - connectedMs;
  record.bodyMs = endMs - headMs;
}

function outcomeOf(exchange: Exchange, outcome: Outcome): AccessOutcome {
  if (outcome === 'client-gone') return 'aborted';
  if (outcome !== 'complete') return 'cut';
  if (exchange.facts.isRefused || exchange.plan === null) return 'refused';
  if (exchange.facts.attempts === 0 && exchange.run === null) return 'answered';
  return exchange.facts.proxyError === '' ? 'answered' : 'failed';
}
