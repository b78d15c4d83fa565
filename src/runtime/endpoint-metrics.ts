import type { UpstreamConfig } from '../config/types.ts';
import { DISCOVERED } from '../observe/labels.ts';
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
  const counts = { healthy: 0, unhealthy: 0, ejected: 0 };
  const [unhealthy, ejected] = [new Set<string>(), new Set<string>()];
  for (const { url, slot } of endpoints()) {
    const state = Atomics.load(memory.words, memory.wordAt(slot, WORD.STATE));
    const isHealthy = (state & STATE_FLAG.UNHEALTHY) === 0;
    const isEjected = (state & STATE_FLAG.EJECTED) !== 0;
    counts[!isHealthy ? 'unhealthy' : isEjected ? 'ejected' : 'healthy'] += 1;
    if (!isHealthy) unhealthy.add(endpointLabel(config, url));
    if (isEjected) ejected.add(endpointLabel(config, url));
  }
  for (const endpoint of endpointLabels(config)) {
    writer.set(writer.slot('sluice_upstream_endpoint_healthy', { upstream, endpoint }), unhealthy.has(endpoint) ? 0 : 1);
    writer.set(writer.slot('sluice_upstream_endpoint_ejected', { upstream, endpoint }), ejected.has(endpoint) ? 1 : 0);
  }
  for (const [state, count] of Object.entries(counts)) writer.set(writer.slot('sluice_upstream_endpoints', { upstream, state }), count);
}

function endpointLabels({ endpoints, discovery }: UpstreamConfig): readonly string[] {
  const urls = endpoints.map(({ url }) => url);
  return discovery === undefined ? urls : [...urls, DISCOVERED];
}

/** Only endpoints of the configuration have series of their own: discovered ones come and go, and series stay. */
export function endpointLabel({ endpoints }: UpstreamConfig, which: string): string {
  return endpoints.some(({ url }) => url === which) ? which : DISCOVERED;
}
