import type { GatewayConfig } from '../config/types.ts';
import type { EventLog } from '../observe/log.ts';
import { AdaptiveHost } from './adaptive-host.ts';
import { CacheMemory } from './cache-memory.ts';
import type { Keepers } from './keepers.ts';
import { LimitHost } from './limits/limit-host.ts';
import type { CacheSegments, PlanMessage } from './messages.ts';
import { MirrorHost } from './mirrors/mirror-host.ts';
import { DRIVERS } from './upstream-drivers.ts';
import { UpstreamHost, type UpstreamHostOptions } from './upstream-host.ts';
import type { WorkerHandle } from './worker-handle.ts';

export type SharedSegments = Pick<PlanMessage, 'caching' | 'limiting' | 'adaptive' | 'upstreams'>;

/** What workers share, from the coordinator's side: each part makes its memory when a plan first needs it. */
export class SharedHosts {
  readonly cache: CacheMemory;
  readonly limits: LimitHost;
  readonly adaptive: AdaptiveHost;
  readonly upstreams: UpstreamHost;
  readonly mirrors: MirrorHost;

  /** `slots`: how many workers may ever live at once. */
  constructor(slots: number, log: EventLog, onEndpoints: UpstreamHostOptions['onEndpoints']) {
    this.cache = new CacheMemory(slots, log);
    this.limits = new LimitHost(slots, log);
    this.adaptive = new AdaptiveHost(slots);
    this.mirrors = new MirrorHost(log);
    this.upstreams = new UpstreamHost({ slots, log, drivers: DRIVERS, onEndpoints });
  }

  /** The memory for a plan. Text when it cannot be had. */
  prepare(config: GatewayConfig): SharedSegments | string {
    const caching = this.cache.prepare(config);
    if (typeof caching === 'string') return caching;
    const limiting = this.limits.prepare(config);
    if (typeof limiting === 'string') return limiting;
    return { caching, limiting, adaptive: this.adaptive.prepare(config), upstreams: this.upstreams.prepare(config) };
  }

  /** The plan is in force. */
  settle(config: GatewayConfig, caching: CacheSegments | undefined): void {
    this.cache.settle(caching);
    this.adaptive.settle(config);
    this.upstreams.settle(config);
    this.mirrors.settle(config);
  }

  /** A worker has started. */
  link(worker: WorkerHandle, keepers: Keepers): void {
    keepers.link(worker);
    this.mirrors.link(worker);
  }

  /** The thread of this slot has ended. False: not all could be mended yet. */
  recover(slot: number): boolean {
    this.limits.recover(slot);
    this.adaptive.recover(slot);
    this.upstreams.recover(slot);
    return this.cache.recover(slot);
  }
}
