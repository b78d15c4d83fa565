import { randomBytes } from 'node:crypto';
import { Consumers } from '../policy/consumers.ts';
import type { GatewayConfig } from '../config/types.ts';
import type { ConcurrencyTable } from '../shm/concurrency-table.ts';
import { KeyedHash } from '../shm/keyed-hash.ts';
import type { LimitTable } from '../shm/limit-table.ts';
import type { QuotaTable } from '../shm/quota-table.ts';

/** What all workers of the host limit by. */
export type LimitingServices = {
  readonly limits: LimitTable;
  readonly concurrency: ConcurrencyTable;
  readonly quotas: QuotaTable;
};

const SEED_BYTES = 16;

/** One worker's way to the limits that all share, and who its clients are by the configuration in force. */
export class Limiting {
  readonly services: LimitingServices;
  readonly limitHash: KeyedHash;
  readonly concurrencyHash: KeyedHash;
  readonly quotaHash: KeyedHash;
  /** `null`: nobody has a name. */
  readonly consumers: Consumers | null;
  readonly maxDelayed: number;
  /** Requests that wait their turn. */
  delayed = 0;

  constructor(services: LimitingServices, config: GatewayConfig) {
    this.services = services;
    this.limitHash = new KeyedHash(services.limits.seed);
    this.concurrencyHash = new KeyedHash(services.concurrency.seed);
    this.quotaHash = new KeyedHash(services.quotas.seed);
    this.consumers = config.consumers === undefined ? null : new Consumers(config.consumers, randomBytes(SEED_BYTES));
    this.maxDelayed = config.limiter.maxDelayed;
  }
}
