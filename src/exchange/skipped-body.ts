import type { CacheRun } from './cache-run.ts';

/**
 * The rest of a short error is read before what is served in its place, so that its connection can go on. Where it does not come the
 * connection is worth less than the client's time. `giveUp`: goes on without it.
 */
export function limitSkipping(run: CacheRun, giveUp: () => void): void {
  const { exchange, fate } = run;
  const { gateway } = exchange;
  const wait = {
    deadlineMs: gateway.clock.nowMs + gateway.skippedBodyMs,
    onTimeout: (): void => {
      gateway.waits.delete(wait);
      if (exchange.run === run && run.fate === fate) gateway.guard(exchange, giveUp);
    },
  };
  gateway.waits.add(wait);
}
