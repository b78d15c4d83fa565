import { randomBytes } from 'node:crypto';
import type { UpstreamConfig } from '../config/types.ts';
import { RESOURCE_KINDS } from '../observe/labels.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { ConcurrencyTable } from '../shm/concurrency-table.ts';
import { createHostLimits, HOST_LIMITS_SEED_BYTES, type HostLimits, HostLimitMaker } from '../upstream/host-limits.ts';

/** What bounded upstreams have at once, from the coordinator's side: the memory, made when a plan first bounds one, and what there is to be seen. */
export class HostLimitBook {
  readonly #workers: number;
  readonly #limits = new Map<string, HostLimits>();
  #table: ConcurrencyTable | undefined;

  /** `workers`: how many may ever live at once. */
  constructor(workers: number) {
    this.#workers = workers;
  }

  /** The memory for a plan; `undefined` when it bounds nothing. */
  prepare(upstreams: readonly UpstreamConfig[]): SharedArrayBuffer | undefined {
    if (upstreams.every(({ resources }) => resources === undefined)) return undefined;
    this.#table ??= new ConcurrencyTable(createHostLimits(this.#workers, randomBytes(HOST_LIMITS_SEED_BYTES)), this.#workers);
    return this.#table.memory;
  }

  /** The plan in force. */
  settle(upstreams: Iterable<UpstreamConfig>): void {
    this.#limits.clear();
    if (this.#table === undefined) return;
    const maker = new HostLimitMaker(this.#table);
    for (const { name, resources } of upstreams) if (resources !== undefined) this.#limits.set(name, maker.make(name, resources));
  }

  /** The thread of this worker has ended: what it had it has no longer. */
  recover(worker: number): void {
    this.#table?.recover(worker);
  }

  writeMetrics(writer: MetricsWriter): void {
    for (const [upstream, limits] of this.#limits) {
      for (const resource of RESOURCE_KINDS) {
        writer.set(writer.slot('sluice_resource_in_use', { upstream, resource }), limits[resource]?.inUse ?? 0);
      }
    }
  }

  /** For `GET /upstreams`; `undefined`: it is not bounded. */
  describe(upstream: string): object | undefined {
    const limits = this.#limits.get(upstream);
    if (limits === undefined) return undefined;
    return Object.fromEntries(
      RESOURCE_KINDS.flatMap((resource) => {
        const limit = limits[resource];
        return limit === null ? [] : [[resource, limit.inUse]];
      }),
    );
  }
}
