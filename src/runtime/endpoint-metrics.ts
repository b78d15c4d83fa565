import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { STATE_FLAG, WORD } from '../upstream/endpoint-memory.ts';
import type { DrivenUpstream, UpstreamDriver } from './upstream-driver.ts';

/** What is thought of the endpoints, for a scrape; where anybody checks or judges them. */
export function driveEndpointMetrics(upstream: DrivenUpstream): UpstreamDriver | undefined {
  if (upstream.config.health === undefined) return undefined;
  return { tick: () => {}, stop: () => {}, writeMetrics: (writer) => writeStates(upstream, writer) };
}

function writeStates({ config, memory, endpoints }: DrivenUpstream, writer: MetricsWriter): void {
  const upstream = config.name;
  const configured = new Set(config.endpoints.map(({ url }) => url));
  const counts = { healthy: 0, unhealthy: 0, ejected: 0 };
  for (const { url, slot } of endpoints()) {
    const state = Atomics.load(memory.words, memory.wordAt(slot, WORD.STATE));
    const isHealthy = (state & STATE_FLAG.UNHEALTHY) === 0;
    const isEjected = (state & STATE_FLAG.EJECTED) !== 0;
    counts[!isHealthy ? 'unhealthy' : isEjected ? 'ejected' : 'healthy'] += 1;
    // Only those of the configuration have series of their own: discovered ones come and go, and series stay.
    if (!configured.has(url)) continue;
    writer.set(writer.slot('sluice_upstream_endpoint_healthy', { upstream, endpoint: url }), isHealthy ? 1 : 0);
    writer.set(writer.slot('sluice_upstream_endpoint_ejected', { upstream, endpoint: url }), isEjected ? 1 : 0);
  }
  for (const [state, count] of Object.entries(counts)) writer.set(writer.slot('sluice_upstream_endpoints', { upstream, state }), count);
}
