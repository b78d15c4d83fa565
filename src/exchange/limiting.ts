import { randomBytes } from 'node:crypto';
import { Consumers } from '../policy/consumers.ts';
import type { GatewayConfig, ShedPriority } from '../config/types.ts';
import type { ConcurrencyTable } from '../shm/concurrency-table.ts';
import { LimitHash } from '../policy/limit-hash.ts';
import type { LimitTable } from '../shm/limit-table.ts';
import type { QuotaTable } from '../shm/quota-table.ts';
import { QuotaSet } from '../usage/quota-set.ts';

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
  /** Of all keys, in whichever table. */
  readonly hash: LimitHash;
  readonly quotaSet = new QuotaSet();
  /** `null`: nobody has a name. */
  readonly consumers: Consumers | null;
  /** Who gives way first when an upstream has too much to do, by tier, where the tier says so. */
  readonly priorities: ReadonlyMap<string, ShedPriority>;
  readonly maxDelayed: number;
  /** Requests that wait their turn. */
  delayed = 0;

  constructor(services: LimitingServices, config: GatewayConfig) {
    this.services = services;
    this.hash = new LimitHash(services.limits.seed);
    this.consumers = config.consumers === undefined ? null : new Consumers(config.consumers, randomBytes(SEED_BYTES));
    this.priorities = prioritiesOf(config);
    this.maxDelayed = config.limiter.maxDelayed;
  }
}

function prioritiesOf({ tiers }: GatewayConfig): ReadonlyMap<string, ShedPriority> {
  return new Map(tiers.flatMap(({ name, shedPriority }) => (shedPriority === undefined ? [] : [[name, shedPriority] as const])));
}
