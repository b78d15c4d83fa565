import { proceed } from './deciding.ts';
import { clientAddressOf } from './client-address.ts';
import { parseRequestHead } from '../http/request-head.ts';
import { statusText } from '../http/status.ts';
import { parseVary } from '../http/vary.ts';
import type { RenderedAnswer } from './answers.ts';
import { requestConnection } from './attempts.ts';
import type { Exchange } from './exchange.ts';
import { FieldList } from './field-list.ts';
import { FilterRun, type PhaseResult, splitHead } from './filter-run.ts';
import type { FilterAnswer, FilterContext, FilterResponse } from './filters.ts';
import { type AnswerToSend, answerFraming, upstreamHead } from './messages.ts';
import { FILTER_FAILED } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';

/**
 * The phases of an exchange whose route has filters. Each starts a promise and goes on when it settles, unless the exchange
 * has ended meanwhile. A route without filters never comes here.
 */

/** The head of an answer that waits for its filters. */
export type HeldHead = Omit<AnswerToSend, 'statusText'>;

const TARGET = /^\/[\x21-\x7e]*$/;

export function startRequestFilters(exchange: Exchange, plan: RoutePlan): void {
  const { head, gateway } = exchange;
  const run = new FilterRun(plan.filters ?? [], contextOf(exchange, plan), (fault) => gateway.reportFilterFault(plan, fault));
  run.received = head.text;
  exchange.filters = run;
  const { firstLine, fields } = splitHead(head.text);
  const facts = {
    method: head.method,
    target: exchange.facts.target,
    host: exchange.facts.host,
    captures: exchange.facts.captures,
    headers: fields,
  };
  goOn(exchange, run.request(facts), () => {
    run.hasWritten = facts.headers.isWritten;
    if (facts.headers.isChanged && !reparse(exchange, `${firstLine}\r\n${facts.headers.toBlock()}\r\n`)) return;
    if (!TARGET.test(facts.target)) throw new TypeError(`filter: ${JSON.stringify(facts.target)} is not a path and query`);
    if (facts.target !== exchange.facts.target) exchange.facts.filteredTarget = facts.target;
    exchange.facts.target = facts.target;
    proceed(exchange, plan);
  });
}

export function startUpstreamFilters(exchange: Exchange, plan: RoutePlan, isRetry: boolean): void {
  const { filters, upstream } = exchange;
  if (filters === null || upstream === null) return;
  const { firstLine, fields } = splitHead(upstreamHead(exchange, upstream));
  const facts = { upstream: plan.upstreamName, attempt: exchange.facts.attempts, headers: fields };
  exchange.state = 'deciding';
  goOn(exchange, filters.upstreamRequest(facts), () => {
    exchange.filteredHead = `${firstLine}\r\n${fields.toBlock()}\r\n`;
    exchange.state = 'connecting';
    requestConnection(exchange, isRetry);
  });
}

/** Whether an answer with this Vary may be another one for a request of which the filters tell the upstream something else. */
export function variesByFilters(exchange: Exchange, vary: string | undefined): boolean {
  if (exchange.filteredHead === '' || vary === undefined) return false;
  const told = splitHead(exchange.filteredHead).fields;
  const own = splitHead(upstreamHead(exchange, exchange.upstream)).fields;
  return parseVary(vary).some((name) => told.has(name) && told.get(name) !== own.get(name));
}

export function startResponseFilters(exchange: Exchange, held: HeldHead): void {
  const { filters } = exchange;
  if (filters === null) return;
  const headers = new FieldList(held.block);
  const view: FilterResponse = Object.assign({ status: held.status, headers }, filters.sharedContext);
  exchange.held = [];
  exchange.connection?.pause();
  goOn(exchange, filters.response(view), () => {
    if (!Number.isInteger(view.status) || view.status < 200 || view.status > 599)
      throw new TypeError(`filter: ${view.status} is no status of a final answer`);
    releaseHeld(exchange, { ...reframed(exchange.facts.method, held, view.status), block: headers.toBlock() });
  });
}

/** With another status the body may have to go, or an answer that had none is one of length 0 (RFC 9112 section 6.3). */
function reframed(method: string, held: HeldHead, status: number): HeldHead {
  if (status === held.status) return held;
  const bodyLength = held.framing.kind === 'length' ? held.framing.bytes : held.framing.kind === 'none' ? 0 : -1;
  const isBodiless = status === 204 || status === 304;
  const lengthWhenNone = method === 'HEAD' && !isBodiless ? held.lengthWhenNone : -1;
  return { ...held, status, framing: answerFraming(method, status, bodyLength), lengthWhenNone };
}

/** The filters have let the head go: it, and what came of the body meanwhile. */
function releaseHeld(exchange: Exchange, head: HeldHead): void {
  const { port, facts } = exchange;
  if (port === null) return;
  facts.status = head.status;
  exchange.state = 'answering';
  port.writeHead(statusText(head.status), head.block, head.framing, head.lengthWhenNone);
  // A stored body that the filters' status has no place for.
  if (head.framing.kind === 'none' && exchange.storedBody !== null) exchange.complete();
  else releaseHeldBody(exchange);
}

/** What came of the body meanwhile goes to the client, and the rest follows. */
export function releaseHeldBody(exchange: Exchange): void {
  const { port, connection, held, facts } = exchange;
  if (port === null) return;
  exchange.held = null;
  for (const bytes of held ?? []) {
    facts.bytesSent += bytes.length;
    port.writeBody(bytes);
  }
  if (exchange.storedBody !== null) exchange.storedBody.pump();
  else if (exchange.isHeldWhole) exchange.complete();
  else {
    port.writeOut();
    if (!port.isFull || exchange.run?.takeFull() === true) connection?.resume();
  }
}

/** A filter answers in the upstream's place. */
function answerInstead(exchange: Exchange, rendered: RenderedAnswer): void {
  exchange.dropUpstream();
  exchange.sendOwn(rendered);
}

function contextOf(exchange: Exchange, plan: RoutePlan): FilterContext {
  return { requestId: exchange.idOf(), route: plan.name, clientAddress: clientAddressOf(exchange), state: new Map() };
}

/** Goes on after a phase. What the step itself throws (a filter set something impossible) is that filter's fault, too. */
function goOn(exchange: Exchange, phase: Promise<PhaseResult>, next: () => void): void {
  const { life, gateway } = exchange;
  phase
    .then((result) => {
      if (exchange.life !== life) return;
      gateway.clock.refresh();
      if (result.kind === 'answer') answerInstead(exchange, render(result.answer));
      else if (result.kind === 'fault') exchange.onException(FILTER_FAILED);
      else next();
    })
    .catch((error: unknown) => {
      gateway.reportError('filter', error);
      if (exchange.life === life) exchange.onException(FILTER_FAILED);
    });
}

function reparse(exchange: Exchange, text: string): boolean {
  const { head, listener } = exchange;
  if (listener === null) return false;
  const refusal = parseRequestHead(text, head, listener.config.limits);
  if (refusal !== undefined) throw new TypeError(`filter: the request head is no longer valid (${refusal})`);
  return true;
}

function render(answer: FilterAnswer): { status: string; block: string; body: Buffer } {
  if (!Number.isInteger(answer.status) || answer.status < 200 || answer.status > 599)
    throw new TypeError(`filter: ${answer.status} is no status of a final answer`);
  const fields = new FieldList('');
  for (const [name, value] of Object.entries(answer.headers ?? {})) fields.set(name, value);
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body, 'utf8') : Buffer.from(answer.body ?? '');
  return { status: statusText(answer.status), block: fields.toBlock(), body };
}
