import { type OwnAnswer, type RenderedAnswer, renderAnswer } from './answers.ts';
import { removeFromBlock } from '../http/fields.ts';
import { lineBeside } from './cache-words.ts';
import type { Exchange } from './exchange.ts';
import { givenUpText } from './retry-plan.ts';
import { answerFraming } from './messages.ts';

/** An answer of Sluice's own, in the form that the client wants. */
export function answerOwn(exchange: Exchange, answer: OwnAnswer): void {
  const { facts, gateway } = exchange;
  facts.proxyError = answer.proxyError;
  const accept = facts.isHeadVetted ? facts.field('accept') : undefined;
  const request = { accept, requestId: exchange.idOf(), serverName: gateway.serverName };
  const { retryGivenUp } = facts;
  exchange.sendOwn(renderAnswer(answer, retryGivenUp === '' ? request : { ...request, details: givenUpText(retryGivenUp) }));
}

/** A whole answer that nobody upstream has given; the exchange ends with it. */
export function sendRendered(exchange: Exchange, rendered: RenderedAnswer): void {
  const { port, gateway, facts, run, ownLines } = exchange;
  if (port === null) return;
  const block = rendered.block + (run === null ? lineBeside(exchange, 'bare') : run.addedLines());
  exchange.state = 'answering';
  facts.status = Number.parseInt(rendered.status, 10);
  const { length } = rendered.body;
  const framing = answerFraming(facts.method, facts.status, length);
  const lengthWhenNone = facts.status === 204 || facts.status === 304 ? -1 : length;
  port.writeHead(rendered.status, `${withOwnLines(block, ownLines)}Date: ${gateway.dateText()}\r\n`, framing, lengthWhenNone);
  if (framing.kind !== 'none') {
    facts.bytesSent += length;
    port.writeBody(rendered.body);
  }
  exchange.complete();
}

const LEGACY_FIELDS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'];

/** Field lines with those of the limits. Of X-RateLimit fields there can be one only (of RateLimit any number: it is a list), so those of the origin go. */
export function withOwnLines(block: string, ownLines: string): string {
  if (!ownLines.includes('X-RateLimit-')) return block + ownLines;
  return LEGACY_FIELDS.reduce((rest, name) => removeFromBlock(rest, name), block) + ownLines;
}
