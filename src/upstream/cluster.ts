import { assert } from '../base/assert.ts';
import type { LoopClock } from '../base/clock.ts';
import { type TimeSlice, UNBOUNDED } from '../base/time-slice.ts';
import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';
import { type EndpointState, hasAllowance } from '../config/upstream-types.ts';
import { RoundRobin } from './balancer.ts';
import { type Choice, ClusterState, type SharedState } from './cluster-state.ts';
import type { ExtraKind, ExtraLoad } from './extra-load.ts';
import { makeTarget, type Target } from './target.ts';
import type { HostLimits } from './host-limits.ts';
import type { Pool } from './pool.ts';

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

/** An upstream of the configuration as one worker sees it: its endpoints, each with a pool, and the choice between them. */
export class Cluster {
  readonly config: UpstreamConfig;
  /** `null`: nothing is known of the endpoints but their weights. */
  readonly state: ClusterState | null;
  /** What it may have at once over the whole host; `null` = as much as comes. */
  readonly limits: HostLimits | null;
  #targets: readonly Target[];
  /** No longer endpoints, with something under way. */
  #leaving: readonly Target[] = [];
  /** `null`: it is of the plan in force. */
  #onAsked: (() => void) | null = null;
  readonly #balancer: RoundRobin;
  readonly #extra: ExtraLoad | null;
  readonly #clock: LoopClock;

  constructor(config: UpstreamConfig, clock: LoopClock, shared: SharedState | null = null) {
    this.config = config;
    this.#clock = clock;
    this.limits = shared?.limits ?? null;
    this.state = shared === null ? null : new ClusterState(config, shared);
    this.#extra = this.state !== null && hasAllowance(config) ? this.state.extra : null;
    const endpoints = shared === null ? config.endpoints : shared.endpoints;
    this.#targets = endpoints.map((endpoint) => this.#make(endpoint));
    assert(this.state !== null || endpoints.length > 0, 'an upstream has an endpoint');
    this.#balancer = new RoundRobin(endpoints.map((endpoint) => endpoint.weight));
    this.state?.useTargets(this.#targets);
  }

  get targets(): readonly Target[] {
    return this.#targets;
  }

  /**
   * The endpoint to ask; `null` when none may be. `key`: of balancers that hash, 32 bits. `avoid`: one that has just failed,
   * which is taken only where there is no other. `held`: the one that the client is to stay with, if it may be asked.
   */
  choose(key: number, avoid: Target | null, held: Target | null = null): Target | null {
    if (this.state !== null) return this.state.choose(key, avoid === null ? null : this.#nowOf(avoid), held);
    return held !== null && held !== avoid ? held : this.#pickOther(avoid);
  }

  /** Why `choose` has chosen nobody. */
  get refusal(): Choice['refusal'] {
    return this.state?.choice.refusal ?? 'no-endpoint';
  }

  /** Who was chosen last is not asked after all. */
  giveBackChoice(): void {
    this.state?.giveBackChoice();
  }

  /** Whether one more request may go to this upstream beyond the first ones; it counts as gone. */
  takeExtra(kind: ExtraKind): boolean {
    return this.#extra === null || this.#extra.take(kind);
  }

  /** How long, in ms, until somebody may be asked again; 0 = soon, or not known. */
  untilReadyMs(): number {
    return this.state?.untilReadyMs(this.#clock.hostMs) ?? 0;
  }

  /** Those that stay keep their connections, those that go are drained. */
  setEndpoints(endpoints: readonly EndpointState[]): void {
    const { state } = this;
    if (state === null) return;
    const known = new Map(this.#targets.map((target) => [target.watch?.slot ?? -1, target]));
    const next = endpoints.map((endpoint) => {
      const target = known.get(endpoint.slot);
      known.delete(endpoint.slot);
      return target === undefined ? this.#make(endpoint) : { ...target, endpoint };
    });
    for (const target of known.values()) target.pool.retire(() => this.#takeUp(target));
    this.#leaving = [...this.#leaving, ...known.values()];
    this.#targets = next;
    state.useTargets(next);
  }

  sweep(nowMs: number, slice: TimeSlice = UNBOUNDED): void {
    for (const { pool } of this.#targets) pool.sweep(nowMs, slice);
    if (this.#leaving.length === 0) return;
    for (const { pool } of this.#leaving) pool.sweep(nowMs, slice);
    this.#leaving = this.#leaving.filter(({ pool }) => !isDrained(pool));
  }

  /**
   * After a reload: no idle connection is kept any more; what is under way ends in its own time. `onAsked`: it is asked for a connection
   * again, by a request of an earlier plan that has waited for something.
   */
  retire(onAsked: () => void): void {
    this.#onAsked = onAsked;
    for (const { pool } of this.#targets) pool.retire(onAsked);
  }

  close(): void {
    for (const { pool } of this.#targets) pool.close();
    for (const { pool } of this.#leaving) pool.close();
  }

  /** Nothing is open and nothing waits: a retired cluster may be forgotten. */
  get isDrained(): boolean {
    return this.#leaving.length === 0 && this.#targets.every(({ pool }) => isDrained(pool));
  }

  totals(): ClusterTotals {
    const sum = (read: (pool: Pool) => number): number => this.#targets.reduce((total, { pool }) => total + read(pool), 0);
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

  #make(endpoint: EndpointConfig | EndpointState): Target {
    const watch = this.state === null || !('slot' in endpoint) ? null : this.state.watchOf(endpoint.slot);
    return makeTarget(this.config, endpoint, { clock: this.#clock, watch, limits: this.limits });
  }

  /** As an endpoint of now: those that stay over a change of endpoints are made anew, with the same pool. */
  #nowOf(target: Target): Target {
    return this.#targets.find(({ pool }) => pool === target.pool) ?? target;
  }

  /** One that has gone is asked once more, and has to be swept. */
  #takeUp(target: Target): void {
    if (!this.#leaving.includes(target)) this.#leaving = [...this.#leaving, target];
    this.#onAsked?.();
  }

  #pickOther(avoid: Target | null): Target {
    const target = this.#targets[this.#balancer.pick(0, avoid === null ? -1 : this.#targets.indexOf(avoid))];
    assert(target !== undefined, 'the balancer picks one of the targets');
    return target;
  }
}

function isDrained(pool: Pool): boolean {
  return pool.openConnections === 0 && pool.pendingRequests === 0;
}
