import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';

/** What a pool and its connections must know of their endpoint and its upstream. Made once at load. */
export type ConnectionPlan = {
  /** The endpoint's; not to be mixed up with the upstream's `host`, which is a policy. */
  readonly host: string;
  readonly port: number;
} & Pick<UpstreamConfig, 'pool' | 'timeouts' | 'minRateBytesPerSec' | 'minRateAfterMs' | 'maxHeadBytes' | 'maxFields'>;

export function connectionPlan(upstream: UpstreamConfig, endpoint: EndpointConfig): ConnectionPlan {
  const { pool, timeouts, minRateBytesPerSec, minRateAfterMs, maxHeadBytes, maxFields } = upstream;
  const { host, port } = endpoint;
  return Object.freeze({ host, port, pool, timeouts, minRateBytesPerSec, minRateAfterMs, maxHeadBytes, maxFields });
}
