import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { Pool } from '../upstream/pool.ts';

/** Copies what the pools count for themselves into the shared cells, at every sweep: the request path counts plain numbers. */
export class UpstreamGauges {
  private readonly metrics: MetricsWriter;
  private readonly rows: readonly PoolRow[];
  private readonly pending: readonly (readonly [Cluster, MetricSlot, MetricSlot])[];

  constructor(metrics: MetricsWriter, clusters: ReadonlyMap<string, Cluster>) {
    this.metrics = metrics;
    this.rows = [...clusters].flatMap(([upstream, cluster]) =>
      cluster.targets.map(({ endpoint, pool }) => new PoolRow(metrics, pool, { upstream, endpoint: endpoint.url })),
    );
    this.pending = [...clusters].map(([upstream, cluster]) => [
      cluster,
      metrics.slot('sluice_upstream_pending', { upstream }),
      metrics.slot('sluice_upstream_pool_overflows_total', { upstream }),
    ]);
  }

  update(): void {
    for (const row of this.rows) row.update();
    for (const [cluster, pending, overflows] of this.pending) {
      const totals = cluster.totals();
      this.metrics.set(pending, totals.pendingRequests);
      this.metrics.set(overflows, totals.pendingOverflowTotal);
    }
  }
}

class PoolRow {
  private readonly metrics: MetricsWriter;
  private readonly pool: Pool;
  private readonly slots: Readonly<
    Record<'requests' | 'connects' | 'connectFailures' | 'reused' | 'stale' | 'idle' | 'active', MetricSlot>
  >;

  constructor(metrics: MetricsWriter, pool: Pool, labels: { readonly upstream: string; readonly endpoint: string }) {
    this.metrics = metrics;
    this.pool = pool;
    this.slots = {
      requests: metrics.slot('sluice_upstream_requests_total', labels),
      connects: metrics.slot('sluice_upstream_connects_total', labels),
      connectFailures: metrics.slot('sluice_upstream_connect_failures_total', labels),
      reused: metrics.slot('sluice_upstream_connections_reused_total', labels),
      stale: metrics.slot('sluice_upstream_stale_connections_total', labels),
      idle: metrics.slot('sluice_upstream_connections', { ...labels, state: 'idle' }),
      active: metrics.slot('sluice_upstream_connections', { ...labels, state: 'active' }),
    };
  }

  update(): void {
    const { metrics, pool, slots } = this;
    metrics.set(slots.requests, pool.requestsTotal);
    metrics.set(slots.connects, pool.connectsTotal);
    metrics.set(slots.connectFailures, pool.connectFailuresTotal);
    metrics.set(slots.reused, pool.reusedTotal);
    metrics.set(slots.stale, pool.staleTotal);
    metrics.set(slots.idle, pool.idleConnections);
    metrics.set(slots.active, pool.openConnections - pool.idleConnections);
  }
}
