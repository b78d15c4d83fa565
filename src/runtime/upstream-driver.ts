import type { EndpointConfig, UpstreamConfig } from '../config/types.ts';
import type { EndpointState } from '../config/upstream-types.ts';
import type { EventLog } from '../observe/log.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { WeightReason } from './endpoint-weights.ts';
import type { EndpointMemory } from '../upstream/endpoint-memory.ts';

/** What the coordinator does for one upstream on behalf of all workers: checks, ejections, discovery, allowances. Ticked every 50 ms. */
export interface UpstreamDriver {
  /** Host time in ms. */
  tick(nowMs: number): void;
  /** The endpoints are others from now on; those that stayed are the same objects. */
  onEndpoints?(endpoints: readonly EndpointState[]): void;
  /** After the thread of a worker has ended. */
  recover?(worker: number): void;
  /** Until then there is nothing to ask, and a start waits a little. */
  readonly ready?: Promise<void>;
  /** At a scrape. */
  writeMetrics?(writer: MetricsWriter): void;
  /** For `GET /upstreams`: fields of the upstream, and of each endpoint by its slot. */
  snapshot?(): { readonly upstream?: object; readonly endpoints?: ReadonlyMap<number, object> };
  /** The plan that wanted it is no longer in force. */
  stop(): void;
}

/** What a driver is given. */
export type DrivenUpstream = {
  readonly config: UpstreamConfig;
  readonly memory: EndpointMemory;
  readonly serviceSlot: number;
  readonly log: EventLog;
  /** Those that may be asked now. */
  endpoints(): readonly EndpointState[];
  /** Sets or clears a flag of `STATE_FLAG`, and raises the version if that changes anything. */
  flag(slot: number, flag: number, isSet: boolean): void;
  /** Thousandths of the configured weight; where several drivers want less, the least holds. */
  setWeight(slot: number, reason: WeightReason, thousandths: number): void;
  /** Another set of endpoints, from discovery. Those that are gone are drained. */
  setEndpoints(endpoints: readonly EndpointConfig[]): void;
  /** Drivers of the same upstream that are told of each other's findings. */
  tell(finding: UpstreamFinding): void;
  /** Registers a listener for `tell`. */
  onFinding(listener: (finding: UpstreamFinding) => void): void;
};

/** `passive-failure`: traffic has met one, so the next check should come soon. `checked`: an active check has passed or failed. */
export type UpstreamFinding =
  | { readonly kind: 'passive-failure'; readonly slot: number }
  | { readonly kind: 'checked'; readonly slot: number; readonly isHealthy: boolean };

/** `undefined`: the upstream does not want it. */
export type MakeDriver = (upstream: DrivenUpstream) => UpstreamDriver | undefined;
