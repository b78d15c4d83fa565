import { HedgeTimes } from '../upstream/hedge-times.ts';
import type { MakeDriver } from './upstream-driver.ts';

/** Tells the workers when a hedge may begin, where that is a percentile. */
export const makeHedgeDriver: MakeDriver = ({ config, memory, serviceSlot, endpoints }) => {
  const after = config.hedge?.after;
  if (after?.kind !== 'quantile') return undefined;
  const times = new HedgeTimes(memory, serviceSlot, after.quantile);
  return {
    tick: (nowMs) =>
      times.tick(
        nowMs,
        endpoints().map(({ slot }) => slot),
      ),
    writeMetrics: (writer) => writer.set(writer.slot('sluice_upstream_hedge_delay_seconds', { upstream: config.name }), times.delayMs),
    snapshot: () => ({ upstream: { hedgeAfterMs: Math.round(times.delayMs * 100) / 100 } }),
    stop: () => times.end(),
  };
};
