import type { FillingObject } from '../shm/filling-object.ts';
import type { Exchange } from './exchange.ts';
import { releaseHeldBody } from './filter-steps.ts';
import { FollowedBody } from './followed-body.ts';

/** A client that reads the fill of its own request at its own pace, so that others who read it need not wait for it. */
export type FeedingRun = {
  readonly exchange: Exchange;
  isClientBehind: boolean;
};

export function readBehind(run: FeedingRun, filling: FillingObject): void {
  const { exchange } = run;
  exchange.storedBody?.stop();
  const body = new FollowedBody(exchange, filling, { sent: exchange.facts.bytesSent, onBroken: () => relayRest(run) });
  exchange.storedBody = body;
  run.isClientBehind = true;
  body.pump();
}

/** The fill has been given up. What the client has not read yet stays readable as long as it is pinned; the rest waits for its turn behind it. */
export function holdRest({ exchange }: FeedingRun): void {
  exchange.held = [];
  exchange.connection?.pause();
}

/** The client has read all that its fill had before that was given up: the rest goes to it directly. */
function relayRest(run: FeedingRun): void {
  const { exchange } = run;
  if (exchange.held === null) {
    exchange.finish('upstream-broke');
    return;
  }
  run.isClientBehind = false;
  exchange.storedBody?.stop();
  exchange.storedBody = null;
  releaseHeldBody(exchange);
}
