import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';
import { RoundRobin } from './balancer.ts';
import { connectionPlan } from './plan.ts';
import { Pool } from './pool.ts';

/** Sums over the pools of a cluster: gauges first, then counters since the start. */
export type ClusterTotals = {
  openConnections: number;
  idleConnections: number;
  pendingRequests: number;
  connectsTotal: number;
  connectFailuresTotal: number;
  reusedTotal: number;
  staleTotal: number;
  requestsTotal: number;
  pendingOverflowTotal: number;
  pendingTimeoutsTotal: number;
};

/** One endpoint of a cluster, with this worker's connections to it. */
export type Target = {
  readonly endpoint: EndpointConfig;
  /** What stands in `Host` for it: host[:port], without a port that is http's own. */
  readonly authority: string;
  readonly pool: Pool;
};

/** An upstream of the configuration as one worker sees it: its endpoints, each with a pool, and the choice between them. */
export class Cluster {
  readonly config: UpstreamConfig;
  readonly targets: readonly Target[];
  readonly #balancer: RoundRobin;

  constructor(config: UpstreamConfig, clock: Clock) {
    assert(config.endpoints.length > 0, 'an upstream has an endpoint');
    this.config = config;
    this.targets = config.endpoints.map((endpoint) => ({
      endpoint,
      authority: authorityOf(endpoint),
      pool: new Pool(connectionPlan(config, endpoint), clock),
    }));
    this.#balancer = new RoundRobin(config.endpoints.map((endpoint) => endpoint.weight));
  }

  pickTarget(): Target {
    const target = this.targets[this.#balancer.pick()];
    assert(target !== undefined, 'the balancer picks one of the targets');
    return target;
  }

  /** For one more attempt: not the endpoint that has just failed, where there is another. */
  pickOther(failed: Target | null): Target {
    const target = this.pickTarget();
    if (target !== failed) return target;
    const other = this.targets[(this.targets.indexOf(target) + 1) % this.targets.length];
    return other ?? target;
  }

  pick(): Pool {
    return this.pickTarget().pool;
  }

  sweep(nowMs: number): void {
    for (const { pool } of this.targets) pool.sweep(nowMs);
  }

  /** After a reload: no idle connection is kept any more; what is under way ends in its own time. */
  retire(): void {
    for (const { pool } of this.targets) pool.retire();
  }

  close(): void {
    for (const { pool } of this.targets) pool.close();
  }

  /** Nothing is open and nothing waits: a retired cluster may be forgotten. */
  get isDrained(): boolean {
    return this.targets.every(({ pool }) => pool.openConnections === 0 && pool.pendingRequests === 0);
  }

  totals(): ClusterTotals {
    const sum = (read: (pool: Pool) => number): number => this.targets.reduce((total, { pool }) => total + read(pool), 0);
    return {
      openConnections: sum((pool) => pool.openConnections),
      idleConnections: sum((pool) => pool.idleConnections),
      pendingRequests: sum((pool) => pool.pendingRequests),
      connectsTotal: sum((pool) => pool.connectsTotal),
      connectFailuresTotal: sum((pool) => pool.connectFailuresTotal),
      reusedTotal: sum((pool) => pool.reusedTotal),
      staleTotal: sum((pool) => pool.staleTotal),
      requestsTotal: sum((pool) => pool.requestsTotal),
      pendingOverflowTotal: sum((pool) => pool.pendingOverflowTotal),
      pendingTimeoutsTotal: sum((pool) => pool.pendingTimeoutsTotal),
    };
  }
}

function authorityOf({ host, port }: EndpointConfig): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === 80 ? name : `${name}:${port}`;
}
