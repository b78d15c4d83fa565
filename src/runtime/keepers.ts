import type { GatewayConfig } from '../config/types.ts';
import type { EventLog } from '../observe/log.ts';
import type { CacheMemory } from './cache-memory.ts';
import type { OwnSources } from './launch.ts';
import type { CacheSegments } from './messages.ts';
import { type QuotaKeeping, QuotasHost } from './quotas/quotas-host.ts';
import { RecordsHost } from './records/records-host.ts';
import { DiskTierHost } from './store/disk-tier-host.ts';
import type { WorkerHandle } from './worker-handle.ts';

export type KeepersOptions = {
  readonly sources: OwnSources;
  readonly log: EventLog;
  readonly cache: CacheMemory;
  /** Those that live. */
  workers(): Iterable<WorkerHandle>;
};

/** The threads that keep things under `store.path`, from the coordinator's side: the disk tier of the cache, the records of Idempotency-Key, the quotas. */
export class Keepers {
  readonly disk: DiskTierHost;
  readonly records: RecordsHost;
  readonly quotas: QuotasHost;

  constructor({ sources, log, cache, workers }: KeepersOptions) {
    this.disk = new DiskTierHost({
      sources,
      log,
      participants: cache.participants,
      participant: cache.storeThreadIndex,
      recover: () => cache.recover(cache.storeThreadIndex),
      onChanged: () => {
        for (const worker of workers()) this.#linkToDisk(worker);
      },
    });
    this.quotas = new QuotasHost({ sources, log });
    this.records = new RecordsHost({
      sources,
      log,
      onChanged: () => {
        for (const worker of workers()) this.#linkToRecords(worker);
      },
    });
  }

  /** A plan that may come into force. */
  prepare(config: GatewayConfig, caching: CacheSegments | undefined, quotas: QuotaKeeping | undefined): void {
    this.disk.prepare(caching);
    this.records.prepare(config);
    this.quotas.prepare(quotas);
  }

  /** The plan in force. */
  settle(config: GatewayConfig, caching: CacheSegments | undefined): Promise<void> {
    const keepsCache = config.routes.some(({ cache }) => cache !== undefined);
    return this.disk.settle(caching, keepsCache ? config.store : undefined);
  }

  /** Before workers are said to be ready. */
  async opened(): Promise<void> {
    await Promise.all([this.disk.opened(), this.records.opened()]);
  }

  link(worker: WorkerHandle): void {
    this.#linkToDisk(worker);
    this.#linkToRecords(worker);
  }

  /** After the workers. */
  async close(): Promise<void> {
    await Promise.all([this.disk.close(), this.records.close(), this.quotas.close()]);
  }

  #linkToDisk(worker: WorkerHandle): void {
    const link = this.disk.link(worker.slot);
    worker.send({ kind: 'disk', link }, link === undefined ? [] : [link.port]);
  }

  #linkToRecords(worker: WorkerHandle): void {
    const port = this.records.link();
    if (port !== undefined) worker.send({ kind: 'records', port }, [port]);
  }
}
