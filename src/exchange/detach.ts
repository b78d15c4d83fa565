import type { StoredAnswer } from '../cache/answer.ts';
import { removeFromBlock } from '../http/fields.ts';
import { DetachedPort } from './detached-port.ts';
import type { Exchange } from './exchange.ts';
import type { Outcome } from './finish.ts';
import { answerFraming } from './messages.ts';
import { withOwnLines } from './send-own.ts';

/** Goes on without the client, for the cache and those who wait for it. `outcome`: how it ended for the client. */
export function detach(exchange: Exchange, outcome: Outcome): void {
  const { port, listener, facts, connection } = exchange;
  if (port === null || listener === null) return;
  exchange.clientOutcome = outcome;
  // Who leaves has it still under way for him: else he could have any number, and not wait for one.
  if (outcome === 'complete') exchange.limitHold?.release();
  // One that fell behind reads the fill no more.
  exchange.storedBody?.stop();
  exchange.storedBody = null;
  // The head is the client connection's, which may overwrite it.
  facts.keepHead(listener.config.limits);
  exchange.run?.takeLeave(facts.head);
  exchange.port = new DetachedPort(exchange, port);
  connection?.resume();
}

/** The client learns at once that what it has is right; the body, which it does not want, goes on into the cache. */
export function answerCondition(exchange: Exchange, { statusText, dropped, lines }: StoredAnswer, block: string): void {
  const { port, facts } = exchange;
  const kept = dropped.reduce((rest, name) => removeFromBlock(rest, name), block);
  facts.status = Number.parseInt(statusText, 10);
  exchange.state = 'answering';
  port?.writeHead(statusText, withOwnLines(`${kept}${lines}`, exchange.ownLines), answerFraming(facts.method, facts.status, 0), -1);
  detach(exchange, 'complete');
  port?.finish();
}
