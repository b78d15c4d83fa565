import { DISCOVERED, RESOURCE_KINDS } from '../observe/labels.ts';
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
  private readonly pools: readonly ClusterPools[];
  private readonly bounds: readonly Counted[];
  private readonly pending: readonly (readonly [Cluster, MetricSlot, Counted])[];

  constructor(metrics: MetricsWriter, clusters: ReadonlyMap<string, Cluster>) {
    this.metrics = metrics;
    this.pools = [...clusters].map(([upstream, cluster]) => new ClusterPools(metrics, upstream, cluster));
    this.bounds = [...clusters].flatMap(([upstream, { limits }]) => boundsOf(metrics, upstream, limits));
    this.pending = [...clusters].map(([upstream, cluster]) => [
      cluster,
      metrics.slot('sluice_upstream_pending', { upstream }),
      new Counted(metrics, metrics.slot('sluice_upstream_pool_overflows_total', { upstream }), () => cluster.totals().pendingOverflowTotal),
    ]);
  }

  update(): void {
    for (const pools of this.pools) pools.update();
    for (const bound of this.bounds) bound.update();
    for (const [cluster, pending, overflows] of this.pending) {
      this.metrics.set(pending, cluster.totals().pendingRequests);
      overflows.update();
    }
  }

  /** Another plan comes: what has been counted stays, and what is only a state ends. */
  end(): void {
    for (const pools of this.pools) pools.end();
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

  /** `carried`: what of it is in the cell already; all where nothing is said. */
  constructor(metrics: MetricsWriter, slot: MetricSlot, read: () => number, carried?: number) {
    this.metrics = metrics;
    this.slot = slot;
    this.read = read;
    this.carried = carried ?? read();
  }

  update(): void {
    this.carry(this.read());
  }

  carry(total: number): void {
    if (total === this.carried) return;
    this.metrics.add(this.slot, total - this.carried);
    this.carried = total;
  }
}

/** The pools of one cluster, which change where its endpoints are discovered. */
class ClusterPools {
  private readonly metrics: MetricsWriter;
  private readonly upstream: string;
  private readonly cluster: Cluster;
  private readonly configured: ReadonlySet<string>;
  private readonly rows = new Map<Pool, PoolRow>();
  /** As of the last look: another set is another list. */
  private targets: Cluster['targets'] = [];

  constructor(metrics: MetricsWriter, upstream: string, cluster: Cluster) {
    this.metrics = metrics;
    this.upstream = upstream;
    this.cluster = cluster;
    this.configured = new Set(cluster.config.endpoints.map(({ url }) => url));
    this.follow('counted-before');
  }

  update(): void {
    if (this.cluster.targets !== this.targets) this.follow('new');
    for (const row of this.rows.values()) row.update();
  }

  end(): void {
    for (const row of this.rows.values()) row.end();
  }

  /** A pool that has left the cluster is followed until nothing of it is open. */
  private follow(pools: 'new' | 'counted-before'): void {
    const { metrics, upstream, rows, configured } = this;
    const carried = pools === 'new' ? 0 : undefined;
    this.targets = this.cluster.targets;
    const current = new Set(this.targets.map(({ pool }) => pool));
    for (const [pool, row] of rows) {
      if (current.has(pool) || pool.openConnections > 0 || pool.pendingRequests > 0) continue;
      row.end();
      rows.delete(pool);
    }
    for (const { endpoint, pool } of this.targets) {
      if (rows.has(pool)) continue;
      rows.set(pool, new PoolRow(metrics, pool, { upstream, endpoint: configured.has(endpoint.url) ? endpoint.url : DISCOVERED, carried }));
    }
  }
}

/** `carried`: what of its counts is in the cells already; `undefined` = all. */
type PoolLabels = { readonly upstream: string; readonly endpoint: string; readonly carried: number | undefined };

/** Several pools may have one row of cells, so that all is added and nothing set. */
class PoolRow {
  private readonly states: readonly Counted[];
  private readonly counters: readonly Counted[];

  constructor(metrics: MetricsWriter, pool: Pool, { carried, ...labels }: PoolLabels) {
    const state = (word: 'idle' | 'active', read: () => number): Counted =>
      new Counted(metrics, metrics.slot('sluice_upstream_connections', { ...labels, state: word }), read, 0);
    this.states = [state('idle', () => pool.idleConnections), state('active', () => pool.openConnections - pool.idleConnections)];
    this.counters = [
      new Counted(metrics, metrics.slot('sluice_upstream_requests_total', labels), () => pool.requestsTotal, carried),
      new Counted(metrics, metrics.slot('sluice_upstream_connects_total', labels), () => pool.connectsTotal, carried),
      new Counted(metrics, metrics.slot('sluice_upstream_connect_failures_total', labels), () => pool.connectFailuresTotal, carried),
      new Counted(metrics, metrics.slot('sluice_upstream_connections_reused_total', labels), () => pool.reusedTotal, carried),
      new Counted(metrics, metrics.slot('sluice_upstream_stale_connections_total', labels), () => pool.staleTotal, carried),
    ];
  }

  update(): void {
    for (const counter of this.counters) counter.update();
    for (const state of this.states) state.update();
  }

  end(): void {
    for (const counter of this.counters) counter.update();
    for (const state of this.states) state.carry(0);
  }
}
