import { clientAddressOf } from './client-address.ts';
import { buildClientBlock, isReusableBlock } from '../http/client-head.ts';
import { buildUpstreamHead, type ForwardPolicy } from '../http/forward.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { Target } from '../upstream/target.ts';
import type { AnswerFraming } from './client-port.ts';
import type { Exchange } from './exchange.ts';
import type { RoutePlan } from './plan.ts';

/** The head of an answer, ready for the client. */
export type AnswerToSend = {
  readonly status: number;
  /** `200 OK` */
  readonly statusText: string;
  readonly block: string;
  readonly framing: AnswerFraming;
  /** See `ClientPort.writeHead`. */
  readonly lengthWhenNone: number;
};

/** The head for the upstream, from what the exchange has come to know. */
export function upstreamHead(exchange: Exchange, endpoint: Target | null): string {
  const built = builtHead(exchange, endpoint);
  return exchange.run === null ? built : exchange.run.adaptHead(built);
}

function builtHead(exchange: Exchange, endpoint: Target | null): string {
  const { plan, port, head } = exchange;
  if (plan === null || port === null || endpoint === null) return '';
  const { target } = exchange.facts;
  const { authority } = endpoint;
  if (head.builtBy === plan.forward && head.builtTarget === target && head.builtAuthority === authority) return head.built;
  readForwardFacts(exchange, target, authority);
  exchange.forwardFacts.forwardExpect = head.expectsContinue && port.canInform;
  head.builtBy = plan.forward;
  head.builtTarget = target;
  head.builtAuthority = authority;
  head.built = buildUpstreamHead(head, plan.forward, exchange.forwardFacts);
  return head.built;
}

/** The same request as it would go elsewhere: for copies of it. */
export function headFor(
  exchange: Exchange,
  to: { readonly policy: ForwardPolicy; readonly target: string; readonly authority: string },
): string {
  readForwardFacts(exchange, to.target, to.authority);
  exchange.forwardFacts.forwardExpect = false;
  const built = buildUpstreamHead(exchange.head, to.policy, exchange.forwardFacts);
  return exchange.run === null ? built : exchange.run.adaptHead(built);
}

function readForwardFacts(exchange: Exchange, target: string, authority: string): void {
  const { port, listener, head, forwardFacts: facts } = exchange;
  if (port === null || listener === null) return;
  facts.target = target;
  facts.upstreamAuthority = authority;
  facts.peerAddress = port.remoteAddress;
  facts.isTrustedPeer = listener.isTrusted(port.remoteAddress);
  facts.clientAddress = clientAddressOf(exchange);
  facts.proto = listener.proto;
  facts.listenerPort = port.localPort;
  facts.framing = head.isChunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
  facts.contentLength = head.contentLength;
}

/** The field lines of the upstream's answer as the client may see them. */
export function clientBlock(exchange: Exchange, plan: RoutePlan, head: ResponseHead): string {
  if (head.builtBy === plan.response) return head.built;
  const { gateway, upstream, clientFacts: facts } = exchange;
  facts.date = gateway.dateText();
  facts.upstreamAuthority = upstream === null ? '' : upstream.authority;
  facts.clientOrigin = plan.response.rewritesRedirects ? `${exchange.listener?.proto ?? 'http'}://${exchange.head.authority}` : '';
  const block = buildClientBlock(head, plan.response, facts);
  if (isReusableBlock(head, plan.response) && !plan.serverTiming) {
    head.builtBy = plan.response;
    head.built = block;
  }
  return plan.serverTiming ? `${block}Server-Timing: ${serverTiming(exchange)}\r\n` : block;
}

/** The wait for a connection and for the upstream's head, in ms (Server-Timing, W3C). */
function serverTiming(exchange: Exchange): string {
  const connectMs = exchange.facts.connectedMs - exchange.facts.askedMs;
  const responseMs = exchange.gateway.clock.nowMs - exchange.facts.connectedMs;
  return `connect;dur=${connectMs.toFixed(1)}, upstream;dur=${responseMs.toFixed(1)}`;
}

const NO_BODY: AnswerFraming = { kind: 'none' };
const UNKNOWN_LENGTH: AnswerFraming = { kind: 'unknown' };

/** How an answer's body is delimited; `bodyLength` -1 = not known. HEAD, 204 and 304 have none whatever the origin says (RFC 9112 section 6.3). */
export function answerFraming(method: string, status: number, bodyLength: number): AnswerFraming {
  if (method === 'HEAD' || status === 204 || status === 304) return NO_BODY;
  return bodyLength < 0 ? UNKNOWN_LENGTH : { kind: 'length', bytes: bodyLength };
}
