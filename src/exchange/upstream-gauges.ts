import { RESOURCE_KINDS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { MetricSlot } from '../observe/slots.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { HostLimits } from '../upstream/host-limits.ts';
import type { Pool } from '../upstream/pool.ts';

/**
 * Carries what the pools count for themselves over to the shared cells, at every sweep: the request path counts plain numbers.
 * A counter is added to and never set: a pool begins at nothing, the cells go on over reloads and respawns.
 */
export class UpstreamGauges {
  private readonly metrics: MetricsWriter;
  private readonly rows: readonly PoolRow[];
  private readonly bounds: readonly Counted[];
  private readonly pending: readonly (readonly [Cluster, MetricSlot, Counted])[];

  constructor(metrics: MetricsWriter, clusters: ReadonlyMap<string, Cluster>) {
    this.metrics = metrics;
    this.rows = [...clusters].flatMap(([upstream, cluster]) =>
      cluster.targets.map(({ endpoint, pool }) => new PoolRow(metrics, pool, { upstream, endpoint: endpoint.url })),
    );
    this.bounds = [...clusters].flatMap(([upstream, { limits }]) => boundsOf(metrics, upstream, limits));
    this.pending = [...clusters].map(([upstream, cluster]) => [
      cluster,
      metrics.slot('sluice_upstream_pending', { upstream }),
      new Counted(metrics, metrics.slot('sluice_upstream_pool_overflows_total', { upstream }), () => cluster.totals().pendingOverflowTotal),
    ]);
  }

  update(): void {
    for (const row of this.rows) row.update();
    for (const bound of this.bounds) bound.update();
    for (const [cluster, pending, overflows] of this.pending) {
      this.metrics.set(pending, cluster.totals().pendingRequests);
      overflows.update();
    }
  }

  /** Another plan comes: what has been counted stays, and what is only a state ends. */
  end(): void {
    for (const row of this.rows) row.end();
    for (const bound of this.bounds) bound.update();
    for (const [, pending, overflows] of this.pending) {
      overflows.update();
      this.metrics.set(pending, 0);
    }
  }
}

function boundsOf(metrics: MetricsWriter, upstream: string, limits: HostLimits | null): readonly Counted[] {
  if (limits === null) return [];
  return RESOURCE_KINDS.flatMap((resource) => {
    const limit = limits[resource];
    if (limit === null) return [];
    return [new Counted(metrics, metrics.slot('sluice_resource_refused_total', { upstream, resource }), () => limit.refusedTotal)];
  });
}

/** A count that somebody keeps for himself, and the cell that it is carried to. */
class Counted {
  private readonly metrics: MetricsWriter;
  private readonly slot: MetricSlot;
  private readonly read: () => number;
  private carried: number;

  constructor(metrics: MetricsWriter, slot: MetricSlot, read: () => number) {
    this.metrics = metrics;
    this.slot = slot;
    this.read = read;
    this.carried = read();
  }

  update(): void {
    const total = this.read();
    if (total === this.carried) return;
    this.metrics.add(this.slot, total - this.carried);
    this.carried = total;
  }
}

class PoolRow {
  private readonly metrics: MetricsWriter;
  private readonly pool: Pool;
  private readonly idle: MetricSlot;
  private readonly active: MetricSlot;
  private readonly counters: readonly Counted[];

  constructor(metrics: MetricsWriter, pool: Pool, labels: { readonly upstream: string; readonly endpoint: string }) {
    this.metrics = metrics;
    this.pool = pool;
    this.idle = metrics.slot('sluice_upstream_connections', { ...labels, state: 'idle' });
    this.active = metrics.slot('sluice_upstream_connections', { ...labels, state: 'active' });
    this.counters = [
      new Counted(metrics, metrics.slot('sluice_upstream_requests_total', labels), () => pool.requestsTotal),
      new Counted(metrics, metrics.slot('sluice_upstream_connects_total', labels), () => pool.connectsTotal),
      new Counted(metrics, metrics.slot('sluice_upstream_connect_failures_total', labels), () => pool.connectFailuresTotal),
      new Counted(metrics, metrics.slot('sluice_upstream_connections_reused_total', labels), () => pool.reusedTotal),
      new Counted(metrics, metrics.slot('sluice_upstream_stale_connections_total', labels), () => pool.staleTotal),
    ];
  }

  update(): void {
    const { metrics, pool } = this;
    for (const counter of this.counters) counter.update();
    metrics.set(this.idle, pool.idleConnections);
    metrics.set(this.active, pool.openConnections - pool.idleConnections);
  }

  end(): void {
    this.update();
    this.metrics.set(this.idle, 0);
    this.metrics.set(this.active, 0);
  }
}
