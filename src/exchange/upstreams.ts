import type { LoopClock } from '../base/clock.ts';
import type { TimeSlice } from '../base/time-slice.ts';
import type { GatewayConfig, UpstreamConfig } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { Cluster } from '../upstream/cluster.ts';
import type { EndpointMemory } from '../upstream/endpoint-memory.ts';
import type { HostLimitMaker } from '../upstream/host-limits.ts';
import { UpstreamGauges } from './upstream-gauges.ts';

/** What a worker is given of all upstreams that have state. */
export type UpstreamServices = {
  readonly memory: EndpointMemory;
  /** This thread's block of counts. */
  readonly worker: number;
  /** By the upstream's name. */
  readonly services: Readonly<Record<string, number>>;
  readonly endpoints: Readonly<Record<string, readonly EndpointState[]>>;
  /** `null`: no upstream is bounded. */
  readonly limits: HostLimitMaker | null;
};

/** The upstreams that one worker sends to: those of the plan in force, and of earlier ones what is still under way. */
export class Upstreams {
  readonly #clock: LoopClock;
  readonly #retired = new Set<Cluster>();
  #clusters: ReadonlyMap<string, Cluster> = new Map();
  #gauges: UpstreamGauges | undefined;

  constructor(clock: LoopClock) {
    this.#clock = clock;
  }

  /** Of the plan in force, by name. */
  get clusters(): ReadonlyMap<string, Cluster> {
    return this.#clusters;
  }

  /** Those of a plan that is about to be loaded. One whose settings are as before goes on as it is. */
  prepare(config: GatewayConfig, services: UpstreamServices | undefined): ReadonlyMap<string, Cluster> {
    return new Map(config.upstreams.map((upstream) => [upstream.name, this.#reuse(upstream, services)]));
  }

  /** The plan is in force: upstreams that did not change keep their connections, the others' are closed as they become idle. */
  use(clusters: ReadonlyMap<string, Cluster>, metrics: MetricsWriter): void {
    for (const [name, cluster] of this.#clusters) if (clusters.get(name) !== cluster) this.#retire(cluster);
    this.#clusters = clusters;
    this.#gauges?.end();
    this.#gauges = new UpstreamGauges(metrics, clusters);
    this.#gauges.update();
  }

  /** Discovery has found others. */
  setEndpoints(upstream: string, endpoints: readonly EndpointState[]): void {
    this.#clusters.get(upstream)?.setEndpoints(endpoints);
  }

  sweep(nowMs: number, slice: TimeSlice): void {
    for (const cluster of this.#clusters.values()) cluster.sweep(nowMs, slice);
    for (const cluster of this.#retired) {
      cluster.sweep(nowMs, slice);
      if (cluster.isDrained) this.#retired.delete(cluster);
    }
    this.#gauges?.update();
  }

  close(): void {
    for (const cluster of this.#clusters.values()) cluster.close();
    for (const cluster of this.#retired) cluster.close();
  }

  #reuse(upstream: UpstreamConfig, services: UpstreamServices | undefined): Cluster {
    const { name } = upstream;
    const serviceSlot = services?.services[name] ?? -1;
    const endpoints = services?.endpoints[name] ?? [];
    const known = this.#clusters.get(name);
    if (known !== undefined && JSON.stringify(known.config) === JSON.stringify(upstream)) {
      known.setEndpoints(endpoints);
      return known;
    }
    if (services === undefined || serviceSlot < 0) return new Cluster(upstream, this.#clock);
    const { memory, worker } = services;
    const limits = upstream.resources === undefined ? null : (services.limits?.make(name, upstream.resources) ?? null);
    return new Cluster(upstream, this.#clock, { memory, worker, serviceSlot, endpoints, limits });
  }

  #retire(cluster: Cluster): void {
    // Nobody would look at its time limits, were it forgotten when a request of an earlier plan asks it after a wait.
    cluster.retire(() => this.#retired.add(cluster));
    this.#retired.add(cluster);
  }
}
