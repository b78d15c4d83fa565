import type { Clock } from '../base/clock.ts';
import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';
import { authorityText } from './authority.ts';
import type { HostLimits } from './host-limits.ts';
import type { EndpointWatch } from './endpoint-watch.ts';
import { connectionPlan } from './plan.ts';
import { Pool } from './pool.ts';

/** One endpoint of a cluster, with this worker's connections to it. */
export type Target = {
  readonly endpoint: EndpointConfig;
  /** What stands in `Host` for it: host[:port], without a port that is http's own. */
  readonly authority: string;
  readonly pool: Pool;
  /** Tells all threads what becomes of its requests; `null` where nobody wants to know. */
  readonly watch: EndpointWatch | null;
};

export function makeTarget(
  config: UpstreamConfig,
  endpoint: EndpointConfig,
  { clock, watch, limits }: { clock: Clock; watch: EndpointWatch | null; limits: HostLimits | null },
): Target {
  return { endpoint, authority: authorityText(endpoint), pool: new Pool(connectionPlan(config, endpoint), clock, limits), watch };
}
